"""Bad values by kind, and the arguments of functions of arrays that they are given as."""

import datetime
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import scipy.sparse

from skgalaxy import VotePosterior, acquisition, metrics
from skgalaxy.active import SimulatedVolunteers
from skgalaxy.calibration import Recalibration
from skgalaxy.likelihoods import BetaBinomial, Binomial
from skgalaxy.votes import DecisionTree

Y = np.array([[1, 4], [3, 4], [2, 4]])
RHO = np.array([0.3, 0.6, 0.5])
DRAWS = np.array([[0.2, 0.3, 0.4], [0.6, 0.7, 0.8], [0.4, 0.5, 0.6]])
POSTERIOR = VotePosterior(DRAWS)
PMF = POSTERIOR.pmf(4)
TREE = DecisionTree({"bar": ["yes", "no"]})
OF_TREE = np.stack([DRAWS, 1 - DRAWS], axis=2)


class NoArray:
    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError("the tensor is elsewhere")


NO_NUMBERS = {
    "text": "abc",
    "texts": ["a", "b", "c"],
    "numbers as text": ["1", "2", "3"],
    "text column": pd.Series(["a", "b", "c"], dtype="string"),
    "categories of text": pd.Categorical(["a", "b", "c"]),
    "bytes": [b"1", b"2", b"3"],
    "complex": [1j, 0, 0],
    "dates": np.array(["2020"] * 3, "M8[Y]"),
    "Python's dates": [datetime.date(2020, 1, 1)] * 3,
    "spans of time": np.array([1, 2, 3], "m8[s]"),
    "ragged": [[1], [1, 2], [1]],
    "sparse": scipy.sparse.eye(3),
    "records": np.zeros(3, [("a", float)]),
    "frame with text": pd.DataFrame({"k": ["x"] * 3, "N": [1] * 3}),
    "object": object(),
    "dictionary": {"a": 1},
    "set": {1, 2, 3},
    "generator": (number for number in [1]),
    "type": int,
    "function": len,
    "slice": slice(3),
    "ellipsis": ...,
    "None within": [None, 1, 1],
    "None in rows": [[None, 1]] * 3,
    "no array": NoArray(),
    "400 digits": [10**400] * 3,
    "four dimensions": np.zeros((2, 2, 2, 2)),
}
OUT_OF_RANGE = {
    "NaN": np.nan,
    "NaN thrice": [np.nan] * 3,
    "infinity": [np.inf] * 3,
    "minus infinity": -np.inf,
    "negative": [-1, -1, -1],
}
MASKED = {
    "masked": np.ma.array([1, 1, 1], mask=[True, False, False]),
    "masked square": np.ma.array(np.full((3, 3), 0.5), mask=np.eye(3, dtype=bool)),
    "pd.NA": pd.array([1, pd.NA, 1]),
    "np.ma.masked in a list": [1, np.ma.masked, 1],
}
NO_VOTES = {
    "k > N": [[5, 4]] * 3,
    "half a vote": [[0.5, 4]] * 3,
    "1e300": [[1, 1e300]] * 3,
    "2**62": [[1, 2**62]] * 3,
    "three columns": np.ones((3, 3)),
    "NaN in a row": [[np.nan, 4], [1, 4], [1, 4]],
    "fraction over 1": [1.2, 0.1, 0.1],
}
MONSTROUS = {"1e300": 1e300, "2**63": 2**63, "2**70": 2**70, "1e19": 1e19}
NO_COUNTS = {"half": 0.5, "halves": [0.5] * 3, "of two galaxies": [4, 4], "square": [[4] * 3] * 3}
NO_INTEGERS = {"1.5": 1.5, "True": True, "a list": [1, 2], "-5": -5, "a float": 3.0}
NO_SEEDS = {"1.5": 1.5, "-1": -1, "2**33": 2**33, "a Generator": np.random.default_rng(0)}

