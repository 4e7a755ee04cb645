"""Votes that nobody counted: walks drawn down a tree, and counts from published fractions."""

import numpy as np
import pandas as pd
import pytest

from skgalaxy.votes import (
    GZ2,
    GZ_DECALS,
    DecisionTree,
    draw_counts,
    read_votes,
    reconstruct_counts,
    walk_votes,
)

SMALL = DecisionTree(
    {"disc": ["yes", "no"], "arms": ["1", "2", "3"], "odd": ["yes", "no"]},
    asked_after={"arms": ["disc_yes"], "odd": ["disc_yes", "disc_no"]},
    name="Small",
)


def fractions_of(tree, n_galaxies, seed=0):
    rng = np.random.default_rng(seed)
    sizes = [len(tree.answers(question)) for question in tree.questions]
    return np.hstack([rng.dirichlet(np.ones(size), n_galaxies) for size in sizes])


def shares(tree, counts):
    """Return fractions of counts, 0 where nobody was asked, as catalogues have them."""
    sums = [counts[:, here].sum(1, keepdims=True) for here in tree.slices.values()]
    sizes = [len(tree.answers(question)) for question in tree.questions]
    return counts / np.maximum(np.repeat(np.hstack(sums), sizes, axis=1), 1)


def table_of(tree, fractions, **more):
    names = [f"{name}_fraction" for name in tree.columns]
    ids = {"id_str": [f"g{i}" for i in range(len(fractions))]}
    return pd.DataFrame(fractions, columns=names).assign(**ids, **more)


@pytest.mark.parametrize("tree", [GZ2, GZ_DECALS, SMALL], ids=lambda tree: tree.name)
def test_walks_never_break_the_tree(tree):
    counts = walk_votes(tree, fractions_of(tree, 200), np.arange(200), random_state=0)
    for question, here in tree.slices.items():
        parents = [tree.columns.index(f"{q}_{a}") for q, a in tree.parents(question)]
        asked = counts[:, parents].sum(axis=1) if parents else np.arange(200)
        np.testing.assert_array_equal(counts[:, here].sum(axis=1), asked)
    np.testing.assert_array_equal(tree.check_counts(counts), counts)


@pytest.mark.parametrize("tree", [GZ2, SMALL], ids=lambda tree: tree.name)
def test_walks_have_the_expected_votes(tree):
    fractions, n_walks = fractions_of(tree, 1, seed=1), 40
    counts = walk_votes(tree, np.repeat(fractions, 4000, axis=0), n_walks, random_state=0)
    table = pd.DataFrame(fractions, columns=tree.columns)
    for question, here in tree.slices.items():
        asked = tree.expected_votes(question, table, n_walks)
        # the standard error of a mean of binomials is at most half the root of N
        atol = 5 * 0.5 * (n_walks / 4000) ** 0.5
        np.testing.assert_allclose(counts[:, here].mean(0), asked * fractions[0, here], atol=atol)


def test_seed_and_table():
    fractions = fractions_of(SMALL, 3)
    first = walk_votes(SMALL, fractions, 40, random_state=7)
    table = pd.DataFrame(fractions, columns=SMALL.columns)[list(SMALL.columns)[::-1]]
    np.testing.assert_array_equal(walk_votes(SMALL, table, 40, random_state=7), first)
    assert (walk_votes(SMALL, fractions, 40, random_state=8) != first).any()


def test_who_is_asked_what_nobody_knows():
    fractions = np.array([[1, 0, *[np.nan] * 3, 1, 0], [0, 1, *[np.nan] * 3, 1, 0]])
    counts = walk_votes(SMALL, fractions, 9, random_state=0)
    np.testing.assert_array_equal(counts, [[9, 0, *[np.nan] * 3, 9, 0], [0, 9, 0, 0, 0, 9, 0]])


@pytest.mark.parametrize("tree", [GZ2, SMALL], ids=lambda tree: tree.name)
@pytest.mark.parametrize("decimals", [15, 3])
def test_fractions_of_counts_give_these_counts(tree, decimals):
    counts = walk_votes(tree, fractions_of(tree, 100), 45, random_state=0)
    table = table_of(tree, shares(tree, counts).round(decimals))
    made = reconstruct_counts(table, tree, n_votes=45)
    np.testing.assert_array_equal(made.counts, counts)
    assert made.origin == "reconstructed"
    assert "reconstructed votes" in repr(made)
    assert set(made.to_frame()["votes_origin"]) == {"reconstructed"}


