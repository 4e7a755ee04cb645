"""Simulated volunteers who walk the whole tree of Galaxy Zoo 2."""

import numpy as np
import pandas as pd
import pytest

from skgalaxy.datasets import make_galaxies
from skgalaxy.simulation._tree_volunteers import cast_tree_votes
from skgalaxy.votes import GZ2, GZ_DECALS, read_votes

pytest.importorskip("galsim", reason="make_galaxies needs GalSim")


@pytest.fixture(scope="module")
def galaxies():
    return make_galaxies(400, 16, tree=GZ2, random_state=0)


def fraction(galaxies, column):
    return galaxies.fractions[:, GZ2.columns.index(column)]


def test_counts_and_fractions_are_those_of_the_tree(galaxies):
    assert galaxies.tree is GZ2
    assert galaxies.votes.dtype == np.int64
    np.testing.assert_array_equal(GZ2.check_counts(galaxies.votes), galaxies.votes)
    assert galaxies.fractions.shape == galaxies.votes.shape == (400, 37)
    assert (galaxies.fractions >= 0).all()
    for here in GZ2.slices.values():
        np.testing.assert_allclose(galaxies.fractions[:, here].sum(axis=1), 1, rtol=1e-12)
    bar = GZ2.slices["bar"]
    not_edge_on = galaxies.votes[:, GZ2.columns.index("disk-edge-on_no")]
    np.testing.assert_array_equal(galaxies.votes[:, bar].sum(axis=1), not_edge_on)


def test_the_tree_changes_neither_pictures_nor_the_three_questions(galaxies):
    for question in ("featured", "edge-on", "bar"):
        plain = make_galaxies(20, 16, question=question, random_state=0)
        np.testing.assert_array_equal(plain.images, galaxies.images[:20])
        answer = {"featured": "smooth-or-featured_featured-or-disk", "edge-on": "disk-edge-on_yes"}
        column = answer.get(question, "bar_yes")
        np.testing.assert_array_equal(plain.vote_fraction, fraction(galaxies, column)[:20])
    assert set(plain) == set(galaxies) - {"tree", "fractions"}


def test_same_seed_same_votes_whatever_their_number(galaxies):
    again = make_galaxies(20, 16, tree=GZ2, random_state=0)
    np.testing.assert_array_equal(again.votes, galaxies.votes[:20])
    np.testing.assert_array_equal(again.fractions, galaxies.fractions[:20])
    _, votes = make_galaxies(20, 16, tree=GZ2, return_X_y=True, random_state=0)
    np.testing.assert_array_equal(votes, again.votes)


def test_votes_scatter_about_the_fractions(galaxies):
    for question, here in GZ2.slices.items():
        n = galaxies.votes[:, here].sum(axis=1, keepdims=True)
        rho = galaxies.fractions[:, here]
        variance = (n * rho * (1 - rho))[n[:, 0] > 0]
        off = (galaxies.votes[:, here] - n * rho)[n[:, 0] > 0]
        assert (np.abs(off.sum(axis=0)) < 5 * np.sqrt(variance.sum(axis=0))).all(), question
        # squares of nearly normal numbers have twice the square of their mean as variance
        error = np.sqrt(2 * (variance.sum(axis=1) ** 2).sum())
        assert (off**2).sum() == pytest.approx(variance.sum(), abs=5 * error), question


def test_answers_follow_the_physics(galaxies):
    frame = galaxies.frame
    seen = frame["visible_arms"] > frame["visible_arms"].quantile(0.8)
    loose = fraction(galaxies, "spiral-winding_loose") - fraction(galaxies, "spiral-winding_tight")
    assert np.corrcoef(loose[seen], frame["pitch_angle"][seen])[0, 1] > 0.5
    for n_arms in (2, 3, 4):
        share = fraction(galaxies, f"spiral-arm-count_{n_arms}")
        has = frame["n_arms"] == n_arms
        assert share[seen & has].mean() > share[seen & ~has].mean() + 0.1
    bulge = fraction(galaxies, "bulge-size_dominant") - fraction(galaxies, "bulge-size_no")
    assert np.corrcoef(bulge, frame["disc_fraction"])[0, 1] < -0.8
    cigar = fraction(galaxies, "how-rounded_cigar") - fraction(galaxies, "how-rounded_round")
    assert np.corrcoef(cigar, frame["visible_axis_ratio"])[0, 1] < -0.8
    arms = fraction(galaxies, "has-spiral-arms_yes")
    assert arms[frame["kind"] == "featured"].mean() > arms[frame["kind"] == "smooth"].mean() + 0.2
    assert np.ptp(fraction(galaxies, "odd-feature_ring")) == 0  # as the docstring says


def test_spread_volunteers_are_dirichlet_multinomial(galaxies):
    rng = np.random.default_rng(0)
    fractions = galaxies.fractions[0]
    draws = [cast_tree_votes(rng, fractions, np.array([40]), 0.1) for _ in range(1500)]
    k = pd.DataFrame(draws)["smooth-or-featured_featured-or-disk"]
    rho = fractions[GZ2.columns.index("smooth-or-featured_featured-or-disk")]
    variance = 40 * rho * (1 - rho) * (1 + 39 * 0.1)
    assert k.mean() == pytest.approx(40 * rho, abs=4 * np.sqrt(variance / 1500))
    assert k.var() == pytest.approx(variance, rel=0.15)


def test_the_table_is_read_again(galaxies, tmp_path):
    galaxies.table.to_csv(tmp_path / "votes.csv", index=False)
    votes = read_votes(tmp_path / "votes.csv", tree=GZ2)
    np.testing.assert_array_equal(votes.counts, galaxies.votes)
    np.testing.assert_array_equal(votes.ids, galaxies.ids)


@pytest.mark.parametrize(
    ("tree", "error", "message"),
    [
        (
            GZ_DECALS,
            ValueError,
            "`tree` must be skgalaxy.votes.GZ2.*walk_votes` draws votes of any",
        ),
        ("gz2", TypeError, "`tree` must be a DecisionTree, or None. Got 'gz2'"),
    ],
)
def test_other_trees_are_refused(tree, error, message):
    with pytest.raises(error, match=message):
        make_galaxies(2, 16, tree=tree)
