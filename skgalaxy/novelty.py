"""Galaxies unlike those that networks learned from: another telescope, scale, depth or subject.

A network predicts whatever it is shown, and its posterior says nothing on pictures unlike any that
it has seen. Galaxies held out from training tell what is usual. Each galaxy has *features*, the
inputs of the network's last layer, and a *look*: brightness, contrast, noise and sharpness of its
picture, which networks learn to overlook. Features and look are whitened by the galaxies trained
on (Mahalanobis 1936), and a galaxy is as unlike as it is far from their centre::

    d² = mean over features of u² + mean over looks of v²,    u and v of variance about 1
    p  = (1 + number of galaxies held out that are as far) / (1 + number held out)

If a galaxy is drawn like those held out, P(p <= a) <= a for any a (Vovk et al. 2005).

A pool can be unlike where none of its galaxies is: blur makes pictures more alike, and distances
smaller. So every feature and look of the pool is compared with that of the galaxies held out, by
the two-sided rank test of Mann & Whitney (1947), and the smallest p-value is multiplied by the
number of tests (Bonferroni).
"""

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom, mannwhitneyu

from skgalaxy._validation import check_float
from skgalaxy.exceptions import UnlikeTrainingWarning

__all__ = ["Looks", "Novelty", "PoolShift", "Reference"]

FALSE_ALARMS = 0.01
FEWEST = 20  # galaxies of a pool, or held out, that ranks are compared of
_MOST_AXES = 40
_ROWS_PER_AXIS = 12  # trained on: a covariance of fewer is mostly chance
_QUIET, _SHARP = 0.5, 0.02  # shares of pixels: those that show noise, and those that show edges
_ROWS_AT_ONCE = 64
_LOOKS = ("brightness", "contrast", "noise", "sharpness")


