"""Query strategies in modAL's signature: pick the galaxies to ask volunteers about next.

``strategy(learner, X, n_instances=1, *, n_votes=40, eligible=None, random_state=None,
checkpoint=None, verbose=False)`` returns ``(indices, scores)``: rows of X, best first, each once,
and their scores. `learner` is anything that predicts a posterior: a fitted estimator, a Pipeline
ending in one, a search object, a modAL learner, or a modAL committee, which puts the draws of its
members together. If you have predicted already, pass the `VotePosterior`, with X None. Ties are
broken by `random_state`.

A strategy is a *score* of single galaxies and a *selector* that makes a batch of them. You can put
your own together with `make_query`. A new one in the library is a function with a body of a few
lines in ``_single.py``; CONTRIBUTING lists the rest. The pool is scored in one pass, block by
block (`score_pool`). Only scores are kept, and the posterior of a shortlist if the selector
compares galaxies. So the pool may be larger than memory, for example a survey in a Zarr array.
With a checkpoint, interrupted scoring goes on where it stopped.

Importing this module also mends modAL for scikit-learn >= 1.8 (`skgalaxy._modal_compat`).
"""

from skgalaxy import _modal_compat
from skgalaxy.query._batch import (
    diverse_sampling,
    epig_sampling,
    joint_sampling,
    joint_variance_sampling,
    power_sampling,
)
from skgalaxy.query._compose import limit_unlike, make_query, mix_random
from skgalaxy.query._learners import ensure_draws, predict_novelty, predict_posterior
from skgalaxy.query._pool import score_pool
from skgalaxy.query._selectors import (
    Candidates,
    largest_batch,
    select_best,
    select_jointly,
    select_power,
)
from skgalaxy.query._single import (
    mutual_information_sampling,
    predictive_entropy_sampling,
    random_sampling,
    variance_sampling,
)

__all__ = [
    "Candidates",
    "diverse_sampling",
    "ensure_draws",
    "epig_sampling",
    "joint_sampling",
    "joint_variance_sampling",
    "largest_batch",
    "limit_unlike",
    "make_query",
    "mix_random",
    "mutual_information_sampling",
    "power_sampling",
    "predict_novelty",
    "predict_posterior",
    "predictive_entropy_sampling",
    "random_sampling",
    "score_pool",
    "select_best",
    "select_jointly",
    "select_power",
    "variance_sampling",
]

_modal_compat.mend()
