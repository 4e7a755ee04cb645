"""Let an unmodified modAL `fit` and `teach` on scikit-learn >= 1.8. The one place touching modAL.

modAL 0.4.2 calls ``check_X_y(..., force_all_finite=...)``; scikit-learn renamed that argument to
``ensure_all_finite`` in 1.6 and dropped the old name in 1.8 (modAL issue 196). `mend` gives
``modAL.models.learners`` a ``check_X_y`` that translates it, only where scikit-learn has dropped
it and modAL still uses it. Delete this module when modAL is mended.
"""

import functools
import inspect

import modAL.models.learners
from sklearn.utils import check_X_y

__all__ = ["mend"]

_OLD, _NEW = "force_all_finite", "ensure_all_finite"


def mend(learners=modAL.models.learners, check=check_X_y):
    """Replace ``learners.check_X_y`` if `check` no longer knows the old argument; return whether."""
    if _OLD in inspect.signature(check).parameters or learners.check_X_y is not check:
        return False

    @functools.wraps(check)
    def translated(*args, **kwargs):
        if _OLD in kwargs:
            kwargs[_NEW] = kwargs.pop(_OLD)
        return check(*args, **kwargs)

    learners.check_X_y = translated
    return True
