"""What training minimises: the Keras twins of `skgalaxy.likelihoods`, written in ``keras.ops``.

Weights of galaxies come as Keras' sample weights.
"""

import keras
from keras import ops

from skgalaxy.likelihoods.beta_binomial import MOST_LOG_S

__all__ = ["BetaBinomialLoss", "BinomialLoss"]


@keras.saving.register_keras_serializable("skgalaxy")
class BinomialLoss(keras.losses.Loss):
    """Negative log-likelihood of k of N votes given a logit, without its constant log C(N, k).

    ``y_true`` has columns [k, N], ``y_pred`` one column of logits z of the vote fraction:
    ``k softplus(-z) + (N - k) softplus(z)``, the mean over the batch (Walmsley et al. 2020).
    Galaxies with more votes weigh more; N = 0 weighs nothing. No epsilon, hence no floor under
    the loss and no dead gradient where a network is confidently wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.losses import BinomialLoss
    >>> loss = BinomialLoss()(np.array([[3.0, 4.0]]), np.array([[0.0]]))  # each vote: 1/2
    >>> print(f"{float(loss):.4f} = 4 log 2")
    2.7726 = 4 log 2
    """

    def __init__(self, name="binomial", reduction="sum_over_batch_size", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y_true, y_pred):
        votes, n_votes = y_true[:, :1], y_true[:, 1:2]
        nll = votes * ops.softplus(-y_pred) + (n_votes - votes) * ops.softplus(y_pred)
        return ops.squeeze(nll, axis=-1)


@keras.saving.register_keras_serializable("skgalaxy")
class BetaBinomialLoss(keras.losses.Loss):
    """Negative log-likelihood of k of N votes where volunteers disagree more than coins.

    ``y_true`` has columns [k, N], ``y_pred`` the logit of the mean vote fraction μ and the
    logarithm of its concentration s; see `skgalaxy.likelihoods.beta_binomial`. The constant
    log C(N, k) is left out; N = 0 weighs nothing. Votes may be fractions of votes.

    Examples
    --------
    Where every vote fraction is as likely as any other, so is every number of votes:

    >>> import numpy as np
    >>> from skgalaxy.losses import BetaBinomialLoss
    >>> loss = BetaBinomialLoss()(np.array([[3.0, 4.0]]), np.array([[0.0, np.log(2)]]))
    >>> print(f"{float(loss):.4f} = log(4 * 5)")
    2.9957 = log(4 * 5)
    """

    def __init__(self, name="beta_binomial", reduction="sum_over_batch_size", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y_true, y_pred):
        votes, n_votes = y_true[:, 0], y_true[:, 1]
        log_s = ops.clip(y_pred[:, 1], -MOST_LOG_S, MOST_LOG_S)
        yes = _log_rising(log_s - ops.softplus(-y_pred[:, 0]), votes)  # log μ s
        no = _log_rising(log_s - ops.softplus(y_pred[:, 0]), n_votes - votes)
        return _log_rising(log_s, n_votes) - yes - no


_SHIFT = 6
_TINY = 1e-30


def _log_rising(log_x, k):
    """Return log Γ(x + k) - log Γ(x) to float32, for k >= 0.

    Stirling's series at x + 6, in differences so that large x do not cancel, and the six factors
    below it by Γ(x + 1) = x Γ(x); the first of them in log x, which may be of an x that is
    rounded to zero.
    """
    x = ops.exp(log_x)
    shifted = x + _SHIFT
    rising = (shifted + k - 0.5) * ops.log1p(k / shifted) + k * ops.log(shifted) - k
    rising = rising + _stirling(shifted + k) - _stirling(shifted)
    for i in range(1, _SHIFT):
        rising = rising - ops.log1p(k / (x + i))
    first = ops.log(ops.maximum(x + k, _TINY)) - log_x
    return rising - ops.where(k > 0, first, 0.0)


def _stirling(x):
    """Return log Γ(x) - (x - 1/2) log x + x - log(2 π) / 2, to 1e-8 for x >= 6."""
    square = x * x
    return (1 / 12 - (1 / 360 - 1 / (1260 * square)) / square) / x


LOSSES = {"beta_binomial": BetaBinomialLoss, "binomial": BinomialLoss}
