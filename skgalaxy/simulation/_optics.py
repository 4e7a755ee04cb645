"""Pictures of simulated galaxies: light through a telescope on to a stretched picture.

A galaxy is a dict of the parameters that `_results.DESCR` lists, in arcsec. It is drawn on the
pixels of a camera, not of the picture, as SDSS does. So the picture of a small galaxy is an
enlargement, and its noise comes in blots. GalSim gives the light of bulge and disc and the
point-spread function (PSF) as Fourier transforms. Other light, for example of arms and bars, is
laid on the camera's grid, transformed, and multiplied by the same PSF.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.special import expit, ive

# SDSS: camera pixels, and zero-point and sky of g, r and i together, as in its pictures.
CAMERA_PIXEL = 0.396  # arcsec
ZERO_POINT = 30.4  # mag of 1 electron: 29.9 in r alone (54 s); the noisier bands add a little
SKY_ELECTRONS = 10 ** (0.4 * (ZERO_POINT - 20.9))  # per arcsec^2, of 20.9 mag/arcsec^2
PSF_BETA = 3.5  # of the Moffat profile

# The stretch (Lupton et al. 2004), matched to SDSS pictures: SOFTENING is in units of the sky noise
# of one camera pixel, LEVELS_PER_NOISE in grey levels.
SKY_NOISE = np.sqrt(SKY_ELECTRONS) / CAMERA_PIXEL  # electrons per arcsec^2
SOFTENING, LEVELS_PER_NOISE = 5.0, 7.5
N_BANDS, RESIZE = 3, Image.Resampling.BICUBIC

ARM_SHARPNESS = 1.5  # von Mises concentration of an arm's profile across its ridge
DISC_THICKNESS = 0.12  # scale height over scale length
N_KNOTS = 14  # star-forming regions along the arms
SPIKE_LENGTH, SPIKE_SHARE = 6.0, 0.1  # arcsec; share of a bright star's light in each spike


class Light(NamedTuple):
    """Light in the camera: electrons per pixel of the frame, through the PSF.

    `arms` and `bar` come on top of the smooth galaxy. `arms` is negative between the arms.
    """

    smooth: NDArray[np.float64]
    arms: NDArray[np.float64]
    bar: NDArray[np.float64]
    others: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        return self.smooth + self.arms + self.bar + self.others


class Camera:
    """The square grid that a picture is taken on, with a margin that is cut away.

    Attributes
    ----------
    n_pixels, n_grid : int
        Width in pixels, of the frame and of the grid with its margin.
    step : float
        Width of a pixel, arcsec.
    x, y : float64 arrays of shape (1, n_grid) and (n_grid, 1)
        Position of the pixels, arcsec from the middle.
    """

    def __init__(self, galsim: Any, frame: float, picture_pixel: float, seeing: float) -> None:
        step = max(CAMERA_PIXEL, picture_pixel / 2)  # finer would be averaged away again
        self.n_pixels = max(2 * round(frame / step / 2), 8)  # even, so that the margin is
        self.step = frame / self.n_pixels
        seeing = max(seeing, 2 * self.step)  # a narrower PSF would fall between the pixels
        # Fourier transforms wrap round at the edges: the margin takes the light that does.
        margin = int(np.ceil(2 * seeing / self.step))
        self.n_grid = 2 * next_fast_len(self.n_pixels // 2 + margin, real=True)
        axis = (np.arange(self.n_grid) - (self.n_grid - 1) / 2) * self.step
        self.x, self.y = axis[None, :], axis[:, None]
        self._galsim = galsim
        self._psf = self._transform(_tolerances_and_psf(galsim)[1].dilate(seeing)).real

    def expose(
        self, profile: Any = None, grid: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Blur a GalSim profile, or light on the grid, with the PSF. Only the frame is kept."""
        if profile is None:
            light = rfft2(grid)
        else:
            light = self._transform(profile) * _to_the_middle(self.n_grid)
        # Convolution theorem: a product of transforms is a blur.
        seen = irfft2(light * self._psf, s=(self.n_grid, self.n_grid))
        margin = (self.n_grid - self.n_pixels) // 2
        return seen[margin:-margin, margin:-margin]

    def _transform(self, profile: Any) -> NDArray[np.complex128]:
        """Fourier transform of a GalSim profile, laid out as by rfft2."""
        # The image of a real function is symmetric: half of the columns are enough.
        half = self.n_grid // 2
        bounds = self._galsim.BoundsI(0, half, -half, half - 1)
        image = self._galsim.ImageCD(bounds, scale=2 * np.pi / (self.n_grid * self.step))
        return np.fft.ifftshift(profile.drawKImage(image=image, recenter=False).array, axes=0)

    def point(
        self, grid: NDArray[np.float64], x: ArrayLike, y: ArrayLike, flux: NDArray[np.float64]
    ) -> None:
        """Add points of light to the grid, each shared by its four nearest pixels."""
        middle = (self.n_grid - 1) / 2
        column, row = np.asarray(x) / self.step + middle, np.asarray(y) / self.step + middle
        left, top = np.floor(column).astype(int), np.floor(row).astype(int)
        right, low = column - left, row - top  # shares
        inside = (left >= 0) & (top >= 0) & (left < self.n_grid - 1) & (top < self.n_grid - 1)
        for i, j, share in (
            (0, 0, (1 - low) * (1 - right)),
            (0, 1, (1 - low) * right),
            (1, 0, low * (1 - right)),
            (1, 1, low * right),
        ):
            # not +=, which would count a pixel with several points once
            np.add.at(grid, ((top + i)[inside], (left + j)[inside]), (flux * share)[inside])


