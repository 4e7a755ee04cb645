"""The loss that training minimises: a likelihood's own, as Keras takes it."""

import keras

from skgalaxy.likelihoods import LIKELIHOODS

__all__ = ["LikelihoodLoss"]


@keras.saving.register_keras_serializable("skgalaxy")
class LikelihoodLoss(keras.losses.Loss):
    """Negative log-likelihood of votes [k, N] given the outputs of a network.

    Parameters
    ----------
    likelihood : {"binomial", "beta_binomial"}
        A name in `skgalaxy.likelihoods.LIKELIHOODS`. Weights of galaxies come as Keras' sample
        weights; N = 0 weighs nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.losses import LikelihoodLoss
    >>> loss = LikelihoodLoss("binomial")(np.array([[3.0, 4.0]]), np.array([[0.0]]))
    >>> print(f"{float(loss):.4f} = 4 log 2")
    2.7726 = 4 log 2

    Where every vote fraction is as likely as any other, so is every number of votes:

    >>> outputs = np.array([[0.0, np.log(2)]])
    >>> loss = LikelihoodLoss("beta_binomial")(np.array([[3.0, 4.0]]), outputs)
    >>> print(f"{float(loss):.4f} = log(4 * 5)")
    2.9957 = log(4 * 5)
    """

    def __init__(self, likelihood, name="votes", reduction="sum_over_batch_size", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.likelihood = likelihood

    def get_config(self):
        return {**super().get_config(), "likelihood": self.likelihood}

    def call(self, y_true, y_pred):
        return LIKELIHOODS[self.likelihood].nll(y_true, y_pred)
