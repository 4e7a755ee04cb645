"""Colours, checks and images that the displays share. Colours are Okabe and Ito's."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._optional import require
from skgalaxy._validation import (
    check_numbers,
    first_rows,
    refuse_masked,
)
from skgalaxy.posterior import VotePosterior

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

BLACK, GREY, QUIET = "#000000", "#8C8C8C", "#595959"
BLUE, GREEN, VERMILLION = "#0072B2", "#009E73", "#D55E00"
# settings for `rc_context`: they hold while a display draws, and leave the user's own alone
STYLE = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}
MASS_TOLERANCE = 1e-6  # the sum of float32 probabilities


def pyplot(display: object) -> Any:
    """Module `matplotlib.pyplot`; an ImportError says how to install it."""
    return require("matplotlib.pyplot", "plot", for_=f"{type(display).__name__}.plot")


def check_images(images: ArrayLike, n_galaxies: int, beside: str) -> NDArray[Any]:
    """Images as an array, still memory-mapped if they were, one per galaxy."""
    refuse_masked(images, "images")
    images = np.asanyarray(images)
    channels = images.shape[3:]
    if images.ndim not in (3, 4) or channels not in ((), (1,), (3,)):
        raise ValueError(
            "`images` must have shape (n_galaxies, height, width), grey, or (..., 1) or (..., 3). "
            f"Got shape {images.shape}."
        )
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"`images` must be uint8 or float in [0, 1]. Got dtype {images.dtype}.")
    if len(images) != n_galaxies or n_galaxies == 0:
        raise ValueError(
            f"`images` and `{beside}` must hold the same galaxies, at least one. "
            f"Got {len(images)} and {n_galaxies}."
        )
    return images


def as_posterior(posterior: Any) -> VotePosterior:
    """Posterior itself, or that of draws or a likelihood."""
    return posterior if isinstance(posterior, VotePosterior) else VotePosterior(posterior)


def check_rows(values: ArrayLike, name: str, n_galaxies: int | None) -> NDArray[np.float64]:
    """Values as finite float64 of shape (n_galaxies,), or of any length for None."""
    values = check_numbers(values, name)
    if values.ndim != 1 or n_galaxies not in (None, len(values)):
        length = "n_galaxies" if n_galaxies is None else n_galaxies
        raise ValueError(f"`{name}` must have shape ({length},). Got shape {values.shape}.")
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"`{name}` must be finite. Got {values[bad][0]:g} in row {first_rows(bad)}."
        )
    return values


def check_ax(ax: Any, shape: tuple[int, ...]) -> NDArray[np.object_]:
    """Axes of the caller as an array of `shape`."""
    axes = np.asarray(ax, dtype=object)
    if axes.shape != shape:
        got = f"shape {axes.shape}" if axes.ndim else type(ax).__name__
        raise ValueError(f"`ax` must be an array of axes of shape {shape}. Got {got}.")
    return axes


_MANY_OUTCOMES = 8  # draws of so many networks do not sum to 1 by chance


def refuse_pmf(posterior: VotePosterior, n_votes: int | ArrayLike, named: str = "") -> None:
    """Refuse probabilities of outcomes that were passed as draws.

    They are refused only where there is no doubt: rows that sum to 1, of many columns, or of as
    many as a galaxy has outcomes in at least three different rows. Few draws by hand may sum to 1,
    for example 0.2, 0.3 and 0.5.
    """
    draws = posterior.draws
    n_columns = draws.shape[1]
    sums_to_1 = (np.abs(draws.sum(axis=1) - 1) <= MASS_TOLERANCE) & (np.ptp(draws, axis=1) > 0)
    # two columns are no sign: two networks may well predict ρ and 1 - ρ
    is_known = n_columns > 2 and n_columns == np.max(n_votes, initial=0) + 1
    several = is_known and len(np.unique(draws, axis=0)) >= 3
    if len(draws) and sums_to_1.all() and (n_columns >= _MANY_OUTCOMES or several):
        raise ValueError(
            "`posterior` must be a VotePosterior, or vote fractions drawn, of shape (n_galaxies, "
            f"n_draws). Got rows{named} that sum to 1 over the outcomes 0 ... {n_columns - 1}, "
            "as `posterior.pmf` returns them; pass the posterior itself."
        )


def title_height(data_name: str | None) -> float:
    """Room in inches for the name of the data, over a new figure."""
    return 0.0 if data_name is None else 0.3


def name_data(figure: Any, data_name: str | None) -> None:
    """Write the name of the data over all panels of a figure."""
    if data_name is not None:
        # the size is given here: `rc_context` would need another entry for it
        figure.suptitle(data_name, fontsize=10.5, fontweight="bold")


def show_image(
    ax: "Axes", image: NDArray[Any], extent: tuple[float, float, float, float] | None = None
) -> "AxesImage":
    """Draw one image in its own range: grey levels are not stretched."""
    if image.dtype == np.uint8:
        white = 255
    else:
        white = 1
        # asked here and not of every image, since a pool may be larger than memory
        if not ((image >= 0) & (image <= 1)).all():
            raise ValueError(
                "Float `images` must lie in [0, 1]. "
                f"Got {np.min(image):g} to {np.max(image):g}; rescale them."
            )
    # imshow takes a third axis for colours, and refuses one of length 1
    image = image[..., 0] if image.shape[2:] == (1,) else image
    return ax.imshow(image, cmap="gray", vmin=0, vmax=white, extent=extent)


def hide_frame(ax: "Axes") -> None:
    """Hide ticks and frame, but keep titles and labels."""
    # not `set_axis_off`, which would hide the labels, too
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
