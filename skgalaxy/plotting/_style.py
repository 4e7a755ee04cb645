"""What the displays share: colours, checks, images. Colours are Okabe and Ito's."""

import numpy as np

from skgalaxy._optional import require

BLACK, GREY, QUIET = "#000000", "#8C8C8C", "#595959"
BLUE, GREEN, VERMILLION = "#0072B2", "#009E73", "#D55E00"
# the palette's pale yellow is left out: no line or label in it can be read on white
STRATEGY_COLOURS = ("#009E73", "#D55E00", "#0072B2", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
STRATEGY_MARKERS = "osD^vP"  # one fewer than colours: pairs repeat only after 42
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


def pyplot(display):
    return require("matplotlib.pyplot", "plot", for_=f"{type(display).__name__}.plot")


def check_images(images, n_galaxies, beside):
    """Return `images` as an array, still memory-mapped if it was, one image per galaxy."""
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


def check_rows(values, name, n_galaxies):
    """Return `values` as finite float64 of shape (n_galaxies,), or of any length for None."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or n_galaxies not in (None, len(values)):
        length = "n_galaxies" if n_galaxies is None else n_galaxies
        raise ValueError(f"`{name}` must have shape ({length},). Got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"`{name}` must be finite. Got NaN or infinity.")
    return values


def check_ax(ax, shape):
    """Return the caller's axes as an array of `shape`."""
    axes = np.asarray(ax, dtype=object)
    if axes.shape != shape:
        raise ValueError(f"`ax` must be an array of axes of shape {shape}. Got {axes.shape}.")
    return axes


def show_image(ax, image, extent=None):
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
    image = image[..., 0] if image.shape[2:] == (1,) else image
    return ax.imshow(image, cmap="gray", vmin=0, vmax=white, extent=extent)


def hide_frame(ax):
    """Hide ticks and frame, but keep titles and labels."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
