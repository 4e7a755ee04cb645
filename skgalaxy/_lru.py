"""A cache of limited size. When it is full, the least recently used values go first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["LRU"]


class LRU:
    """Values by key. You can use it from several threads.

    Parameters
    ----------
    size_of : callable, default=None
        ``size_of(value)`` is the size of one value, for example in bytes. None counts values.

    Attributes
    ----------
    size : int
        Total size of the values in the cache.

    Examples
    --------
    >>> from skgalaxy._lru import LRU
    >>> kept = LRU(size_of=len)
    >>> for word in ("spiral", "bar", "ring"):
    ...     _ = kept.put(word[0], word, most=10)
    >>> kept.get("s"), kept.get("r"), kept.size
    (None, 'ring', 7)
    """

    size: int

    def __init__(self, size_of: Callable[[Any], int] | None = None) -> None:
        self._size_of = size_of or (lambda value: 1)
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Any:
        """Value of `key`, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)  # the end is the most recently used
            return self._values.get(key)

    def put(self, key: Hashable, value: Any, most: float) -> Any:
        """Keep `value`, and drop old values until the total size is at most `most`.

        Returns
        -------
        value : object
            The value of `key`. It is not yours if another thread stored one first.
        """
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self.size += self._size_of(value)
            self._values.move_to_end(key)
            value = self._values[key]
            # A value larger than `most` is dropped here too, and only returned.
            while self.size > most:
                _, oldest = self._values.popitem(last=False)
                self.size -= self._size_of(oldest)
            return value

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()
            self.size = 0