NO_NAMES = {"an unknown name": "no such", "empty": "", "a number": 5, "None": None, "a list": [1]}
NO_FLAGS = {"None": None, "1.0": 1.0, "2": 2, "'yes'": "yes", "a list": [True], "NaN": np.nan}
NO_PATHS = {
    "None": None,
    "a number": 5,
    "empty": "",
    "NUL": "a\0b",
    "no file": "no/such/file.csv",
    "a folder": tempfile.gettempdir(),
    "a list": ["a"],
    "an object": object(),
    "NaN": np.nan,
    "a device": "/dev/null",
    "endless": "/dev/zero",
}
NO_IDS = {
    "floats": [1.0, 2.0, 3.0],
    "mangled": ["5.8e17", "b", "c"],
    "twice": ["a", "b", "a"],
    "blank": ["a", " ", "c"],
    "None": ["a", None, "c"],
    "NaN": ["a", np.nan, "c"],
    "pd.NA": pd.array(["a", None, "c"], dtype="string"),
    "masked": np.ma.array(["a", "b", "c"], mask=[0, 1, 0]),
    "too few": ["a", "b"],
    "booleans": [True, False, True],
    "dates": [datetime.date(2020, 1, day) for day in (1, 2, 3)],
    "a number": 5,
    "text": "abc",
    "square": [["a", "b", "c"]] * 3,
    "NUL": ["a\0", "b", "c"],
    "no UTF-8": ["a\ud800", "b", "c"],
    "long": ["a" * 100_000, "b", "c"],
}
NO_MASKS = {
    "rows": [0, 1, 2],
    "numbers": [1.0, 0.0, 1.0],
    "text": ["yes", "no", "yes"],
    "None": [True, None, True],
    "masked": np.ma.array([True] * 3, mask=[0, 1, 0]),
    "pd.NA": pd.array([True, None, True], dtype="boolean"),
    "too few": [True, False],
    "none": [False] * 3,
    "a flag": True,
    "square": np.ones((3, 3), bool),
}

VALUES = {
    "name": NO_NAMES,
    "flag": NO_FLAGS,
    "path": NO_PATHS,
    "ids": NO_IDS,
    "mask": NO_MASKS,
    "y": NO_NUMBERS | OUT_OF_RANGE | NO_VOTES,
    "array": NO_NUMBERS | OUT_OF_RANGE | MASKED,
    "unbounded": NO_NUMBERS | MASKED | {"NaN": [np.nan] * 3},
    "n_votes": NO_NUMBERS | OUT_OF_RANGE | MASKED | MONSTROUS | NO_COUNTS,
    "counts": NO_NUMBERS | OUT_OF_RANGE | MASKED | {"1e300": np.full((3, 2), 1e300)},
    "votes": NO_NUMBERS | OUT_OF_RANGE | MONSTROUS | NO_COUNTS,
    "integer": NO_NUMBERS | OUT_OF_RANGE | MASKED | NO_INTEGERS,
    "number": NO_NUMBERS | OUT_OF_RANGE | MASKED,
    "seed": NO_NUMBERS | NO_SEEDS,
}

by_draws = (
    VotePosterior,
    Binomial,
    partial(BetaBinomial, concentration=3),
    partial(acquisition.mutual_information, n_votes=4),
    partial(acquisition.predictive_entropy, n_votes=4),
    partial(acquisition.expected_entropy, n_votes=4),
    partial(acquisition.value_of_votes, n_votes_more=4),
    partial(acquisition.plan_votes, n_clicks=4),
    acquisition.standardised_draws,
    partial(acquisition.greedy_information, information=RHO, n_instances=2),
    partial(acquisition.walk_information, n_walks=4, tree=TREE),
    partial(acquisition.question_information, question="bar", n_votes=4, tree=TREE),
    partial(acquisition.joint_walk_information, n_walks=4, tree=TREE),
    partial(acquisition.greedy_walks, information=RHO, n_instances=2, tree=TREE),
    partial(acquisition.plan_clicks, n_clicks=4, tree=TREE),
    lambda v: acquisition.expected_predictive_information_gain(v, 4, DRAWS, 4),
    lambda v: acquisition.expected_predictive_information_gain(DRAWS, 4, v, 4),
)
of_rho = (metrics.d2_binomial_score, metrics.binomial_log_loss, metrics.vote_fraction_rmse)
of_pmf = (
    metrics.vote_log_likelihood,
    metrics.vote_crps,
    metrics.coverage_error,
    metrics.interval_coverage,
    metrics.pit_values,
    metrics.pit_histogram,
)
walk_information = partial(acquisition.walk_information, OF_TREE, tree=TREE)
volunteers = partial(SimulatedVolunteers, ["a", "b", "c"])

