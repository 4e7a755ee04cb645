"""Galaxies with votes: a folder of files, and simulated ones."""

import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skgalaxy.datasets import load_galaxy_zoo, make_galaxies

BIG_ID = 587722981746540704  # odd in its last bits: a float64 cannot hold it


# load_galaxy_zoo


def table():
    """Return three galaxies' votes on two questions."""
    return pd.DataFrame(
        {
            "asset_id": [f"{BIG_ID + 1 + i}" for i in range(3)],
            "smooth-or-featured_smooth": [10, 3, 30],
            "smooth-or-featured_featured-or-disk": [30, 36, 4],
            "smooth-or-featured_artifact": [0, 1, 6],
            "smooth-or-featured_total-votes": [40, 40, 40],
            "bar_yes": [7, 0, 1],
            "bar_no": [2, 30, 1],
            "bar_total-votes": [9, 30, 2],
            "petro_r": [14.2, 15.1, 16.9],
        }
    )


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three galaxies, grey levels 0, 80 and 160."""
    return write_folder(tmp_path, table())


def write_folder(path, frame, id_column="asset_id", suffix="png"):
    (path / "images").mkdir(exist_ok=True)
    frame.to_csv(path / "votes.csv", index=False)
    for i, name in enumerate(frame[id_column].astype(str)):
        Image.new("RGB", (300, 300), (80 * i,) * 3).save(path / "images" / f"{name}.{suffix}")
    return path


def test_each_row_has_its_own_image_votes_and_id(folder):
    galaxies = load_galaxy_zoo(folder, image_size=8)
    assert galaxies.images.shape == (3, 8, 8)
    np.testing.assert_array_equal(galaxies.images[:, 4, 4], [0, 80, 160])
    np.testing.assert_array_equal(galaxies.votes, [[30, 40], [36, 40], [4, 40]])
    assert galaxies.votes.dtype == np.int64
    assert [path.stem for path in galaxies.paths] == list(galaxies.ids)
    assert galaxies.question == "smooth-or-featured_featured-or-disk"
    assert str(folder) in galaxies.DESCR


def test_ids_are_text_to_the_last_digit(folder):
    galaxies = load_galaxy_zoo(folder, image_size=8)
    assert list(galaxies.ids) == [f"{BIG_ID + 1 + i}" for i in range(3)]
    assert list(galaxies.frame["asset_id"]) == list(galaxies.ids)


def test_return_X_y_and_grey(folder):
    images, votes = load_galaxy_zoo(folder, image_size=8, color=False, return_X_y=True)
    assert images.shape == (3, 8, 8)
    np.testing.assert_array_equal(votes[:, 1], 40)


@pytest.mark.parametrize(
    ("question", "column"),
    [
        ("bar_yes", "bar_yes"),
        ("yes", "bar_yes"),
        ("featured-or-disk", "smooth-or-featured_featured-or-disk"),
        ("smooth", "smooth-or-featured_smooth"),
        ("art", "smooth-or-featured_artifact"),
    ],
)
def test_question_by_column_answer_or_beginning(folder, question, column):
    galaxies = load_galaxy_zoo(folder, question=question, image_size=8)
    assert galaxies.question == column
    np.testing.assert_array_equal(galaxies.votes[:, 0], table()[column])


def test_exact_answer_beats_a_beginning(tmp_path):
    frame = table().rename(columns={"bar_yes": "bar_no-idea"})
    galaxies = load_galaxy_zoo(write_folder(tmp_path, frame), question="no", image_size=8)
    assert galaxies.question == "bar_no"


def test_total_is_the_questions_own(folder):
    votes = load_galaxy_zoo(folder, question="yes", image_size=8).votes
    np.testing.assert_array_equal(votes[:, 1], [9, 30, 2])


def test_total_is_the_sum_of_answers_if_there_is_no_column(tmp_path):
    folder = write_folder(tmp_path, table().drop(columns="bar_total-votes"))
    votes = load_galaxy_zoo(folder, question="yes", image_size=8).votes
    np.testing.assert_array_equal(votes, [[7, 9], [0, 30], [1, 2]])


def test_images_without_a_row_are_ignored(folder):
    Image.new("RGB", (300, 300)).save(folder / "images" / "stranger.jpg")
    assert len(load_galaxy_zoo(folder, image_size=8).ids) == 3


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "JPG"])
def test_suffixes(tmp_path, suffix):
    folder = write_folder(tmp_path, table(), suffix=suffix)
    assert len(load_galaxy_zoo(folder, image_size=8).images) == 3


def test_id_column_is_the_first_that_names_files(tmp_path):
    frame = table()
    frame["dr7objid"] = ["007", "008", "009"]
    galaxies = load_galaxy_zoo(write_folder(tmp_path, frame, "dr7objid"), image_size=8)
    assert list(galaxies.ids) == ["007", "008", "009"]


def test_byte_order_mark_is_no_part_of_a_name(folder):
    text = (folder / "votes.csv").read_text()
    (folder / "votes.csv").write_text(text, encoding="utf-8-sig")
    assert len(load_galaxy_zoo(folder, image_size=8).ids) == 3


def spoil(column, row, value):
    frame = table().astype({column: object})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "smooth-or-featured_featured-or-disk",
            41,
            r"Got 41 of 40 in row 1 \(asset_id 58772.*706\)",
        ),
        ("smooth-or-featured_featured-or-disk", -2, r"whole numbers >= 0. Got -2 in row 1 \(asset"),
        ("smooth-or-featured_featured-or-disk", 0.5, r"whole numbers >= 0. Got 0.5 in row 1"),
        ("smooth-or-featured_featured-or-disk", "many", "whole numbers >= 0. Got many in row 1"),
        ("smooth-or-featured_total-votes", None, r"`smooth-.*total-votes` .*Got nan in row 1"),
        ("asset_id", None, "`asset_id` must be given in every row. Got none in row 1"),
        ("asset_id", f"{BIG_ID + 1}", r"must not repeat. Got '587722981746540705' in rows 0, 1"),
    ],
)
def test_bad_rows_are_named(tmp_path, column, value, message):
    with pytest.raises(ValueError, match=message):
        load_galaxy_zoo(write_folder(tmp_path, spoil(column, 1, value)))


def test_row_without_an_image_is_named(folder):
    (folder / "images" / f"{BIG_ID + 2}.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"Row 1 \(asset_id {BIG_ID + 2}\) has none: '.*jpg"
    ):
        load_galaxy_zoo(folder)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            "spiral",
            r"'spiral', which names none .*'smooth-or-featured_smooth'.*'bar_yes', 'bar_no'",
        ),
        (
            "smooth-or-featured",
            r"is a whole question: .*_smooth', .*_featured-or-disk', .*artifact",
        ),
        ("petro_r", "names none"),
        ("bar_total-votes", "names none"),
        ("", "must name one answer as text. Got ''"),
        (None, "must name one answer as text. Got None"),
    ],
)
def test_question_that_names_no_answer(folder, question, message):
    with pytest.raises(ValueError, match=message):
        load_galaxy_zoo(folder, question=question)


def test_question_that_names_several_answers(tmp_path):
    frame = table().assign(edge_yes=0, edge_no=1)
    with pytest.raises(ValueError, match="several answers: 'bar_yes', 'edge_yes'"):
        load_galaxy_zoo(write_folder(tmp_path, frame), question="yes")


def test_missing_folder_table_images_and_ids(folder):
    with pytest.raises(FileNotFoundError, match="`folder` must be an existing folder"):
        load_galaxy_zoo(folder / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"No table of votes '.*counts.csv'"):
        load_galaxy_zoo(folder, votes_file="counts.csv")
    with pytest.raises(FileNotFoundError, match=r"No folder of images '.*pictures'"):
        load_galaxy_zoo(folder, image_folder="pictures")
    table().drop(columns="asset_id").to_csv(folder / "votes.csv", index=False)
    with pytest.raises(ValueError, match="must have an id column: asset_id, id_str, dr7objid"):
        load_galaxy_zoo(folder)


@pytest.mark.parametrize("text", ["", "asset_id,bar_yes,bar_total-votes\n"])
def test_empty_table(folder, text):
    (folder / "votes.csv").write_text(text)
    with pytest.raises(ValueError, match=r"`votes_file` .* must"):
        load_galaxy_zoo(folder)


def test_crop_larger_than_the_images(folder):
    with pytest.raises(ValueError, match=r"crop=301 .* 300 x 300"):
        load_galaxy_zoo(folder, crop=301)


def test_the_real_galaxies(shared_data):
    galaxies = load_galaxy_zoo(shared_data / "galaxy_zoo_2", image_size=16)
    assert galaxies.images.shape == (800, 16, 16)
    known = {"68": (15, 38), "442": (10, 41), "1129": (7, 35), "1626": (4, 61)}
    rows = [list(galaxies.ids).index(name) for name in known]
    np.testing.assert_array_equal(galaxies.votes[rows], list(known.values()))
    assert galaxies.frame["dr7objid"].iloc[0] == "587722981746540704"
    # The galaxy is in the middle, brighter than the edge unless a star is there.
    middle, edge = (
        galaxies.images[:, 6:10, 6:10].mean((1, 2)),
        galaxies.images[:, 0].mean(1),
    )
    assert (middle > edge).mean() > 0.99


# make_galaxies


@pytest.fixture(scope="module")
def galaxies():
    pytest.importorskip("galsim", reason="make_galaxies needs GalSim")
    return make_galaxies(400, random_state=0)


def asymmetry(images):
    """Return the share of light that changes under a quarter turn, for each galaxy."""
    light = images.astype(float) - np.median(images, axis=(1, 2), keepdims=True)
    turned = np.rot90(light, axes=(1, 2))
    return np.abs(light - turned).sum((1, 2)) / np.abs(light).sum((1, 2))


def axis_ratio(images):
    """Return minor over major axis from the second moments of the bright pixels."""
    axis = np.arange(images.shape[1]) - (images.shape[1] - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    weight = np.where(images > 40, images.astype(float), 0.0)
    xx, yy, xy = ((weight * m).sum((1, 2)) for m in (x * x, y * y, x * y))
    root = np.sqrt((xx - yy) ** 2 / 4 + xy**2)
    return np.sqrt(((xx + yy) / 2 - root) / ((xx + yy) / 2 + root))


def test_shapes_types_and_names(galaxies):
    assert galaxies.images.shape == (400, 64, 64)
    assert galaxies.images.dtype == np.uint8
    assert galaxies.votes.shape == (400, 2)
    assert galaxies.votes.dtype == np.int64
    assert galaxies.vote_fraction.dtype == np.float64
    assert len(set(galaxies.ids)) == len(galaxies.frame) == 400
    assert np.isfinite(galaxies.frame.to_numpy(float)).all()


def test_every_column_is_described(galaxies):
    assert "not observations" in galaxies.DESCR
    for column in galaxies.frame.columns:
        assert f"\n  {column} " in galaxies.DESCR


def test_same_seed_same_galaxies_whatever_their_number(galaxies):
    again = make_galaxies(20, random_state=0)
    np.testing.assert_array_equal(again.images, galaxies.images[:20])
    np.testing.assert_array_equal(again.votes, galaxies.votes[:20])
    np.testing.assert_array_equal(again.vote_fraction, galaxies.vote_fraction[:20])
    pd.testing.assert_frame_equal(again.frame, galaxies.frame[:20])


def test_another_seed_is_other_galaxies(galaxies):
    other = make_galaxies(20, random_state=1)
    assert (other.images != galaxies.images[:20]).any(axis=(1, 2)).all()
    assert len(np.unique(galaxies.images, axis=0)) == 400


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_generators_are_random_states(galaxies, kind):
    first, again = (make_galaxies(2, 16, random_state=kind(7)).images for _ in range(2))
    np.testing.assert_array_equal(first, again)
    source = kind(7)
    make_galaxies(2, 16, random_state=source)
    assert (make_galaxies(2, 16, random_state=source).images != first).any()


def test_global_random_state_is_left_alone(galaxies):
    before = np.random.get_state()[1].copy()
    make_galaxies(2, 16, random_state=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_size_changes_the_picture_and_not_the_galaxy(galaxies):
    small = make_galaxies(20, 32, random_state=0)
    np.testing.assert_allclose(2 * small.frame["disc_radius"], galaxies.frame["disc_radius"][:20])
    np.testing.assert_array_equal(small.frame["inclination"], galaxies.frame["inclination"][:20])
    shrunk = galaxies.images[:20].reshape(20, 32, 2, 32, 2).mean((2, 4))
    for a, b in zip(small.images, shrunk, strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9


def test_votes_are_binomial_draws_of_the_vote_fraction(galaxies):
    k, n = galaxies.votes.T
    assert (n == 40).all()
    rho = galaxies.vote_fraction
    z = (k - n * rho) / np.sqrt(n * rho * (1 - rho))
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert z.var() == pytest.approx(1, abs=4 * np.sqrt(2 / len(z)))


def test_number_of_votes_can_vary(galaxies):
    n = make_galaxies(200, 16, n_votes=(3, 5), random_state=0).votes[:, 1]
    assert set(n) == {3, 4, 5}
    assert not make_galaxies(2, 16, n_votes=0, random_state=0).votes.any()


def test_galaxies_are_mostly_smooth_and_of_every_degree(galaxies):
    rho = galaxies.vote_fraction
    assert ((rho > 0) & (rho < 1)).all()
    assert 0.03 < np.quantile(rho, 0.25) < 0.2
    assert 0.15 < np.median(rho) < 0.4
    assert np.quantile(rho, 0.97) > 0.9
    assert (np.histogram(rho, bins=8, range=(0, 1))[0] > 8).all()  # no gap between two classes


@pytest.mark.parametrize("fraction", [0, 0.1, 0.6, 1])
def test_featured_fraction_is_the_share_of_strong_features(galaxies, fraction):
    made = make_galaxies(200, 16, featured_fraction=fraction, random_state=0)
    error = 4 * np.sqrt(fraction * (1 - fraction) / 200)
    assert (made.frame["feature_strength"] > 0.5).mean() == pytest.approx(fraction, abs=error)


def test_arms_show_as_asymmetry(galaxies):
    frame = galaxies.frame
    open_ = frame["inclination"] < 45  # so that a quarter turn leaves a smooth galaxy alone
    measured = asymmetry(galaxies.images)
    armed = measured[open_ & (frame["arm_contrast"] > 0.5)]
    plain = measured[open_ & (frame["disc_fraction"] == 0)]
    assert np.median(armed) > 1.25 * np.median(plain)


def test_inclination_shows_as_elongation(galaxies):
    disc = (galaxies.frame["disc_fraction"] > 0.7).to_numpy()
    seen = axis_ratio(galaxies.images[disc])
    inclination = galaxies.frame["inclination"][disc]
    assert np.corrcoef(seen, np.cos(np.radians(inclination)))[0, 1] > 0.8
    assert seen[inclination > 85].max() < 0.5


def test_bars_and_arms_add_to_the_vote_fraction_when_seen(galaxies):
    rho = pd.Series(galaxies.vote_fraction)
    frame = galaxies.frame
    strong = frame["feature_strength"] > 0.6
    assert rho[strong & (frame["inclination"] < 50)].median() > 0.75
    edge_on = rho[strong & (frame["inclination"] > 83)]
    assert edge_on.between(0.4, 0.8).all()
    assert rho[frame["disc_fraction"] == 0].max() < 0.25


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"psf_fwhm": 1.0}, {"psf_fwhm": 6.0}),
        ({"signal_to_noise": 200.0}, {"signal_to_noise": 2.0}),
    ],
)
def test_worse_pictures_win_fewer_votes(galaxies, better, worse):
    args = {"n_galaxies": 100, "image_size": 48, "featured_fraction": 0.6, "random_state": 0}
    sharp, poor = (make_galaxies(**args, **seen).vote_fraction for seen in (better, worse))
    assert (poor <= sharp + 0.02).all()
    assert poor.mean() < sharp.mean() - 0.1


def test_noise_is_the_skys_and_does_not_follow_brightness(galaxies):
    dim, bright = (
        make_galaxies(20, signal_to_noise=value, random_state=0).images for value in (10, 100)
    )
    assert dim.max((1, 2)).mean() < 0.6 * bright.max((1, 2)).mean()
    corners = [images[:, :8, :8].astype(float).std() for images in (dim, bright)]
    assert corners[0] == pytest.approx(corners[1], rel=0.25)
    assert 2 < corners[0] < 6  # visible, and dark


def test_return_X_y(galaxies):
    images, votes = make_galaxies(5, return_X_y=True, random_state=0)
    np.testing.assert_array_equal(images, galaxies.images[:5])
    np.testing.assert_array_equal(votes, galaxies.votes[:5])


def test_verbose_shows_progress(galaxies, capsys):
    make_galaxies(2, 16, random_state=0)
    assert capsys.readouterr().err == ""
    make_galaxies(2, 16, verbose=True, random_state=0)
    assert "galaxies" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_galaxies": 0}, "`n_galaxies` must be an integer >= 1. Got 0"),
        ({"image_size": 8}, "`image_size` must be an integer >= 16. Got 8"),
        ({"featured_fraction": 1.5}, r"`featured_fraction` must be a number in \[0, 1\]. Got 1.5"),
        ({"n_votes": -1}, "`n_votes` must be an integer >= 0. Got -1"),
        ({"n_votes": 4.5}, "`n_votes` must be an integer >= 0. Got 4.5"),
        ({"n_votes": (40, 20)}, r"`n_votes` must be a pair \(low, high\).*Got \(40, 20\)"),
        ({"n_votes": (1, 2, 3)}, r"`n_votes` must be an integer or a pair.*Got \(1, 2, 3\)"),
        ({"psf_fwhm": 0}, r"`psf_fwhm` must be a number in \[0.5, 8\]. Got 0"),
        ({"psf_fwhm": (2, 1)}, r"`psf_fwhm` must be a pair .*Got \(2, 1\)"),
        ({"psf_fwhm": None}, "`psf_fwhm` must be a number or a pair .*Got None"),
        ({"signal_to_noise": float("nan")}, "`signal_to_noise` must be a number in .*Got nan"),
        ({"return_X_y": 1}, "`return_X_y` must be True or False. Got 1"),
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
    with pytest.raises(ImportError, match=r"`make_galaxies` needs galsim.*skgalaxy\[simulate\]"):
        make_galaxies(1)
