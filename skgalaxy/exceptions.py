"""Exceptions and warnings that callers may want to catch by name."""

__all__ = [
    "EmptySampleWarning",
    "ModelVersionWarning",
    "NoSpreadWarning",
    "NoVotesWarning",
    "NotCalibratedWarning",
    "PretrainingDivergedWarning",
    "TooFewDrawsWarning",
    "UnlikeTrainingWarning",
]


class EmptySampleWarning(UserWarning):
    """No galaxy is sure enough to be in a sample of the purity or completeness that you want."""


class ModelVersionWarning(UserWarning):
    """The model that is loaded was saved by another version of skgalaxy.

    scikit-learn's own `sklearn.exceptions.InconsistentVersionWarning` is about versions of
    scikit-learn.
    """


class NoSpreadWarning(UserWarning):
    """The network has no dropout, so every draw is the same network.

    Its posterior is one binomial and its mutual information is exactly zero for
    every galaxy: ranking by it is meaningless.
    """


class NoVotesWarning(UserWarning):
    """A training set has no votes on some questions of a tree: nothing is learned of them.

    Their predictions are NaN.
    """


class NotCalibratedWarning(UserWarning):
    """Intervals of some questions of a tree are not calibrated, for lack of votes held out."""


class PretrainingDivergedWarning(UserWarning):
    """Pretraining was stopped: the network is the last one whose weights and losses were finite."""


class TooFewDrawsWarning(UserWarning):
    """More galaxies are picked jointly than the draws can tell apart.

    What two galaxies have in common is told by their draws; with few of them it is told by chance.
    """


class UnlikeTrainingWarning(UserWarning):
    """Galaxies are unlike those that the model learned from, for example of another telescope.

    Their predictions can be wrong by more than their intervals say.
    """
