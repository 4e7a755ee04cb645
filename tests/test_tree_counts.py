"""Votes on all questions of a tree, in one table: checked, and put in the tree's order."""

import numpy as np
import pandas as pd
import pytest

from skgalaxy.votes import GZ2, GZ_DECALS, DecisionTree

TREE = DecisionTree(
    {"disc": ["yes", "no"], "arms": ["1", "2", "3"], "odd": ["yes", "no"]},
    asked_after={"arms": ["disc_yes"], "odd": ["disc_yes", "disc_no"]},
    name="Small",
)
COUNTS = np.array([[30, 10, 12, 10, 8, 1, 39], [0, 40, 0, 0, 0, 0, 40]], float)


@pytest.mark.parametrize("tree", [GZ2, GZ_DECALS, TREE], ids=str)
def test_columns_are_those_of_the_questions(tree):
    assert len(tree.columns) == tree.n_answers == len(set(tree.columns))
    for question, here in tree.slices.items():
        assert tree.columns[here] == tuple(f"{question}_{a}" for a in tree.answers(question))


@pytest.mark.parametrize("tree", [GZ2, GZ_DECALS, TREE], ids=str)
def test_who_is_asked_is_what_expected_votes_says(tree):
    rng = np.random.default_rng(0)
    fractions = np.concatenate(
        [rng.dirichlet(np.ones(len(tree.answers(q))), size=5) for q in tree.questions], axis=1
    )
    asked = tree.asked_fractions(fractions)
    table = pd.DataFrame(fractions, columns=tree.columns)
    for number, question in enumerate(tree.questions):
        expected = tree.expected_votes(question, table, np.full(5, 40))
        np.testing.assert_allclose(40 * asked[:, number], expected, rtol=1e-12)


def test_a_table_in_any_order_is_the_array():
    table = pd.DataFrame(COUNTS, columns=TREE.columns).assign(id_str=["a", "b"])
    np.testing.assert_array_equal(TREE.check_counts(table[table.columns[::-1]]), COUNTS)
    np.testing.assert_array_equal(TREE.check_counts(COUNTS, 2), COUNTS)


def test_a_question_without_columns_is_not_known():
    table = pd.DataFrame({"odd_yes": [3], "odd_no": [4]})
    np.testing.assert_array_equal(TREE.check_counts(table), [[np.nan] * 5 + [3, 4]])
    more = table.assign(
        **{
            "id_str": "a",
            "odd_total-votes": 7,
            "odd_n_votes": 7,
            "odd_yes_fraction": 3 / 7,
            "x_odd": 1,
        }
    )
    np.testing.assert_array_equal(TREE.check_counts(more), TREE.check_counts(table))


def test_a_masked_question_is_not_known():
    masked = np.ma.masked_array(COUNTS, COUNTS == 0)
    masked.mask[0] = False
    masked.mask[1] = [False, False, True, True, True, False, False]
    assert np.isnan(TREE.check_counts(masked)[1, 2:5]).all()


def test_trees_are_equal_by_what_they_ask():
    again = DecisionTree(**TREE.to_dict())
    assert again == TREE
    assert hash(again) == hash(TREE)
    assert again.name == TREE.name
    assert DecisionTree(**GZ2.to_dict()) == GZ2
    assert DecisionTree({"disc": ["yes", "no"]}) != TREE


def changed(row, column, value):
    counts = COUNTS.copy()
    counts[row, column] = value
    return counts


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (COUNTS[:, :3], r"shape \(n_galaxies, 7\) .*Got shape \(2, 3\)"),
        (changed(0, 2, np.nan), "NaN in all. Got NaN in some of row 0"),
        (changed(0, 2, -1), "Got -1 of 'arms_1' in row 0"),
        (changed(0, 2, 1e300), r"from 0 to 2\*\*53, .*Got 1e\+300 of 'arms_1' in row 0"),
        (changed(0, 2, 2.5), "Got 2.5 of 'arms_1' in row 0"),
        (COUNTS / 40, "fractions do not tell how many were asked"),
        (changed(0, 2, 40), "more votes on 'arms' .* Got 58 of 30 in row 0"),
        (pd.DataFrame({"arms_1": [1], "arms_2": [1]}), "Got no column 'arms_3'"),
        (pd.DataFrame({"bar": [1]}), "columns of Small, for example 'disc_yes'. Got 'bar'"),
        (
            pd.DataFrame([[1, 2, 3]], columns=["odd_yes", "odd_yes", "odd_no"]),
            "Got the column 'odd_yes' twice",
        ),
        (
            pd.DataFrame([[1, 2, 3]], columns=["odd_yes", "odd_no", "odd_maybe"]),
            "other than yes, no. Got the column 'odd_maybe'; add it to another answer",
        ),
    ],
)
def test_bad_counts_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        TREE.check_counts(y)


def test_few_votes_too_many_are_those_of_real_tables():
    TREE.check_counts(changed(0, 2, 14))  # 32 of 30


def test_fractions_of_another_tree_are_refused():
    with pytest.raises(ValueError, match="7 answers of Small as last axis"):
        TREE.asked_fractions(np.ones(6))
