"""Simulated galaxies: the light, what is seen of it, and the votes."""

import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import ks_2samp

from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.images import read_images
from skgalaxy.simulation import _optics as optics
from skgalaxy.simulation import _population as population
from skgalaxy.simulation import _volunteers as volunteers

galsim = pytest.importorskip("galsim", reason="make_galaxies needs GalSim")

KINDS = ("smooth", "featured", "barred", "edge-on", "artifact")


@pytest.fixture(scope="module")
def galaxies():
    return make_galaxies(1000, random_state=0)


def of_kind(kind, n_galaxies=40, **parameters):
    return make_galaxies(n_galaxies, kinds={kind: 1}, random_state=0, **parameters)


def a_galaxy(kind="barred", **parameters):
    """Return the parameters of a nearly round galaxy of 15 mag and 4 arcsec."""
    rng = np.random.default_rng(1)
    galaxy = population.draw_galaxy(rng, {kind: 1.0}, (15.0, 15.0), (4.0, 4.0), (1.3, 1.3))
    return galaxy | {"inclination": 25.0, "knot_fraction": 0.0} | parameters


def light_of(galaxy, frame=60.0):
    """Return the light of a lonely galaxy, and the camera."""
    camera = optics.Camera(galsim, frame, 0.4, galaxy["seeing"])
    alone = {name: np.empty(0) for name in ("x", "y", "magnitude", "radius")}
    return optics.draw_light(galsim, galaxy, alone, camera, np.random.default_rng(0)), camera


