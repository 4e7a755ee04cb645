"""The one cache of limited size."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from skgalaxy._lru import LRU


def test_the_least_recently_used_go_first():
    kept = LRU()
    for key in "abc":
        kept.put(key, key.upper(), most=3)
    assert kept.get("a") == "A"  # used again
    kept.put("d", "D", most=3)
    assert [kept.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    assert len(kept) == kept.size == 3


def test_values_have_sizes():
    kept = LRU(size_of=len)
    kept.put("small", "ab", most=10)
    kept.put("large", "c" * 9, most=10)
    assert kept.get("small") is None
    assert (len(kept), kept.size) == (1, 9)
    kept.put("too large", "d" * 11, most=10)
    assert (len(kept), kept.size) == (0, 0)


def test_the_first_value_of_a_key_stays():
    """Who was slower in making it gets that of the faster."""
    kept = LRU(size_of=len)
    assert kept.put("key", "first", most=10) == "first"
    assert kept.put("key", "second", most=10) == "first"
    assert kept.size == 5


def test_clear():
    kept = LRU()
    kept.put("key", "value", most=1)
    kept.clear()
    assert (kept.get("key"), len(kept), kept.size) == (None, 0, 0)


@pytest.mark.parametrize("most", [1, 7])
def test_threads(most):
    kept = LRU()

    def use(number):
        key = number % 20
        return key, kept.put(key, key, most), kept.get(key)

    with ThreadPoolExecutor(8) as threads:
        for key, put, got in threads.map(use, range(2000)):
            assert put == key
            assert got in (key, None)
    assert len(kept) == kept.size == most