# (name of the argument in messages, kind of value, functions of it alone)
ARGUMENTS: list[tuple[str, str, tuple[Callable[[Any], Any], ...]]] = [
    ("y_true", "y", tuple(partial(metric, y_pred=RHO) for metric in of_rho)),
    ("y_true", "y", tuple(partial(metric, pmf=PMF) for metric in of_pmf)),
    ("y_true", "y", (metrics.vote_noise_floor, lambda v: metrics.reliability_curve(v, RHO))),
    ("y", "y", (volunteers,)),
    ("votes", "y", (lambda v: acquisition.value_of_votes(DRAWS, 3, v),)),
    ("votes", "y", (lambda v: acquisition.plan_votes(DRAWS, 3, votes=v),)),
    ("y_pred", "array", tuple(partial(metric, Y) for metric in of_rho)),
    ("y_pred", "array", (lambda v: metrics.reliability_curve(Y, v),)),
    ("pmf", "array", tuple(partial(metric, Y) for metric in of_pmf)),
    ("pmf", "array", (lambda v: metrics.sharpness(v, 4),)),
    ("sample_weight", "array", tuple(partial(metric, Y, RHO) for metric in of_rho[:2])),
    ("sample_weight", "array", (lambda v: Recalibration.fit(POSTERIOR, *Y.T, v),)),
    ("votes", "array", (lambda v: walk_information(4, votes=v),)),
    ("draws", "array", by_draws),
    ("concentrations", "array", (lambda v: walk_information(4, concentrations=v),)),
    ("concentration", "unbounded", (lambda v: BetaBinomial(DRAWS, v),)),
    ("information", "unbounded", (lambda v: acquisition.greedy_information(DRAWS, v, 2),)),
    ("n_votes", "n_votes", (POSTERIOR.pmf, POSTERIOR.cdf, POSTERIOR.sample, POSTERIOR.to_frame)),
    ("n_votes", "n_votes", (lambda v: POSTERIOR.interval(0.9, v),)),
    ("n_votes", "n_votes", (lambda v: acquisition.mutual_information(DRAWS, v),)),
    ("n_votes", "n_votes", (lambda v: acquisition.predictive_entropy(DRAWS, v),)),
    ("n_votes", "n_votes", (lambda v: metrics.sharpness(PMF, v),)),
    ("n_votes", "n_votes", (lambda v: volunteers(RHO, n_votes=v),)),
    ("n_walks", "n_votes", (walk_information,)),
    ("tolerance", "number", (lambda v: walk_information(4, tolerance=v),)),
    ("sizes", "number", (lambda v: acquisition.plan_clicks(OF_TREE, 4, sizes=v, tree=TREE),)),
    ("n_votes_more", "n_votes", (lambda v: acquisition.value_of_votes(DRAWS, v),)),
    ("most", "n_votes", (lambda v: acquisition.plan_votes(DRAWS, 3, most=v),)),
    ("n_votes", "votes", (lambda v: POSTERIOR.log_prob(0, v),)),
    ("votes", "votes", (lambda v: POSTERIOR.log_prob(v, 4),)),
    ("levels", "number", (lambda v: metrics.interval_coverage(Y, PMF, v),)),
    ("level", "number", (POSTERIOR.interval,)),
    ("half_width", "number", (lambda v: metrics.coverage_error(Y, PMF, v),)),
    ("n_clicks", "integer", (lambda v: acquisition.plan_votes(DRAWS, v),)),
    ("n_instances", "integer", (lambda v: acquisition.greedy_information(DRAWS, RHO, v),)),
    ("n_bins", "integer", (lambda v: metrics.pit_histogram(Y, PMF, v),)),
    ("random_state", "seed", (lambda v: POSTERIOR.sample(4, v),)),
    ("random_state", "seed", (lambda v: metrics.pit_values(Y, PMF, v),)),
    ("posteriors", "array", (VotePosterior.concatenate, VotePosterior.combine)),
]
