"""Masks mean missing, and numbers are numbers: the checks that every public function shares."""

import datetime
import decimal
import fractions

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from astropy.table import MaskedColumn, Table
from astropy.units import meter
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

from skgalaxy._validation import (
    LONGEST_ID,
    check_counts,
    check_ids,
    check_numbers,
    check_y,
    missing_mask,
    refuse_masked,
)

# The same two rows in every dress, the second of them masked.
MASKED = {
    "np.ma": np.ma.array([3, 99], mask=[False, True]),
    "np.ma of NaN": np.ma.masked_invalid([3, np.nan]),
    "astropy column": MaskedColumn([3, 99], mask=[False, True]),
    "astropy Masked": Masked([3.0, 99.0], mask=[False, True]),
    "astropy quantity": Masked([3.0, 99.0] * meter, mask=[False, True]),
    "Int64": pd.Series([3, None], dtype="Int64"),
    "Float64": pd.Series([3, pd.NA], dtype="Float64"),
    "Arrow": pd.Series([3, None], dtype="int64[pyarrow]"),
    "extension array": pd.array([3, pd.NA]),
    "index": pd.Index([3, pd.NA], dtype="Int64"),
    "objects": pd.Series([3, pd.NA], dtype=object),
    "array of objects": np.array([3, pd.NA], dtype=object),
    "list of np.ma.masked": [3, np.ma.masked],
    "list of pd.NA": [3, pd.NA],
}
NO_MASK = {
    "np.ma": np.ma.array([3, 99]),
    "astropy column": MaskedColumn([3, 99]),
    "Int64": pd.Series([3, 99], dtype="Int64"),
    "NaN is no mask": [3, np.nan],
    "NaN of pandas": pd.Series([3, None]),
    "list": [3, 99],
    "nothing": [],
}
NO_NUMBERS = {
    "text": ["a", "b"],
    "numbers as text": ["1", "2"],
    "one text": "abc",
    "a long text": ["a" * 10_000],
    "bytes": [b"1"],
    "complex": [1j],
    "dates": [np.datetime64("2020-01-01")],
    "Python's dates": [datetime.date(2020, 1, 1)],
    "spans of time": [np.timedelta64(1, "s")],
    "ragged": [[1], [1, 2]],
    "sparse": scipy.sparse.eye(2),
    "records": np.zeros(2, [("k", int), ("N", int)]),
    "raw bytes": np.zeros(2, "V4"),
    "a table": Table({"k": [1], "N": [2]}),
    "categories of text": pd.Categorical(["yes", "no"]),
    "text in a frame": pd.DataFrame({"k": ["a"], "N": [1]}),
    "None": None,
    "None within": [1, None],
    "a dictionary": {"k": 1},
    "a set": {1},
    "a generator": (number for number in [1]),
    "an object": object(),
    "too large for a float": [10**400],
}


@pytest.mark.parametrize("values", MASKED.values(), ids=MASKED)
def test_a_mask_is_found_and_refused(values):
    np.testing.assert_array_equal(missing_mask(values), [False, True])
    for refuse in (refuse_masked, check_numbers):
        with pytest.raises(
            ValueError, match=r"^`draws` must have no masked value.*in row 1; leave"
        ):
            refuse(values, "draws")


@pytest.mark.parametrize("values", NO_MASK.values(), ids=NO_MASK)
def test_no_mask(values):
    assert missing_mask(values) is None
    refuse_masked(values, "draws")
    np.testing.assert_array_equal(check_numbers(values, "draws"), np.asarray(values))


@pytest.mark.parametrize("value", [np.ma.masked, pd.NA, Masked(3.0, mask=True)])
def test_one_masked_value(value):
    with pytest.raises(ValueError, match=r"^`n_votes` must have no masked value.* Got one; leave"):
        check_numbers(value, "n_votes")


