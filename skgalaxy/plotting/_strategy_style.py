"""One colour and one marker for each strategy, the same in all figures."""

from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

from skgalaxy.plotting._style import BLACK, BLUE, GREEN, VERMILLION

ORANGE, PURPLE, SKY = "#E69F00", "#CC79A7", "#56B4E9"
# the palette's pale yellow is left out: no line or label in it can be read on white
COLOURS = (GREEN, VERMILLION, BLUE, PURPLE, BLACK, ORANGE, SKY)
MARKERS = "osD^vPX<>*hpd"


class StrategyStyle(NamedTuple):
    """Colour and marker of a strategy's line."""

    colour: str
    marker: str


# Seven colours serve thirteen strategies: a variant has the colour of its parent, and all markers
# differ. The first seven are drawn together, in `benchmarks/`.
KNOWN = {
    "random": StrategyStyle(GREEN, "o"),
    "mutual information": StrategyStyle(VERMILLION, "s"),
    "joint": StrategyStyle(BLUE, "D"),
    "variance": StrategyStyle(PURPLE, "^"),
    "power": StrategyStyle(BLACK, "v"),
    "diverse": StrategyStyle(ORANGE, "P"),
    "epig": StrategyStyle(SKY, "X"),
    "joint variance": StrategyStyle(BLUE, "d"),
    "entropy": StrategyStyle(PURPLE, "<"),
    "jackknife": StrategyStyle(VERMILLION, ">"),
    "diverse embedding": StrategyStyle(ORANGE, "*"),
    "top k, 25 % random": StrategyStyle(BLACK, "h"),
    "joint, 25 % random": StrategyStyle(BLUE, "p"),
}
ALIASES = {
    "bald": "mutual information",
    "joint information": "joint",
    "predictive entropy": "entropy",
}


def strategy_styles(names: Iterable[str]) -> dict[str, StrategyStyle]:
    """Style of every strategy of a figure, by name.

    A known strategy always has its own style, also under the name of its function, for example
    "joint_sampling". Any other name has a style that depends on its letters. The style moves on to
    the next colour only if the figure has the first one already.

    Parameters
    ----------
    names : iterable of str
        The strategies, as you label them.

    Returns
    -------
    styles : dict of str to StrategyStyle
    """
    names = list(names)
    styles = {name: KNOWN[_plain(name)] for name in names if _plain(name) in KNOWN}
    # sorted: the order of the lines in a figure must not change their colours
    for name in sorted(set(names) - set(styles)):
        styles[name] = _free_style(name, set(styles.values()))
    return {name: styles[name] for name in names}


def _free_style(name: str, taken: set[StrategyStyle]) -> StrategyStyle:
    """Style of an unknown strategy, other than those taken while there are any."""
    # not `hash`: that of a str changes from one run of Python to the next
    start = crc32(name.encode())
    colours = [COLOURS[(start + step) % len(COLOURS)] for step in range(len(COLOURS))]
    markers = [MARKERS[(start + step) % len(MARKERS)] for step in range(len(MARKERS))]
    # a colour of its own comes first: it is what the eye follows, and markers overlap
    colours.sort(key=lambda colour: sum(colour == style.colour for style in taken))
    pairs = (StrategyStyle(colour, marker) for colour in colours for marker in markers)
    return next((pair for pair in pairs if pair not in taken), StrategyStyle(colours[0], "o"))


def _plain(name: str) -> str:
    """Name of a strategy in one spelling: that of its line in `KNOWN`."""
    plain = name.lower().replace("_", " ").replace("-", " ").removesuffix(" sampling")
    return ALIASES.get(plain, plain)
