"""Decoded images kept in memory, for all loaders of one process.

Cross-validation clones a loader for every fold, and a learner refits one in every round, so what
they have read belongs to none of them: it is never copied or pickled with a loader.
"""

import os
import threading
from collections import OrderedDict

__all__ = ["ImageCache", "file_state"]

OVERHEAD = 500  # bytes that an entry takes besides its pixels


def file_state(path):
    """Return what changes when the file at `path` does."""
    status = os.stat(path)
    return os.path.abspath(path), status.st_ino, status.st_mtime_ns, status.st_size


class ImageCache:
    """Arrays by key, of limited size: what was not used for longest goes first."""

    def __init__(self):
        self._images = OrderedDict()
        self._lock = threading.Lock()
        self.n_bytes = 0

    def __len__(self):
        return len(self._images)

    def get(self, key):
        """Return the image of `key`, or None."""
        with self._lock:
            if key in self._images:
                self._images.move_to_end(key)
            return self._images.get(key)

    def put(self, key, image, max_bytes):
        """Keep `image`, and no more than `max_bytes` in all."""
        with self._lock:
            if key not in self._images:
                self.n_bytes += image.nbytes + OVERHEAD
            self._images[key] = image
            while self.n_bytes > max_bytes:
                _, oldest = self._images.popitem(last=False)
                self.n_bytes -= oldest.nbytes + OVERHEAD

    def clear(self):
        """Forget everything."""
        with self._lock:
            self._images.clear()
            self.n_bytes = 0
