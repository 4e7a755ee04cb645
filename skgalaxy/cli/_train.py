"""The command `train`: a model of the votes on one question, or on a whole tree."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from skgalaxy.cli._common import (
    FILE,
    FOLDER,
    NEW_FILE,
    POSITIVE,
    Command,
    check_new,
    dialect_option,
    examples,
    force_option,
    full_name,
    hushed,
    id_column_option,
    join,
    list_images,
    note,
    packed,
    quiet_option,
    refuse_given,
    seed_option,
    strict_option,
    wants_bars,
)
from skgalaxy.cli._model_files import calibration_of, show_progress
from skgalaxy.cli._trees import (
    find_tree,
    not_learned,
    read_tree_votes,
    tree_option,
)
from skgalaxy.exceptions import NotCalibratedWarning, NoVotesWarning

if TYPE_CHECKING:  # as in _common.py
    from numpy.typing import NDArray

    from skgalaxy.votes import DecisionTree

_LEAST_GALAXIES = 20  # 16 to learn from and 4 to calibrate on


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy train images votes.csv --answer featured --model featured.skgalaxy",
        "skgalaxy train images gz_decals.csv --question bar --answer strong --answer weak \\",
        "    --crop 256 --epochs 100 --model bars.skgalaxy",
        "skgalaxy train images gz2.csv --tree gz2 --model gz2.skgalaxy",
    ),
)
@click.argument("images", type=FOLDER)
@click.argument("votes", type=FILE)
@click.option(
    "--question",
    metavar="NAME",
    help="Question to learn, for example bar.  [default: the only one of the table]",
)
@click.option(
    "--answer",
    "answers",
    metavar="NAME",
    multiple=True,
    help="Answer to learn, or its first letters. Repeat it to count several answers as one. "
    "Needed without --tree.",
)
@tree_option
@click.option("--model", type=NEW_FILE, required=True, help="File to write.")
@dialect_option
@id_column_option
@click.option("--size", type=POSITIVE, default=64, help="Width of the network's images in pixels.")
@click.option(
    "--crop",
    type=POSITIVE,
    help="Width in pixels of the centre of each image to keep.  [default: all]",
)
@click.option("--color", is_flag=True, help="Learn from three colours instead of their mean.")
@click.option(
    "--bands",
    help="Bands of the planes in FITS, in the order of the file, for example grz.  [default: as "
    "the header says]",
)
@click.option(
    "--pictures",
    type=click.Choice(["galaxies", "upright"]),
    default="galaxies",
    help="Galaxies have no up: training turns and mirrors them, and a prediction is the mean of "
    "eight views. Upright pictures, for example of clothes, stay as they are.",
)
@click.option(
    "--epochs",
    type=POSITIVE,
    help="Number of passes over the galaxies.  [default: by their number, about 125 sqrt(n) steps; "
    "twice as many for upright pictures, and for a tree]",
)
@click.option(
    "--batch-size", type=POSITIVE, default=16, help="Number of galaxies per training step."
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    help="Number format of the computation; auto is the fastest on your processor.",
)
@seed_option
@strict_option
@quiet_option
@force_option
def train(
    images: Path,
    votes: Path,
    question: str | None,
    answers: tuple[str, ...],
    tree: str | None,
    model: Path,
    dialect: str,
    id_column: str | None,
    pictures: Literal["galaxies", "upright"],
    epochs: int | None,
    strict: bool,
    quiet: bool,
    force: bool,
    **parameters: Any,
) -> None:
    """Train a model of the votes on your images.

    IMAGES is a folder of files {id}.jpg, .png, .tif, .webp, .fits ...; folders inside it
    are searched, too. VOTES is a table that `skgalaxy votes` can read. They are joined by id.
    Galaxies without an image or without votes are counted and left out.

    With --tree one network learns all questions of a decision tree that VOTES has.

    The network learns from four fifths of the galaxies, and the votes on the others tell how wide
    its intervals must be. You need at least 20 galaxies with two votes or more.
    """
    from sklearn.pipeline import make_pipeline

    from skgalaxy.calibration import recommended
    from skgalaxy.images import ImageLoader
    from skgalaxy.persistence import save

    check_new(model, force)
    if tree is not None:
        refuse_given(["question", "answers"], "is for one question; leave it out with --tree.")
        target = _whole_tree(votes, find_tree(tree), dialect, id_column)
    elif answers:
        target = _one_question(votes, question, answers, dialect, id_column)
    else:
        raise click.UsageError("Missing option '--answer', or '--tree' for all questions.")
    table, paths = join(target.table, list_images(images), images, quiet)
    n_votes = _most_votes(table)
    _check_enough(n_votes)

    loader = ImageLoader(
        **{name: parameters.pop(name) for name in ("size", "crop", "color", "bands")}
    )
    parameters |= {"random_state": parameters.pop("seed"), "verbose": wants_bars(quiet)}
    parameters |= {"epochs": epochs} if epochs else {}
    with hushed():  # after all that can be refused without TensorFlow, which it imports
        estimator = recommended(pictures, tree=target.tree, **parameters)
    with packed(paths, loader, strict=strict, quiet=quiet) as (pixels, readable):
        y = target.counts_of(table)
        y[~readable], n_votes[~readable] = 0, 0  # a galaxy without votes is not learned from
        _check_enough(n_votes)
        with warnings.catch_warnings():
            for in_a_line in (NotCalibratedWarning, NoVotesWarning):  # said below, and before
                warnings.simplefilter("ignore", in_a_line)
            estimator.fit(pixels, y)
    # a file for Python, too, where progress is shown if you ask for it
    pipeline = make_pipeline(loader, show_progress(estimator, False))
    about = {"n_galaxies": int((n_votes > 0).sum()), "votes_origin": target.origin}
    if target.tree is not None:
        about["not_learned"] = not_learned(y, target.tree)
        _say_not_calibrated(estimator, about["not_learned"])
    save(pipeline, model, metadata={**target.names, **about})
    made = "" if target.origin == "counted" else f"{target.origin} "
    note(
        f"Wrote {model}: {'_'.join(target.names.values())}, of {made}votes on "
        f"{about['n_galaxies']} galaxies; intervals {calibration_of(estimator)['interval']}.",
        quiet,
    )


class _Target(NamedTuple):
    """Votes that `train` learns: on one question, or on all of a tree.

    `counts_of` makes an estimator's target of a table, `names` are entries of a model's metadata,
    `origin` is how the votes came about.
    """

    table: Any
    counts_of: Callable[[Any], "NDArray[Any]"]
    names: dict[str, str]
    origin: str
    tree: "DecisionTree | None" = None


def _one_question(
    votes: Path, question: str | None, answers: Sequence[str], dialect: str, id_column: str | None
) -> _Target:
    """Answers to one question, taken as one."""
    from skgalaxy.votes import TreeVotes, read_votes

    table = read_votes(votes, question, dialect=dialect, id_column=id_column)
    if isinstance(table, TreeVotes):
        raise ValueError(
            f"`question` must name one question of {str(votes)!r}: {', '.join(table.questions)}. "
            "Got None; give --question, or learn all of them with --tree."
        )
    table.votes(*answers)  # an unknown answer is an error now, before images are listed
    answer = "-or-".join(full_name(answer, table.answers) for answer in answers)
    names = {"question": table.question, "answer": answer}
    return _Target(table, lambda kept: kept.votes(*answers), names, table.origin)


def _whole_tree(votes: Path, tree: "DecisionTree", dialect: str, id_column: str | None) -> _Target:
    """All questions of a tree."""
    table = read_tree_votes(votes, tree, dialect, id_column)
    return _Target(table, lambda kept: kept.counts, {"tree": tree.name}, table.origin, tree)


def _most_votes(table: Any) -> "NDArray[Any]":
    """Votes of each galaxy, on the question that has most, shape (n_galaxies,)."""
    import numpy as np

    return np.nan_to_num(table.n_votes).reshape(len(table), -1).max(axis=1)


def _say_not_calibrated(estimator: Any, unknown: Sequence[str]) -> None:
    """Name questions with votes, of which none held out tells how wide intervals must be."""
    from skgalaxy.calibration import Recalibration

    numbers = getattr(estimator.recalibration_, "questions", {})
    left = [name for name, one in numbers.items() if one == Recalibration() and name not in unknown]
    if left:
        note(f"skgalaxy: too few votes were held out to calibrate intervals of {', '.join(left)}.")


def _check_enough(n_votes: "NDArray[Any]") -> None:
    """Refuse too few galaxies to learn from and to calibrate on."""
    found = int((n_votes > 1).sum())
    if found < _LEAST_GALAXIES:
        raise ValueError(
            f"`VOTES` must hold two votes or more on at least {_LEAST_GALAXIES} galaxies with an "
            "image, because intervals are calibrated on a fifth of them. "
            f"Got {found}; ask about more galaxies."
        )