def axis_ratio(images):
    """Return minor over major axis from the second moments of the bright pixels."""
    axis = np.arange(images.shape[1]) - (images.shape[1] - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    near = np.hypot(x, y) < images.shape[1] / 3  # leave most neighbours out
    weight = np.where((images > 40) & near, images.astype(float), 0.0)
    xx, yy, xy = ((weight * m).sum((1, 2)) for m in (x * x, y * y, x * y))
    root = np.sqrt((xx - yy) ** 2 / 4 + xy**2)
    return np.sqrt(((xx + yy) / 2 - root) / ((xx + yy) / 2 + root))


# the result


def test_shapes_types_and_names(galaxies):
    assert galaxies.images.shape == (1000, 64, 64)
    assert galaxies.images.dtype == np.uint8
    assert galaxies.votes.shape == (1000, 2)
    assert galaxies.votes.dtype == np.int64
    assert galaxies.vote_fraction.dtype == np.float64
    assert len(set(galaxies.ids)) == len(galaxies.frame) == len(galaxies.table) == 1000
    assert np.isfinite(galaxies.frame.drop(columns="kind").to_numpy(float)).all()


def test_every_column_is_described(galaxies):
    assert "not observations" in galaxies.DESCR
    for column in galaxies.frame.columns:
        assert column in galaxies.DESCR


def test_same_seed_same_galaxies_whatever_their_number(galaxies):
    again = make_galaxies(20, random_state=0)
    np.testing.assert_array_equal(again.images, galaxies.images[:20])
    np.testing.assert_array_equal(again.votes, galaxies.votes[:20])
    np.testing.assert_array_equal(again.vote_fraction, galaxies.vote_fraction[:20])
    pd.testing.assert_frame_equal(again.frame, galaxies.frame[:20])
    pd.testing.assert_frame_equal(again.table, galaxies.table[:20])


def test_same_galaxies_whatever_the_number_of_processes(galaxies):
    several = make_galaxies(200, n_jobs=2, random_state=0)
    np.testing.assert_array_equal(several.images, galaxies.images[:200])
    pd.testing.assert_frame_equal(several.frame, galaxies.frame[:200])
    pd.testing.assert_frame_equal(several.table, galaxies.table[:200])


def test_another_seed_is_other_galaxies(galaxies):
    other = make_galaxies(20, random_state=1)
    assert (other.images != galaxies.images[:20]).any(axis=(1, 2)).all()
    assert len(np.unique(galaxies.images, axis=0)) == 1000


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_generators_are_random_states(kind):
    first, again = (make_galaxies(2, 16, random_state=kind(7)).images for _ in range(2))
    np.testing.assert_array_equal(first, again)
    source = kind(7)
    make_galaxies(2, 16, random_state=source)
    assert (make_galaxies(2, 16, random_state=source).images != first).any()


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    make_galaxies(2, 16, random_state=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_return_X_y(galaxies):
    images, votes = make_galaxies(5, return_X_y=True, random_state=0)
    np.testing.assert_array_equal(images, galaxies.images[:5])
    np.testing.assert_array_equal(votes, galaxies.votes[:5])


def test_verbose_shows_progress(capsys):
    make_galaxies(2, 16, random_state=0)
    assert capsys.readouterr().err == ""
    make_galaxies(2, 16, verbose=True, random_state=0)
    assert "galaxies" in capsys.readouterr().err


def test_images_and_table_are_a_folder_for_load_galaxy_zoo(galaxies, tmp_path):
    (tmp_path / "images").mkdir()
    for name, image in zip(galaxies.ids[:20], galaxies.images[:20], strict=True):
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
    galaxies.table[:20].to_csv(tmp_path / "votes.csv", index=False)
    loaded = load_galaxy_zoo(tmp_path, crop=None)
    np.testing.assert_array_equal(loaded.images, galaxies.images[:20])
    np.testing.assert_array_equal(loaded.votes, galaxies.votes[:20])
    bar = load_galaxy_zoo(tmp_path, crop=None, answer="bar_yes")
    expected = make_galaxies(20, question="bar", random_state=0).votes
    np.testing.assert_array_equal(bar.votes, expected)


# which galaxies


def test_kinds_have_their_shares():
    shares = {"smooth": 0.2, "barred": 0.5, "artifact": 0.3}
    rng = np.random.default_rng(0)
    ends = (14.0, 17.0), None, (1.0, 1.0)
    drawn = [population.draw_galaxy(rng, shares, *ends)["kind"] for _ in range(2000)]
    for kind in KINDS:
        p = shares.get(kind, 0)
        assert np.mean(np.array(drawn) == kind) == pytest.approx(p, abs=4 * (p / 2000) ** 0.5)


def test_magnitudes_and_sizes_are_those_of_a_magnitude_limited_survey(galaxies):
    mag, r90 = galaxies.frame["magnitude"], galaxies.frame["radius_90"]
    assert mag.between(14, 17).all()
    # Galaxies evenly in space: 10^-0.6 as many a magnitude brighter.
    expected = (10**-0.6 - 10**-1.8) / (1 - 10**-1.8)
    assert (mag < 16).mean() == pytest.approx(expected, abs=0.05)
    assert r90.min() >= 3
    np.testing.assert_allclose(galaxies.frame["pixel_scale"], 0.02 * r90 * 256 / 64)


@pytest.mark.parametrize("magnitude", [8.0, 22.0])
def test_extreme_magnitudes_have_sizes(magnitude):
    made = make_galaxies(30, 16, magnitude=magnitude, random_state=0)
    assert (made.frame["magnitude"] == magnitude).all()
    assert np.isfinite(made.frame["half_light_radius"]).all()
    assert (made.frame["radius_90"] >= 3).all()


def test_ranges_are_kept():
    made = make_galaxies(50, 16, radius=(2, 3), seeing=(2, 4), pixel_scale=1.5, random_state=0)
    assert made.frame["half_light_radius"].between(2, 3).all()
    assert made.frame["seeing"].between(2, 4).all()
    assert (made.frame["pixel_scale"] == 1.5).all()


# the light


def test_smooth_light_is_what_galsim_draws():
    galaxy = a_galaxy("smooth", disc_fraction=0.4)
    light, camera = light_of(galaxy)
    psf = galsim.Moffat(beta=optics.PSF_BETA, fwhm=galaxy["seeing"])
    profile = galsim.Convolve(optics._smooth_profile(galsim, galaxy), psf)
    n = camera.n_pixels
    drawn = profile.drawImage(nx=n, ny=n, scale=camera.step, method="no_pixel").array
    drawn = drawn * optics.electrons(15.0)
    assert np.abs(light.smooth - drawn).max() < 0.01 * drawn.max()


def test_light_is_that_of_the_magnitude():
    light, _ = light_of(a_galaxy("featured", disc_fraction=1.0), frame=80.0)
    assert light.total.sum() == pytest.approx(10 ** (0.4 * (optics.ZERO_POINT - 15)), rel=0.02)


def test_light_in_the_half_light_radius_is_half():
    galaxy = a_galaxy("featured", inclination=0.0, arm_contrast=0.0, disc_fraction=1.0, seeing=0.8)
    galaxy["disc_radius"] = galaxy["half_light_radius"] / 1.678
    light, camera = light_of(galaxy, frame=80.0)
    axis = (np.arange(camera.n_pixels) - (camera.n_pixels - 1) / 2) * camera.step
    inside = np.hypot(axis[:, None], axis) < 4.0
    assert light.total[inside].sum() / light.total.sum() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("seeing", [1.0, 1.5, 3.0])
def test_a_star_is_as_wide_as_the_seeing(seeing):
    camera = optics.Camera(galsim, 40.0, 0.4, seeing)
    grid = np.zeros((camera.n_grid, camera.n_grid))
    camera.point(grid, [1.3], [-2.1], np.array([1000.0]))
    star = camera.expose(grid=grid)
    assert star.sum() == pytest.approx(1000, rel=0.02)
    axis = (np.arange(camera.n_pixels) - (camera.n_pixels - 1) / 2) * camera.step
    assert axis[star.sum(0).argmax()] == pytest.approx(1.3, abs=camera.step)
    assert axis[star.sum(1).argmax()] == pytest.approx(-2.1, abs=camera.step)
    # A circle of the width at half maximum holds the pixels above half.
    area = (star > star.max() / 2).sum() * camera.step**2
    assert 2 * np.sqrt(area / np.pi) == pytest.approx(seeing, rel=0.15)


def test_arms_add_no_light_and_bars_add_theirs():
    galaxy = a_galaxy(arm_contrast=1.0, bar_fraction=0.2)
    light, _ = light_of(galaxy)
    assert abs(light.arms.sum()) < 0.1 * np.abs(light.arms).sum()
    flux = optics.electrons(15.0) * galaxy["disc_fraction"] * 0.2
    assert light.bar.sum() == pytest.approx(flux, rel=0.02)


def test_neighbours_are_on_the_sky():
    rng = np.random.default_rng(0)
    field = population.draw_neighbours(rng, 600.0)
    assert len(field["x"]) == pytest.approx(700, abs=110)
    assert np.abs([field["x"], field["y"]]).max() <= 300
    bright, faint = population.NEIGHBOUR_MAGNITUDES
    assert ((field["magnitude"] >= bright) & (field["magnitude"] <= faint)).all()


def test_the_stretch_is_linear_in_the_sky_and_logarithmic_in_cores():
    camera = optics.Camera(galsim, 20.0, 0.4, 1.3)
    noise = np.sqrt(optics.noise_variance(0.0, camera))
    levels = optics.stretch(noise * np.array([1, 2, 1000, 2000]), camera)
    assert levels[0] == pytest.approx(optics.LEVELS_PER_NOISE, rel=0.02)
    assert levels[1] == pytest.approx(2 * levels[0], rel=0.02)
    factor = optics.LEVELS_PER_NOISE * optics.SOFTENING
    assert levels[3] - levels[2] == pytest.approx(factor * np.log(2), rel=0.01)


# what is seen


def test_what_a_smooth_galaxy_could_have_is_no_feature():
    galaxy = a_galaxy("featured", inclination=0.0)
    light, camera = light_of(galaxy)
    rings = volunteers._rings(galaxy, camera)
    round_ = volunteers._ring_mean(np.abs(light.arms), rings[0])
    assert volunteers._visibility(round_, light.total + round_, rings, camera) < 1e-6
    assert volunteers._visibility(light.arms, light.total, rings, camera) > 5


def test_visibility_is_the_ideal_observers():
    """A checkerboard so faint that the stretch is linear: d'^2 = n a^2 / (sigma^2 + eye^2)."""
    camera = optics.Camera(galsim, 64 * 0.396, 0.396, 1.3)
    n = camera.n_pixels
    board = 3.0 * (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    rings = [np.zeros((n, n), dtype=int)]
    slope = optics.LEVELS_PER_NOISE / np.sqrt(optics.noise_variance(0.0, camera))
    sigma, eye = optics.LEVELS_PER_NOISE, volunteers.EYE * n / 64
    expected = n * 3.0 * slope / np.sqrt(sigma**2 + eye**2)
    seen = volunteers._visibility(board, board, rings, camera)
    assert seen == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "question", "worse"),
    [
        ("barred", "bar", {"seeing": 5.0}),
        ("barred", "bar", {"magnitude": 20.0}),
        ("featured", "featured", {"seeing": 5.0}),
        ("featured", "featured", {"magnitude": 20.0}),
        ("edge-on", "edge-on", {"seeing": 5.0}),
    ],
)
def test_a_feature_lost_in_seeing_or_noise_gets_few_votes(kind, question, worse):
    sky = {"magnitude": 15.0, "radius": 4.0, "seeing": 1.0, "question": question}
    good, bad = (of_kind(kind, **(sky | change)).vote_fraction for change in ({}, worse))
    assert (bad <= good + 0.02).all()
    assert bad.mean() < 0.6 * good.mean()
    if question == "bar":
        assert np.median(bad) < 0.15  # 0.05 is that of galaxies without a bar


def test_kinds_win_their_votes(galaxies):
    frame = galaxies.frame
    rho = frame.groupby("kind")[[f"rho_{q}" for q in ("featured", "edge-on", "bar", "artifact")]]
    median = rho.median()
    assert median.loc["smooth", "rho_featured"] < 0.2 < median.loc["featured", "rho_featured"]
    assert median.loc["edge-on", "rho_edge-on"] > 0.7 > median.loc["featured", "rho_edge-on"]
    assert median.loc["barred", "rho_bar"] > 4 * median.loc["featured", "rho_bar"]
    assert (
        median.loc["artifact", "rho_artifact"] > 0.5 > median["rho_artifact"].drop("artifact").max()
    )


def test_inclination_shows_as_elongation(galaxies):
    disc = (galaxies.frame["disc_fraction"] > 0.7).to_numpy()
    seen = axis_ratio(galaxies.images[disc])
    frame = galaxies.frame[disc]
    assert np.corrcoef(seen, np.cos(np.radians(frame["inclination"])))[0, 1] > 0.7
    assert np.corrcoef(seen, frame["visible_axis_ratio"])[0, 1] > 0.8


def test_size_changes_the_picture_and_not_the_galaxy(galaxies):
    small = make_galaxies(20, 32, random_state=0)
    same = ["kind", "magnitude", "disc_radius", "inclination", "seeing"]
    pd.testing.assert_frame_equal(small.frame[same], galaxies.frame[same][:20])
    np.testing.assert_allclose(small.frame["pixel_scale"], 2 * galaxies.frame["pixel_scale"][:20])
    shrunk = galaxies.images[:20].reshape(20, 32, 2, 32, 2).mean((2, 4))
    for a, b in zip(small.images, shrunk, strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9


def test_votes_leave_the_pictures_alone(galaxies):
    other = make_galaxies(20, n_votes=5, vote_spread=0.3, question="bar", random_state=0)
    np.testing.assert_array_equal(other.images, galaxies.images[:20])
    pd.testing.assert_frame_equal(other.frame, galaxies.frame[:20])


# the votes


@pytest.mark.parametrize(
    ("question", "answer", "total"),
    [
        ("featured", "smooth-or-featured_featured-or-disk", "smooth-or-featured_total-votes"),
        ("artifact", "smooth-or-featured_artifact", "smooth-or-featured_total-votes"),
        ("edge-on", "disk-edge-on_yes", "disk-edge-on_total-votes"),
        ("bar", "bar_yes", "bar_total-votes"),
    ],
)
def test_votes_are_binomial_draws_of_the_vote_fraction(galaxies, question, answer, total):
    k, n = (galaxies.table[name].to_numpy() for name in (answer, total))
    rho = galaxies.frame[f"rho_{question}"].to_numpy()
    asked = n > 0
    z = (k - n * rho)[asked] / np.sqrt((n * rho * (1 - rho))[asked])
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert z.var() == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("question", ["featured", "edge-on", "bar"])
def test_y_is_of_the_question(galaxies, question):
    made = make_galaxies(20, question=question, random_state=0)
    assert made.question == question
    np.testing.assert_array_equal(made.vote_fraction, galaxies.frame[f"rho_{question}"][:20])
    name = volunteers.QUESTIONS[question]
    np.testing.assert_array_equal(made.votes[:, 0], galaxies.table["_".join(name)][:20])
    np.testing.assert_array_equal(made.votes[:, 1], galaxies.table[f"{name[0]}_total-votes"][:20])


def test_spread_volunteers_are_beta_binomial():
    rng = np.random.default_rng(0)
    rho = {"featured": 0.3, "edge-on": 0.5, "bar": 0.5, "artifact": 0.05}
    draws = [volunteers.cast_votes(rng, rho, np.array([40]), 0.1) for _ in range(4000)]
    k = pd.DataFrame(draws)["smooth-or-featured_featured-or-disk"]
    variance = 40 * 0.3 * 0.7 * (1 + 39 * 0.1)
    assert k.mean() == pytest.approx(12, abs=4 * np.sqrt(variance / 4000))
    assert k.var() == pytest.approx(variance, rel=0.1)


def test_votes_follow_the_decision_tree(galaxies):
    table = galaxies.table
    featured = table["smooth-or-featured_featured-or-disk"]
    answers = ["smooth", "featured-or-disk", "artifact"]
    first = table[[f"smooth-or-featured_{answer}" for answer in answers]]
    assert (first >= 0).all(axis=None)
    assert (first.sum(axis=1) == table["smooth-or-featured_total-votes"]).all()
    assert (table["disk-edge-on_yes"] + table["disk-edge-on_no"] == featured).all()
    assert (table["bar_yes"] + table["bar_no"] == table["disk-edge-on_no"]).all()
    np.testing.assert_array_equal(galaxies.votes[:, 0], featured)


def test_number_of_votes_can_vary():
    n = make_galaxies(200, 16, n_votes=(3, 5), random_state=0).votes[:, 1]
    assert set(n) == {3, 4, 5}
    assert not make_galaxies(2, 16, n_votes=0, random_state=0).votes.any()
    assert set(make_galaxies(9, 16, n_votes=40, random_state=0).votes[:, 1]) == {40}


# beside the real sky


def test_number_of_votes_is_that_of_the_published_tables(shared_data):
    folder = shared_data / "vote_tables"
    stripe82 = pd.read_csv(folder / "gz2_stripe82_coadd_votes.csv")
    published = {
        "gz2": np.load(folder / "gz2_full_pfeatured_N.npz")["votes"],
        "stripe82": stripe82.filter(like="_count").sum(axis=1),
        "decals": pd.read_csv(folder / "gz_decals_votes.csv")["total_votes"],
    }
    for name, n_votes in published.items():
        assert ks_2samp(volunteers.VOTES_CAST[name], n_votes).statistic < 0.02


def test_vote_fractions_are_distributed_as_in_galaxy_zoo_2(galaxies, shared_data):
    published = np.load(shared_data / "vote_tables" / "gz2_full_pfeatured_N.npz")["p_featured"]
    k, n = galaxies.votes.T
    # 1000 of the same distribution stay below 0.05 nineteen times in twenty.
    assert ks_2samp(k / n, published).statistic < 0.07


def test_pictures_are_as_bright_and_noisy_as_real_ones(galaxies, shared_data):
    paths = sorted((shared_data / "sdss_pool" / "images").iterdir())[:300]
    ours, theirs = (grey_levels(images) for images in (galaxies.images, read_images(paths)))
    np.testing.assert_allclose(ours["middle"], theirs["middle"], rtol=0.15)
    np.testing.assert_allclose(ours["mean"], theirs["mean"], rtol=0.2)
    np.testing.assert_allclose(ours["edge"], theirs["edge"], atol=1.5)
    np.testing.assert_allclose(ours["noise"], theirs["noise"], atol=1.5)


def grey_levels(images):
    """Return medians over galaxies: of the middle, the whole, and edges with their noise."""
    images = images.astype(float)
    edges = np.concatenate(
        [images[:, :6].reshape(len(images), -1), images[:, -6:].reshape(len(images), -1)], 1
    )
    edge = np.median(edges, axis=1)
    return {
        "middle": np.median(images[:, 30:34, 30:34]),
        "mean": np.median(images.mean((1, 2))),
        "edge": np.median(edge),
        "noise": 1.48 * np.median(np.abs(edges - edge[:, None])),
    }


# bad input


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_galaxies": 0}, "`n_galaxies` must be an integer >= 1. Got 0"),
        ({"image_size": 8}, "`image_size` must be an integer >= 16. Got 8"),
        ({"kinds": "smooth"}, "`kinds` must be a dict of kind to probability. Got 'smooth'"),
        ({"kinds": {"spiral": 1}}, "`kinds` may name 'smooth', 'featured'.* Got 'spiral'"),
        ({"kinds": {"smooth": 1.5}}, r"`kinds` must be a number in \[0, 1\]. Got 1.5"),
        ({"kinds": {"smooth": 0.5, "barred": 0.4}}, "`kinds` must add up to 1. Got 0.9"),
        ({"kinds": {}}, "`kinds` must add up to 1. Got 0"),
        ({"question": "ring"}, "`question` must be one of 'featured', .*Got 'ring'"),
        ({"magnitude": 30}, r"`magnitude` must be a number in \[8, 22\]. Got 30"),
        ({"magnitude": float("nan")}, "`magnitude` must be a number in .*Got nan"),
        ({"radius": 0}, r"`radius` must be a number in \[0.1, 200\]. Got 0"),
        ({"seeing": 0}, r"`seeing` must be a number in \[0.3, 20\]. Got 0"),
        ({"seeing": (2, 1)}, r"`seeing` must be a pair .*Got \(2.0, 1.0\)"),
        ({"seeing": None}, "`seeing` must be a number or a pair .*Got None"),
        ({"pixel_scale": 0}, r"`pixel_scale` must be a number in \[0.02, 10\]. Got 0"),
        ({"n_votes": -1}, "`n_votes` must be an integer >= 0. Got -1"),
        ({"n_votes": 4.5}, "`n_votes` must be an integer >= 0. Got 4.5"),
        ({"n_votes": (40, 20)}, r"`n_votes` must be a pair \(low, high\).*Got \(40, 20\)"),
        ({"n_votes": (1, 2, 3)}, r"`n_votes` must be a number or a pair.*Got \(1, 2, 3\)"),
        ({"n_votes": "many"}, "`n_votes` must be one of 'gz2', .*Got 'many'"),
        ({"vote_spread": 1}, r"`vote_spread` must be a number in \[0, 1\). Got 1"),
        ({"return_X_y": 1}, "`return_X_y` must be True or False. Got 1"),
        ({"n_jobs": 0}, "`n_jobs` must be None or an integer other than 0. Got 0"),
        ({"verbose": 2}, "`verbose` must be True or False. Got 2"),
        ({"random_state": -1}, "`random_state` must be None, an integer >= 0, .*Got -1"),
        ({"random_state": "seed"}, "`random_state` must be None, an integer >= 0, .*Got 'seed'"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make_galaxies(**parameters)


def test_without_galsim_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "galsim", None)
    with pytest.raises(
        ImportError,
        match=r"`make_galaxies` needs galsim, which is not installed: pip install galsim",
    ):
        make_galaxies(1)