@pytest.mark.parametrize(
    "rows",
    [
        np.ma.array([[1, 2], [3, 4]], mask=[[0, 0], [1, 0]]),
        [[1, 2], [np.ma.masked, 4]],
        ((1, 2), (pd.NA, 4)),
        [np.array([1, 2]), np.ma.array([3, 4], mask=[1, 0])],
        pd.DataFrame({"k": pd.array([1, pd.NA]), "N": [2, 4]}),
        pd.DataFrame({"k": [1, pd.NA], "N": [2.0, 4.0]}, dtype=object),
    ],
)
def test_mask_of_two_columns(rows):
    np.testing.assert_array_equal(missing_mask(rows), [[False, False], [True, False]])


def test_ragged_rows_with_a_mask():
    np.testing.assert_array_equal(missing_mask([[1], [2, np.ma.masked]]), [False, True])
    np.testing.assert_array_equal(missing_mask([[[1], [2, 3]], np.ma.masked]), [False, True])


def test_mask_of_records():
    records = np.ma.zeros(2, [("k", int), ("N", int)])
    records["N"][1] = np.ma.masked
    np.testing.assert_array_equal(missing_mask(records), [False, True])


def test_nan_beside_a_mask_is_no_mask():
    frame = pd.DataFrame({"k": pd.array([1, pd.NA]), "weight": [np.nan, 1.0]})
    np.testing.assert_array_equal(missing_mask(frame), [[False, False], [True, False]])


@pytest.mark.parametrize("values", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_no_numbers(values):
    with pytest.raises(ValueError, match=r"`draws` must (hold|be an array of) .*Got ") as caught:
        check_numbers(values, "draws")
    assert len(str(caught.value)) < 200
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        [True, True],
        [np.float32(1), 2],
        [decimal.Decimal(1), fractions.Fraction(2)],
        pd.Series([1, 2], dtype=object),
        pd.Categorical([1, 2]),
        np.array([1, 2], "longdouble"),
        np.array([1, 2], ">i2"),
    ],
)
def test_numbers(values):
    numbers = check_numbers(values, "draws")
    assert numbers.dtype == np.float64
    assert numbers[0] == 1


@given(st.lists(st.one_of(st.just(np.ma.masked), st.integers(0, 9)), min_size=1))
def test_a_list_has_the_mask_of_its_values(values):
    expected = [value is np.ma.masked for value in values]
    mask = missing_mask(values)
    np.testing.assert_array_equal(np.zeros(len(values)) if mask is None else mask, expected)


def test_one_long_id_does_not_cost_the_length_of_it_for_all():
    """An array of text takes the space of its longest for each."""
    ids = [str(i) for i in range(3000)]
    assert check_ids([*ids, "x" * LONGEST_ID], "ids", None).nbytes < 2e7
    with pytest.raises(ValueError, match=r"`ids` must have at most 1000 characters.* in row 3000"):
        check_ids([*ids, "x" * 100_000], "ids", None)


@pytest.mark.parametrize("check", [check_y, check_counts])
def test_yes_and_no_are_not_k_of_n(check):
    """If few say yes, [yes, no] would pass for [k, N]."""
    counts = [[1, 9], [2, 38]]
    for names in (
        ["bar_yes", "bar_no"],
        ["yes", "no"],
        ["Yes votes", "No votes"],
        ["q.yes", "q.no"],
    ):
        with pytest.raises(ValueError, match=r"\[k, N\], of which N .*add them up"):
            check(pd.DataFrame(counts, columns=names), "y")
    by_level = pd.MultiIndex.from_tuples([("bar", "yes"), ("bar", "no")])
    with pytest.raises(ValueError, match="add them up"):
        check(pd.DataFrame(counts, columns=by_level), "y")
    for names in (["k", "N"], ["bar_yes", "bar_total-votes"], ["n_yes", "n_all"], ["yes", "of"]):
        check(pd.DataFrame(counts, columns=names), "y")
