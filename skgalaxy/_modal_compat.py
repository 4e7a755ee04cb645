"""Let an unmodified modAL `fit` and `teach` on scikit-learn >= 1.8. The one place touching modAL.

It also lets `teach` keep masks: modAL joins what was taught with ``np.concatenate``, which forgets
them, and masked votes would then count as votes.

modAL 0.4.2 calls ``check_X_y(..., force_all_finite=...)``; scikit-learn renamed that argument to
``ensure_all_finite`` in 1.6 and dropped the old name in 1.8 (modAL issue 196). `mend` gives
``modAL.models.learners`` a ``check_X_y`` that translates it, only where scikit-learn has dropped
it and modAL still uses it. Delete this module when modAL is mended.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import modAL.models.learners
import numpy as np
from sklearn.utils import check_X_y

__all__ = ["mend"]

_OLD, _NEW = "force_all_finite", "ensure_all_finite"


def mend(learners: Any = modAL.models.learners, check: Callable[..., Any] = check_X_y) -> bool:
    """Give `learners` a translating ``check_X_y``, only where it is needed. True if it did."""
    _keep_masks(learners)
    knows_old = _OLD in inspect.signature(check).parameters
    if knows_old or getattr(learners, "check_X_y", None) is not check:
        return False

    @functools.wraps(check)
    def translated(*args: Any, **kwargs: Any) -> Any:
        if _OLD in kwargs:
            kwargs[_NEW] = kwargs.pop(_OLD)
        return check(*args, **kwargs)

    setattr(learners, "check_X_y", translated)  # noqa: B010, modAL declares no such attribute
    return True


def _keep_masks(learners: Any) -> None:
    """Let `learners` join masked arrays with their masks."""
    stack = getattr(learners, "data_vstack", None)
    if stack is None or hasattr(stack, "__wrapped__"):  # once is enough
        return

    @functools.wraps(stack)
    def stacked(blocks: Any) -> Any:
        is_masked = any(isinstance(block, np.ma.MaskedArray) for block in blocks)
        return np.ma.concatenate(blocks) if is_masked else stack(blocks)

    learners.data_vstack = stacked
