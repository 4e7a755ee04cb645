"""Things kept up to a size, whoever puts them in."""

import threading

from skgalaxy._lru import LRU


def test_what_was_not_used_for_longest_goes():
    kept = LRU(3)
    for key in "abc":
        assert kept.setdefault(key, key.upper()) == key.upper()
    assert kept.get("a") == "A"
    assert kept.setdefault("b", "other") == "B"
    kept.setdefault("d", "D")
    assert [kept.get(key) for key in "abcd"] == ["A", "B", None, "D"]


def test_sizes_add_up():
    kept = LRU(10, size_of=len)
    for text in ("one", "three", "two", "three"):
        kept.setdefault(text, text)
    assert (kept.size, len(kept)) == (8, 2)
    kept.setdefault("larger than all", "larger than all")
    assert (kept.size, len(kept)) == (0, 0)
    kept.max_size = 20
    kept.setdefault("larger than all", "larger than all")
    assert kept.size == 15
    kept.clear()
    assert (kept.size, len(kept), kept.get("larger than all")) == (0, 0, None)


def test_threads_share_one():
    kept, given = LRU(50), []

    def use(number):
        given.extend((key, kept.setdefault(key, (number, key))) for key in range(50))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == kept.size == 50
    assert len(set(given)) == 50  # all were given the same thing for a key