def test_reconstructed_counts_add_up():
    made = reconstruct_counts(table_of(GZ2, fractions_of(GZ2, 100)), n_votes=45)
    np.testing.assert_array_equal(GZ2.check_counts(made.counts), made.counts)
    np.testing.assert_array_equal(made.n_votes[:, 0], 45)
    np.testing.assert_array_equal(
        made.votes("bar").n_votes, made.votes("disk-edge-on").counts[:, 1]
    )


def test_one_answer_may_be_left_out():
    table = table_of(SMALL, fractions_of(SMALL, 5))
    whole = reconstruct_counts(table, SMALL, n_votes=45)
    part = reconstruct_counts(table.drop(columns="arms_2_fraction"), SMALL, n_votes=45)
    np.testing.assert_array_equal(part.counts, whole.counts)


def test_rows_of_galaxy_zoo_2(shared_data):
    folder = shared_data / "galaxy_zoo_2"
    made = reconstruct_counts(folder / "hart16_rows.csv")
    counted = read_votes(folder / "votes.csv", tree=GZ2, id_column="dr7objid").reindex(made.ids)
    np.testing.assert_array_equal(made.counts[:, :3], counted.counts[:, :3])
    total = pd.read_csv(folder / "hart16_rows.csv")["total_votes"]
    off = np.abs(np.nansum(made.counts, axis=1) / total - 1)
    assert np.median(off) == 0
    assert np.quantile(off, 0.95) <= 0.016
    GZ2.check_counts(made.counts)


def test_fractions_of_kaggle_are_drawn_by(shared_data):
    table = pd.read_csv(shared_data / "kaggle_gz" / "votes.csv", nrows=200)
    drawn = draw_counts(table, n_votes=40, id_column="id", random_state=0)
    assert drawn.origin == "drawn"
    assert drawn.missing == ()
    np.testing.assert_array_equal(drawn.n_votes[:, 0], 40)
    mean = drawn.counts[:, 1].sum() / 40 / 200
    assert mean == pytest.approx(
        table["smooth-or-featured_featured-or-disk_fraction"].mean(), abs=0.03
    )
    GZ2.check_counts(drawn.counts)


def changed(**columns):
    return table_of(SMALL, fractions_of(SMALL, 3)).assign(**columns)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: walk_votes(SMALL, np.full((2, 7), 0.5), 40),
            "'arms' must add up to 1.* 1.5 in row",
        ),
        (lambda: walk_votes(SMALL, fractions_of(GZ2, 1), 40), r"shape \(n_galaxies, 7\)"),
        (lambda: walk_votes(SMALL, [[2, -1, 0, 0, 1, 1, 0]], 40), "Got 2 of 'disc_yes' in row 0"),
        (
            lambda: walk_votes(SMALL, [[np.nan, 1, 0, 0, 1, 1, 0]], 40),
            "Got NaN in some of row 0",
        ),
        (lambda: walk_votes(SMALL, pd.DataFrame({"disc_yes": [1]}), 40), "Got no 'disc_no'"),
        (lambda: walk_votes("gz2", [[1]], 40), "`tree` must be a DecisionTree"),
        (lambda: walk_votes(SMALL, fractions_of(SMALL, 1), -1), "`n_votes`"),
        (lambda: reconstruct_counts(changed(), SMALL), "can only be drawn"),
        (lambda: reconstruct_counts(changed(), SMALL, n_votes="N"), "Got 'N' and no column n"),
        (
            lambda: reconstruct_counts(changed(arms_2_fraction=0.9), SMALL, n_votes=9),
            "'arms' must add up to 1",
        ),
        (
            lambda: reconstruct_counts(changed(arms_2_fraction="x"), SMALL, n_votes=9),
            "`arms_2_fraction` must be numbers. Got 'x' in row 0",
        ),
        (
            lambda: reconstruct_counts(changed(total_votes=95), SMALL, n_votes=9),
            "must add up to `total_votes` .* is `n_votes` the N of the first",
        ),
        (lambda: draw_counts(changed(), GZ2), "must have fractions of the answers of Galaxy Zoo 2"),
        (lambda: draw_counts(changed().drop(columns="id_str"), SMALL), "`id_column` must be"),
    ],
)
def test_bad_fractions_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
