"""What training minimises: the Keras twins of `skgalaxy.likelihoods`, written in ``keras.ops``."""

import keras
from keras import ops

__all__ = ["BinomialLoss"]


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
