"""How a simulated galaxy looks: light through a telescope on to a stretched picture.

A galaxy is the dict of parameters that `_simulated.DESCR` lists. GalSim convolves and draws; only
arms and bar, which it does not have, are computed here, in the plane of the disc.
"""

import functools

import numpy as np
from scipy.special import expit, ive

SKY_ELECTRONS = 400.0  # sky level per pixel: noise of 20 electrons, as in a survey's short exposure
ARM_SHARPNESS = 2.0  # von Mises concentration of an arm's profile across its ridge
OVERSAMPLING = 2  # pattern pixels per picture pixel

# The stretch: SOFTENING is in units of the sky noise, the rest are grey levels.
SOFTENING, BLACK, LEVELS_PER_NOISE = 13.0, 5.0, 3.4


@functools.cache
def _optics(galsim):
    """Return the drawing tolerances and a PSF of unit width: its tables are built once."""
    # Looser than GalSim's defaults, which serve shape measurements to one part in a thousand.
    params = galsim.GSParams(folding_threshold=1e-2, maxk_threshold=1e-2, kvalue_accuracy=1e-4)
    return params, galsim.Moffat(beta=3.5, fwhm=1.0, gsparams=params)


def draw_light(galsim, galaxy, size):
    """Return two noiseless images of shape (size, size): the smooth light, and arms and bar.

    The whole galaxy has flux 1. The pattern may be negative: between the arms.
    """
    params, unit_psf = _optics(galsim)
    psf = unit_psf.dilate(galaxy["psf_fwhm"])

    def draw(profile):
        seen = galsim.Convolve(profile, psf, gsparams=params)
        return seen.drawImage(nx=size, ny=size, scale=1.0).array.astype(np.float64)

    smooth = draw(_smooth_profile(galsim, galaxy, params))
    step = 1 / OVERSAMPLING
    pattern = _pattern(galaxy, size * OVERSAMPLING, step)
    if not pattern.any():  # an elliptical; GalSim refuses an image without flux
        return smooth, np.zeros_like(smooth)
    pattern = galsim.InterpolatedImage(
        galsim.Image(pattern),
        scale=step,
        x_interpolant="linear",
        normalization="sb",
        pad_factor=1.0,
        gsparams=params,
        # Known beforehand; GalSim would measure both, which takes longer than the drawing.
        _force_stepk=np.pi / size,
        _force_maxk=np.pi / step,
    )
    return smooth, draw(pattern)


def _smooth_profile(galsim, galaxy, params):
    """Return the GalSim profile of bulge and disc."""
    angle = galaxy["position_angle"] * galsim.degrees
    disc_flux = galaxy["disc_fraction"] * (1 - galaxy["bar_fraction"])
    bulge = galsim.Sersic(
        n=galaxy["bulge_sersic"],
        half_light_radius=galaxy["bulge_radius"],
        flux=1 - galaxy["disc_fraction"],
        gsparams=params,
    ).shear(q=galaxy["bulge_axis_ratio"], beta=angle)
    if disc_flux == 0:
        return bulge
    disc = galsim.InclinedExponential(
        inclination=galaxy["inclination"] * galsim.degrees,
        scale_radius=galaxy["disc_radius"],
        scale_h_over_r=0.12,
        flux=disc_flux,
        gsparams=params,
    )
    return bulge + disc.rotate(angle)


def _pattern(galaxy, n_pixels, step):
    """Return the surface brightness of arms and bar, flux per square pixel of the picture."""
    x, y, cosine = _disc_plane(galaxy, n_pixels, step)
    return _arms(galaxy, x, y, cosine) + _bar(galaxy, x, y, cosine)


def _disc_plane(galaxy, n_pixels, step):
    """Return the coordinates of each pixel in the plane of the disc, and its foreshortening."""
    axis = (np.arange(n_pixels) - (n_pixels - 1) / 2) * step
    angle = np.radians(galaxy["position_angle"])
    x = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    y = np.cos(angle) * axis[:, None] - np.sin(angle) * axis[None, :]
    cosine = max(np.cos(np.radians(galaxy["inclination"])), 0.12)  # a disc has some thickness
    return x, y / cosine, cosine


def openness(cosine):
    """Return how open to view the plane of a disc is: 0 near edge-on, 1 below 60 degrees."""
    return np.clip((cosine - 0.15) / 0.35, 0, 1)


def _arms(galaxy, x, y, cosine):
    """Return logarithmic spiral arms that add no light: brighter ridges, darker gaps."""
    scale = galaxy["disc_radius"]
    inner = galaxy["bar_radius"] if galaxy["bar_fraction"] else 0.4 * scale
    radius = np.hypot(x, y) + 1e-9
    turns = np.log(radius / inner) / np.tan(np.radians(galaxy["pitch_angle"]))
    angle = np.arctan2(y, x) - np.radians(galaxy["bar_angle"])
    phase = galaxy["n_arms"] * (angle - galaxy["winding"] * turns)
    ridge = np.exp(ARM_SHARPNESS * (np.cos(phase) - 1)) / ive(0, ARM_SHARPNESS) - 1
    # Arms grow out of the middle, and end before the disc does.
    envelope = expit((radius / inner - 1) * 4) * expit(4.2 - radius / scale)
    disc = galaxy["disc_fraction"] * (1 - galaxy["bar_fraction"])
    brightness = disc * np.exp(-radius / scale) / (2 * np.pi * scale**2 * cosine)
    return galaxy["arm_contrast"] * openness(cosine) * brightness * envelope * ridge


def _bar(galaxy, x, y, cosine):
    """Return a Ferrers bar, (1 - m**2)**2 inside the ellipse m = 1."""
    length, width = galaxy["bar_radius"], 0.3 * galaxy["bar_radius"]
    angle = np.radians(galaxy["bar_angle"])
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x
    shape = np.clip(1 - (along / length) ** 2 - (across / width) ** 2, 0, None) ** 2
    flux = galaxy["disc_fraction"] * galaxy["bar_fraction"]
    return flux * shape * 3 / (np.pi * length * width * cosine)  # the bar's integral is pi a b / 3


def expose(galsim, light, galaxy, rng):
    """Return the picture, uint8 of shape (size, size): light with noise, stretched."""
    image = galsim.Image(light * electrons_per_light(light, galaxy))
    seed = int(rng.integers(1, 2**31 - 1))  # 0 would mean the clock to GalSim
    image.addNoise(galsim.PoissonNoise(galsim.BaseDeviate(seed), sky_level=SKY_ELECTRONS))
    return _stretch(image.array / np.sqrt(SKY_ELECTRONS))


def electrons_per_light(light, galaxy):
    """Return the factor that gives `light` of any unit its signal-to-noise ratio."""
    return galaxy["signal_to_noise"] * np.sqrt(SKY_ELECTRONS) / _half_light_brightness(light)


def _half_light_brightness(light):
    """Return the mean over the brightest pixels that hold half of the light."""
    brightest = np.sort(light, axis=None)[::-1]
    total = np.cumsum(brightest)
    n_pixels = np.searchsorted(total, total[-1] / 2) + 1
    return total[n_pixels - 1] / n_pixels


def _stretch(signal):
    """Return grey levels: linear near the sky, logarithmic in bright cores."""
    level = LEVELS_PER_NOISE * SOFTENING * np.arcsinh(signal / SOFTENING)
    return np.clip(np.rint(BLACK + level), 0, 255).astype(np.uint8)
