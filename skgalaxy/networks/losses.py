"""The training loss: the negative log-likelihood of the votes, as a Keras loss."""

from typing import Any, Self

import keras

from skgalaxy._validation import check_choice
from skgalaxy.likelihoods.named import LIKELIHOODS, VoteModel, vote_model
from skgalaxy.votes import DecisionTree

__all__ = ["LikelihoodLoss"]


@keras.saving.register_keras_serializable("skgalaxy")
class LikelihoodLoss(keras.losses.Loss):
    """Negative log-likelihood of votes [k, N], given the outputs of a network.

    With a tree the votes are counts of all its answers, and the log-likelihood is the sum over its
    questions. The loss is the mean over galaxies, in nats, without terms that do not depend on the
    network, for example log C(N, k). Galaxies with more votes weigh more, and galaxies without
    votes nothing. If you want other weights, pass Keras' sample weights.

    Parameters
    ----------
    likelihood : {"binomial", "beta_binomial"}
        Scatter of the votes, as in `skgalaxy.BayesianCNNRegressor`.
    tree : DecisionTree, default=None
        Questions that the votes answer; None is one yes/no question.
    name : str, default="votes"
        Name of the loss in Keras.
    reduction : str or None, default="sum_over_batch_size"
        Keras' way to join the losses of a batch; None leaves one loss per galaxy.
    **kwargs
        Further parameters of ``keras.losses.Loss``.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.networks import LikelihoodLoss
    >>> loss = LikelihoodLoss("binomial")(np.array([[3.0, 4.0]]), np.array([[0.0]]))
    >>> print(f"{float(loss):.4f} = 4 log 2")  # each vote: 1/2
    2.7726 = 4 log 2

    Where every vote fraction is as likely as any other, so is every number of votes:

    >>> outputs = np.array([[0.0, np.log(2)]])
    >>> loss = LikelihoodLoss("beta_binomial")(np.array([[3.0, 4.0]]), outputs)
    >>> print(f"{float(loss):.4f} = log(4 * 5)")
    2.9957 = log(4 * 5)
    """

    def __init__(
        self,
        likelihood: str,
        tree: DecisionTree | None = None,
        name: str = "votes",
        reduction: str | None = "sum_over_batch_size",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.likelihood = check_choice(likelihood, "likelihood", tuple(LIKELIHOODS))
        self.tree: DecisionTree | None = tree

    def get_config(self) -> dict[str, Any]:
        tree = None if self.tree is None else self.tree.to_dict()
        return {**super().get_config(), "likelihood": self.likelihood, "tree": tree}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        tree = config.pop("tree", None)
        return cls(**config, tree=None if tree is None else DecisionTree(**tree))

    @property
    def model(self) -> VoteModel:
        """What a network gives, and how likely this makes votes."""
        return vote_model(self.likelihood, self.tree)

    @property
    def n_counts(self) -> int:
        """Number of counts per galaxy: k and N, or one for every answer."""
        return 2 if self.tree is None else self.tree.n_answers

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.model.nll(y_true, y_pred)