class Looks(NamedTuple):
    """Plain measures of pictures, one column for each measure of each band.

    Parameters
    ----------
    values : ndarray of shape (n_galaxies, n_looks)
        Brightness and contrast are the mean and the standard deviation of the pixels; noise and
        sharpness are the mean of their second differences, of the smaller half and of the largest
        2 %.
    names : tuple of str
        One per column.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.novelty import Looks
    >>> looks = Looks.of(np.eye(16)[None])
    >>> looks.names, looks.values.round(2).tolist()
    (('brightness', 'contrast', 'noise', 'sharpness'), [[0.06, 0.24, 0.0, 4.0]])
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, images: Any, image_shape: tuple[int, ...] | None = None) -> Self:
        """Measure images (n, h, w) or (n, h, w, bands), or rows of `image_shape`.

        Rows that are no images have no noise or sharpness. What holds no numbers has no looks.
        """
        images = np.asarray(images)
        if images.dtype.kind not in "biuf":
            return cls(np.empty((len(images), 0)), ())
        if images.ndim == 2 and image_shape is not None and len(image_shape) > 1:
            images = images.reshape(len(images), *image_shape)
        if images.ndim != 4:
            images = images[..., None]
        has_pixels = images.ndim == 4 and min(images.shape[1:3]) > 2
        names = _LOOKS if has_pixels else _LOOKS[:2]
        n_bands = images.shape[-1]
        starts = range(0, max(1, len(images)), _ROWS_AT_ONCE)
        parts = [
            _measured(images[start : start + _ROWS_AT_ONCE, ..., band], has_pixels)
            for start in starts
            for band in range(n_bands)
        ]
        rows = [np.hstack(parts[i : i + n_bands]) for i in range(0, len(parts), n_bands)]
        of_bands = [f" of band {band}" for band in range(n_bands)] if n_bands > 1 else [""]
        return cls(np.concatenate(rows), tuple(f"{n}{band}" for band in of_bands for n in names))


def _measured(images: NDArray[Any], has_pixels: bool) -> NDArray[np.float64]:
    """Looks of one band of images (n, h, w), or of rows (n, n_values)."""
    x = images.astype(np.float64)
    flat = x.reshape(len(x), -1)
    columns = [flat.mean(axis=1), flat.std(axis=1)]
    if has_pixels:
        # the second differences of smooth light are small: what is left in most pixels is noise
        around = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
        steps = np.abs(4 * x[:, 1:-1, 1:-1] - around).reshape(len(x), -1)
        quiet = max(1, int(_QUIET * steps.shape[1]))
        sharp = max(1, int(_SHARP * steps.shape[1]))
        ordered = np.partition(steps, (quiet - 1, steps.shape[1] - sharp), axis=1)
        columns += [ordered[:, :quiet].mean(axis=1), ordered[:, -sharp:].mean(axis=1)]
    return np.stack(columns, axis=1)


class Reference(NamedTuple):
    """What is usual to one network: axes of galaxies trained on, and places of those held out.

    Parameters
    ----------
    center, axes : ndarray of shape (n_features,) and (n_features, n_axes)
        ``(features - center) @ axes`` is white.
    look_scale, look_center, look_axes : ndarray
        The same for ``arcsinh(looks / look_scale)``, which is a logarithm of looks above it.
    look_names : tuple of str
        For example "noise".
    held_out : ndarray of shape (n_held_out, n_axes + n_looks)
        White features and looks of galaxies that the network was not trained on.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.novelty import Looks, Novelty, Reference
    >>> rng = np.random.default_rng(0)
    >>> none = Looks(np.empty((300, 0)), ())
    >>> usual = Reference.fit((rng.normal(size=(300, 2)), none), (rng.normal(size=(300, 2)), none))
    >>> places = usual.place(np.array([[0.0, 0.0], [9.0, 9.0]]), Looks(np.empty((2, 0)), ()))
    >>> Novelty([(usual, places)]).is_unlike()
    array([False,  True])
    """

    center: NDArray[np.float64]
    axes: NDArray[np.float64]
    look_scale: NDArray[np.float64]
    look_center: NDArray[np.float64]
    look_axes: NDArray[np.float64]
    look_names: tuple[str, ...]
    held_out: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        trained: tuple[NDArray[Any], Looks],
        held_out: tuple[NDArray[Any], Looks],
    ) -> Self:
        """Learn what is usual from features and looks of galaxies trained on and held out."""
        features, looks = trained
        n_axes = min(_MOST_AXES, max(1, len(features) // _ROWS_PER_AXIS))
        center, axes = _white(features, n_axes)
        scale = 0.1 * np.median(np.abs(looks.values), axis=0)
        scale[scale == 0] = 1.0
        look_center, look_axes = _white(np.arcsinh(looks.values / scale), len(scale))
        made = cls(
            center, axes, scale, look_center, look_axes, looks.names, np.empty((0, len(center)))
        )
        return made._replace(held_out=made.place(*held_out))

    def place(self, features: NDArray[Any], looks: Looks) -> NDArray[np.float64]:
        """White features, and looks, of galaxies: shape (n_galaxies, n_axes + n_looks)."""
        white = (features.astype(np.float64) - self.center) @ self.axes
        return np.hstack([white, np.arcsinh(looks.values / self.look_scale)])

    def distance(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared distance from the centre of the galaxies trained on."""
        n_axes = self.axes.shape[1]
        squared = (places[:, :n_axes] ** 2).mean(axis=1)
        if len(self.look_center):
            looks = (places[:, n_axes:] - self.look_center) @ self.look_axes
            squared = squared + (looks**2).mean(axis=1)
        return squared

    def name_of(self, column: int) -> str:
        """Name of a column of `held_out`."""
        n_axes = self.axes.shape[1]
        return "features" if column < n_axes else self.look_names[column - n_axes]


