"""Things kept by key, up to a size in all: what was not used for longest is let go first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["LRU"]


class LRU:
    """A mapping of limited size, which several threads may use at the same time.

    Parameters
    ----------
    max_size : float
        How large all that is kept may be together. You may set it anew at any time; the next
        thing that is put in keeps to it.
    size_of : callable, default=None
        ``size_of(value)`` is the size of one thing, the same each time. None counts things.

    Attributes
    ----------
    size : float
        How large all that is kept is together.

    Examples
    --------
    >>> from skgalaxy._lru import LRU
    >>> kept = LRU(2)
    >>> for name in "abc":
    ...     _ = kept.setdefault(name, name.upper())
    >>> kept.get("a"), kept.get("c"), len(kept)
    (None, 'C', 2)
    """

    def __init__(self, max_size: float, size_of: Callable[[Any], float] | None = None):
        self.max_size = max_size
        self.size = 0
        self._size_of = size_of or (lambda value: 1)
        self._kept = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Any:
        """Value that is kept under `key`, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def setdefault(self, key: Hashable, value: Any) -> Any:
        """Keep `value` under `key`, unless another thread was quicker; return what is kept."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self.size += self._size_of(value)
            self._kept.move_to_end(key)
            value = self._kept[key]
            while self.size > self.max_size:
                _, oldest = self._kept.popitem(last=False)
                self.size -= self._size_of(oldest)
            return value

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()
            self.size = 0