@functools.cache
def _tolerances_and_psf(galsim: Any) -> tuple[Any, Any]:
    """Tolerances, and a PSF of unit width. GalSim builds its tables once, and scales them."""
    # Looser than GalSim's defaults, which serve shape measurements to one part in a thousand.
    params = galsim.GSParams(folding_threshold=1e-2, maxk_threshold=1e-2, kvalue_accuracy=1e-4)
    return params, galsim.Moffat(beta=PSF_BETA, fwhm=1.0, gsparams=params)


@functools.lru_cache(maxsize=128)
def _to_the_middle(n_grid: int) -> NDArray[np.complex128]:
    """Factors of a transform that move light from the first pixel to the middle."""
    # Shift theorem: a shift by s multiplies frequency f by exp(-2 pi i f s).
    shift = -2j * np.pi * (n_grid - 1) / 2
    rows = np.exp(shift * np.fft.fftfreq(n_grid))
    return rows[:, None] * np.exp(shift * np.fft.rfftfreq(n_grid))[None, :]


def electrons(magnitude: ArrayLike) -> Any:
    """Electrons in the camera from an object of this magnitude."""
    return 10 ** (0.4 * (ZERO_POINT - np.asarray(magnitude)))


def draw_light(
    galsim: Any,
    galaxy: Mapping[str, Any],
    neighbours: Mapping[str, NDArray[np.float64]],
    camera: Camera,
    rng: np.random.Generator,
) -> Light:
    """Light of a galaxy and its neighbours, without noise."""
    others = _neighbours(neighbours, camera)
    if galaxy["kind"] == "artifact":
        others += _flaw(galaxy, camera, rng)
        nothing = np.zeros((camera.n_pixels, camera.n_pixels))
        return Light(nothing, nothing, nothing, camera.expose(grid=others))
    flux = electrons(galaxy["magnitude"])
    pattern = _arms_and_bar(galaxy, camera, rng) if galaxy["disc_fraction"] else (None, None)
    arms, bar = (
        flux * camera.expose(grid=part) if part is not None else np.zeros([camera.n_pixels] * 2)
        for part in pattern
    )
    smooth = flux * camera.expose(_smooth_profile(galsim, galaxy))
    return Light(smooth, arms, bar, camera.expose(grid=others))


def _smooth_profile(galsim: Any, galaxy: Mapping[str, Any]) -> Any:
    """GalSim profile of bulge and disc."""
    params, _ = _tolerances_and_psf(galsim)
    angle = galaxy["position_angle"] * galsim.degrees
    bulge = galsim.Sersic(
        n=galaxy["bulge_sersic"],
        half_light_radius=galaxy["bulge_radius"],
        flux=1 - galaxy["disc_fraction"],
        gsparams=params,
    ).shear(q=galaxy["bulge_axis_ratio"], beta=angle)
    if galaxy["disc_fraction"] == 0:  # most smooth galaxies
        return bulge
    disc = galsim.InclinedExponential(
        inclination=galaxy["inclination"] * galsim.degrees,
        scale_radius=galaxy["disc_radius"],
        scale_h_over_r=DISC_THICKNESS,
        flux=galaxy["disc_fraction"] * (1 - galaxy["bar_fraction"] - galaxy["knot_fraction"]),
        gsparams=params,
    )
    return bulge + disc.rotate(angle)