def _white(values: NDArray[Any], n_axes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Center, and the axes of most variance, each divided by its standard deviation."""
    from sklearn.covariance import LedoitWolf

    values = values.astype(np.float64)
    center, deviation = values.mean(axis=0), values.std(axis=0)
    if not deviation.any():  # all alike, or no columns
        return center, np.eye(values.shape[1])[:, :n_axes]
    # shrunk, so that no axis is of a variance that only chance made small
    found = LedoitWolf(assume_centered=True).fit(values - center)
    variance, axes = np.linalg.eigh(found.covariance_)
    return center, (axes / np.sqrt(variance))[:, ::-1][:, :n_axes]


class PoolShift(NamedTuple):
    """A pool as a whole, compared with galaxies held out.

    Parameters
    ----------
    p_value : float
        At most a share a of pools that are drawn like the galaxies held out have a p-value of a or
        less.
    by : str
        What differs most: "brightness", "contrast", "noise" or "sharpness" of the pictures, or
        "features" of the network.
    n_galaxies, n_held_out : int
        Galaxies of the pool, and those that it is compared with.

    Examples
    --------
    >>> from skgalaxy.novelty import PoolShift
    >>> shift = PoolShift(p_value=0.002, by="noise", n_galaxies=200, n_held_out=120)
    >>> shift.is_unlike(), shift.is_unlike(false_alarms=0.001)
    (True, False)
    """

    p_value: float
    by: str
    n_galaxies: int
    n_held_out: int

    def is_unlike(self, false_alarms: float = FALSE_ALARMS) -> bool:
        """True if the pool is unlike, at a rate of false alarms per pool."""
        return self.p_value <= check_float(false_alarms, "false_alarms", 0, 1, closed="neither")


class Novelty:
    """How unlike the galaxies of a training set others are, one by one and as a pool.

    You get one from `skgalaxy.calibration.CalibratedRegressorCV.novelty` or
    `skgalaxy.query.predict_novelty`.

    Parameters
    ----------
    parts : sequence of (Reference, ndarray of shape (n_galaxies, n_axes + n_looks))
        For each network what is usual to it, and where it places the galaxies.

    Attributes
    ----------
    p_values : ndarray of shape (n_galaxies,)
        Share of the galaxies held out that are as unlike, the galaxy itself counted as one. Several
        networks count together the galaxies that each held out.
    n_held_out : int
        Number of galaxies held out, of all networks together.
    pool : PoolShift
        The pool as a whole.

    References
    ----------
    Vovk, Gammerman & Shafer 2005 (conformal prediction); Mann & Whitney 1947.

    Examples
    --------
    Pictures of noise, and others of twice the noise:

    >>> import numpy as np
    >>> from skgalaxy import BayesianCNNRegressor
    >>> from skgalaxy.calibration import CalibratedRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(600, 8, 8)), rng.binomial(9, 0.5, size=(600, 1)) * [1, 0] + [0, 9]
    >>> model = CalibratedRegressorCV(BayesianCNNRegressor(epochs=1), random_state=0).fit(X, y)
    >>> found = model.novelty(2 * rng.normal(size=(50, 8, 8)))
    >>> found
    Novelty(n_galaxies=50, n_held_out=120)
    >>> bool(found.is_unlike(false_alarms=0.01).mean() > 0.9), found.pool.is_unlike()
    (True, True)
    """

    def __init__(self, parts: Sequence[tuple[Reference, NDArray[np.float64]]]) -> None:
        self._parts = list(parts)

    @classmethod
    def concatenate(cls, several: Sequence["Novelty"]) -> "Novelty":
        """Novelty of the galaxies of several, of the same networks, one after the other."""
        by_network = zip(*(one._parts for one in several), strict=True)
        return cls([(parts[0][0], np.concatenate([p for _, p in parts])) for parts in by_network])

    @classmethod
    def combine(cls, several: Sequence["Novelty"]) -> "Novelty":
        """Novelty of the same galaxies to the networks of several."""
        return cls([part for one in several for part in one._parts])

    def __len__(self) -> int:
        return len(self._parts[0][1])

    def __getitem__(self, rows: Any) -> "Novelty":
        """Novelty of some of the galaxies."""
        return Novelty([(reference, np.atleast_2d(at[rows])) for reference, at in self._parts])

    def __repr__(self) -> str:
        return f"Novelty(n_galaxies={len(self)}, n_held_out={self.n_held_out})"

    @property
    def n_held_out(self) -> int:
        return sum(len(reference.held_out) for reference, _ in self._parts)

    @cached_property
    def p_values(self) -> NDArray[np.float64]:
        as_far = np.ones(len(self))
        for reference, places in self._parts:
            usual = np.sort(reference.distance(reference.held_out))
            below = np.searchsorted(usual, reference.distance(places), side="left")
            as_far += len(usual) - below
        return as_far / (1 + self.n_held_out)

    @property
    def smallest_rate(self) -> float:
        """Smallest rate of false alarms that so few galaxies held out can state."""
        return 1 / (1 + self.n_held_out)

    def is_unlike(self, false_alarms: float = FALSE_ALARMS) -> NDArray[np.bool_]:
        """Galaxies that are unlike those held out.

        Parameters
        ----------
        false_alarms : float, default=0.01
            Share of galaxies to be called unlike, at most and on average over draws of the
            galaxies held out, if they are drawn like these.

        Returns
        -------
        unlike : ndarray of bool of shape (n_galaxies,)

        Raises
        ------
        ValueError
            If the rate is below `smallest_rate`.
        """
        rate = check_float(false_alarms, "false_alarms", 0, 1, closed="neither")
        if rate < self.smallest_rate:
            raise ValueError(
                f"`false_alarms` must be at least {self.smallest_rate:.3g}, as "
                f"{self.n_held_out} galaxies were held out. Got {rate:g}; hold out more."
            )
        return self.p_values <= rate

    @cached_property
    def pool(self) -> PoolShift:
        fewest = min(len(self), *(len(reference.held_out) for reference, _ in self._parts))
        if fewest < FEWEST:
            raise ValueError(
                f"`X` must hold {FEWEST} galaxies or more, and as many must have been held out, to "
                f"judge a pool as a whole. Got {len(self)}, and {self.n_held_out} held out."
            )
        tests = [
            (p_value, reference.name_of(column))
            for reference, places in self._parts
            for column, p_value in enumerate(_rank_tests(reference.held_out, places))
        ]
        p_value, by = min(tests)
        return PoolShift(min(1.0, len(tests) * p_value), by, len(self), self.n_held_out)

    def warn(self, false_alarms: float = FALSE_ALARMS, stacklevel: int = 2) -> None:
        """Warn with `skgalaxy.exceptions.UnlikeTrainingWarning` if galaxies are unlike.

        It warns of a pool that is unlike as a whole, and of more single galaxies than chance
        explains, each at half the rate of false alarms per pool. Single galaxies count at a rate
        that the galaxies held out can state.
        """
        rate, said = max(false_alarms, self.smallest_rate), []
        if len(self) >= FEWEST <= self.n_held_out and self.pool.is_unlike(false_alarms / 2):
            said.append(f"as a pool (p = {self.pool.p_value:.1g}, most by {self.pool.by})")
        n_unlike, place = int(self.is_unlike(rate).sum()), int(rate * (1 + self.n_held_out))
        # how many lie beyond the place-th of those held out, drawn alike
        chance = betabinom(len(self), place, 1 + self.n_held_out - place)
        if chance.sf(n_unlike - 1) <= false_alarms / 2:
            said.append(f"{n_unlike} of {len(self)} one by one ({chance.mean():.1g} by chance)")
        if said:
            warnings.warn(
                "These galaxies are unlike those that the model learned from: "
                f"{', and '.join(said)}. Their predictions can be wrong by more than their "
                "intervals say.",
                UnlikeTrainingWarning,
                stacklevel=stacklevel,
            )


def _rank_tests(a: NDArray[Any], b: NDArray[Any]) -> list[float]:
    """Two-sided p-values, one per column, of the test of Mann & Whitney 1947."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = mannwhitneyu(a, b, axis=0, method="asymptotic").pvalue
    # NaN: a column that is one value in both
    return np.where(np.isnan(found), 1.0, found).tolist()