def turn(x: Any, y: Any, angle: float) -> tuple[Any, Any]:
    """Coordinates along and across a direction. `angle` is in radians."""
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def foreshortening(galaxy: Mapping[str, Any]) -> float:
    """Minor over major axis of the disc on the sky."""
    # The disc has some thickness: it never becomes a line.
    return np.hypot(np.cos(np.radians(galaxy["inclination"])), DISC_THICKNESS)


def openness(galaxy: Mapping[str, Any]) -> float:
    """Visibility of the plane of a disc: 0 near edge-on, 1 below 60 degrees."""
    cosine = np.cos(np.radians(galaxy["inclination"]))
    return np.clip((cosine - 0.15) / 0.35, 0, 1)


def _arms_and_bar(
    galaxy: Mapping[str, Any], camera: Camera, rng: np.random.Generator
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Arms and bar on the grid, as shares of the galaxy's light. None if it has none."""
    x, y = turn(camera.x, camera.y, np.radians(galaxy["position_angle"]))
    y = y / foreshortening(galaxy)  # from the sky to the plane of the disc
    pixel = camera.step**2 / foreshortening(galaxy)  # area of the plane in one pixel
    arms = bar = None
    if galaxy["arm_contrast"]:
        arms = pixel * _arms(galaxy, x, y)
        _add_knots(galaxy, camera, arms, rng)
    if galaxy["bar_fraction"]:
        bar = pixel * _bar(galaxy, x, y)
    return arms, bar


def _inner_radius(galaxy: Mapping[str, Any]) -> float:
    """Radius at which the arms begin, arcsec."""
    return galaxy["bar_radius"] if galaxy["bar_fraction"] else 0.4 * galaxy["disc_radius"]


def _winding(galaxy: Mapping[str, Any], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle of an arm's ridge at a radius, in the disc, in radians."""
    # A logarithmic spiral has the same pitch angle p everywhere: angle = ln(r / r0) / tan(p).
    turns = np.log(radius / _inner_radius(galaxy)) / np.tan(np.radians(galaxy["pitch_angle"]))
    return np.radians(galaxy["bar_angle"]) + galaxy["winding"] * turns


def _arms(
    galaxy: Mapping[str, Any], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logarithmic spiral arms that add no light: brighter ridges, darker gaps."""
    scale = galaxy["disc_radius"]
    radius = np.hypot(x, y) + 1e-9  # `_winding` takes its logarithm
    angle = np.arctan2(y, x) - _winding(galaxy, radius)
    profile = np.exp(ARM_SHARPNESS * (np.cos(galaxy["n_arms"] * angle) - 1))
    # ive(0) is the mean of a von Mises profile over the angle: the ridges add no light.
    ridge = profile / ive(0, ARM_SHARPNESS) - 1
    ridge *= 1 + galaxy["arm_asymmetry"] * np.cos(angle)  # one arm is the strongest
    # Arms grow out of the middle, and end before the disc does.
    envelope = expit((radius / _inner_radius(galaxy) - 1) * 4) * expit(4.2 - radius / scale)
    brightness = galaxy["disc_fraction"] * np.exp(-radius / scale) / (2 * np.pi * scale**2)
    return galaxy["arm_contrast"] * openness(galaxy) * brightness * envelope * ridge


def _add_knots(
    galaxy: Mapping[str, Any], camera: Camera, arms: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Add star-forming regions along the arms. They hold `knot_fraction` of the disc's light."""
    radius = _inner_radius(galaxy) + galaxy["disc_radius"] * rng.gamma(2.0, 0.6, N_KNOTS)
    arm = rng.integers(galaxy["n_arms"], size=N_KNOTS) * 2 * np.pi / galaxy["n_arms"]
    angle = _winding(galaxy, radius) + arm + rng.normal(0, 0.2, N_KNOTS)
    flux = rng.dirichlet(np.ones(N_KNOTS)) * galaxy["knot_fraction"] * galaxy["disc_fraction"]
    along, across = radius * np.cos(angle), radius * np.sin(angle) * foreshortening(galaxy)
    camera.point(arms, *turn(along, across, -np.radians(galaxy["position_angle"])), flux)


def _bar(
    galaxy: Mapping[str, Any], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Ferrers bar: (1 - m**2)**2 inside the ellipse m = 1."""
    length, width = galaxy["bar_radius"], 0.25 * galaxy["bar_radius"]
    along, across = turn(x, y, np.radians(galaxy["bar_angle"]))
    shape = np.clip(1 - (along / length) ** 2 - (across / width) ** 2, 0, None) ** 2
    flux = galaxy["disc_fraction"] * galaxy["bar_fraction"]
    return flux * shape * 3 / (np.pi * length * width)  # the bar's integral is pi a b / 3


def _neighbours(
    neighbours: Mapping[str, NDArray[np.float64]], camera: Camera
) -> NDArray[np.float64]:
    """Stars and small galaxies on the grid, in electrons."""
    grid = np.zeros((camera.n_grid, camera.n_grid))
    flux = electrons(neighbours["magnitude"])
    points = neighbours["radius"] < camera.step / 2  # stars, and galaxies too small to tell
    camera.point(grid, neighbours["x"][points], neighbours["y"][points], flux[points])
    for i in np.flatnonzero(~points):
        x, y = camera.x - neighbours["x"][i], camera.y - neighbours["y"][i]
        along, across = turn(x, y, neighbours["angle"][i])
        radius = np.hypot(along, across / neighbours["axis_ratio"][i])
        # An exponential disc has half its light within 1.678 scale lengths.
        light = np.exp(-1.678 * radius / neighbours["radius"][i])
        grid += flux[i] / light.sum() * light
    return grid


def _flaw(
    galaxy: Mapping[str, Any], camera: Camera, rng: np.random.Generator
) -> NDArray[np.float64]:
    """An artifact: a bright star with spikes, or a trail, in electrons."""
    flux = 10 * electrons(galaxy["magnitude"])
    if rng.random() < 0.4:
        return flux * _streak(camera, np.radians(galaxy["position_angle"]), np.inf)
    grid = np.zeros((camera.n_grid, camera.n_grid))
    camera.point(grid, [0.0], [0.0], np.array([flux]))
    for angle in (np.pi / 4, -np.pi / 4):  # the struts of the secondary mirror
        grid += SPIKE_SHARE * flux * _streak(camera, angle, SPIKE_LENGTH)
    return grid


def _streak(camera: Camera, angle: float, length: float) -> NDArray[np.float64]:
    """Line of light through the middle, fading over `length` arcsec, of sum 1."""
    along, across = turn(camera.x, camera.y, angle)
    light = np.exp(-np.abs(along) / length - (across / camera.step) ** 2)
    return light / light.sum()


def noise_variance(light: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Variance of the electrons in every pixel, from the light and the sky."""
    # Electrons are counted: the variance of a Poisson number is its mean.
    return np.maximum(light, 0) + SKY_ELECTRONS * camera.step**2


def stretch(light: NDArray[Any], camera: Camera) -> NDArray[Any]:
    """Electrons per pixel as grey levels: linear near the sky, logarithmic in cores."""
    signal = light / (camera.step**2 * SKY_NOISE * SOFTENING)
    return LEVELS_PER_NOISE * SOFTENING * np.arcsinh(signal)


def take_picture(
    light: NDArray[np.float64], camera: Camera, size: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Picture of shape (size, size): light with noise, stretched and resized."""
    noise = rng.standard_normal((N_BANDS, *light.shape), np.float32)
    noise *= np.sqrt(N_BANDS * noise_variance(light, camera)).astype(np.float32)
    bands = light.astype(np.float32) + noise  # each times N_BANDS, so that their mean is `light`
    mean = bands.mean(axis=0)
    # Lupton+2004: all bands are stretched by the factor of their mean, which keeps colours. They
    # are cut at black one by one, so the sky is darker and calmer than the galaxy's faint parts.
    factor = stretch(mean, camera) / np.where(mean == 0, 1, mean)
    levels = factor * np.maximum(bands, 0).mean(axis=0)
    picture = Image.fromarray(levels.astype(np.float32)).resize((size, size), RESIZE)
    return np.clip(np.rint(np.asarray(picture)), 0, 255).astype(np.uint8)
