"""The same with skgalaxy.active: no pixel is copied, and killed, it goes on (run it again)."""

import numpy as np
from modAL.models import ActiveLearner
from sklearn.pipeline import make_pipeline

from skgalaxy import BayesianCNNRegressor, active
from skgalaxy.datasets import make_galaxies
from skgalaxy.images import PoolReader
from skgalaxy.model_selection import neg_vote_fraction_rmse_scorer
from skgalaxy.query import joint_variance_sampling

X, y = make_galaxies(1000, 32, question="edge-on", return_X_y=True, random_state=0)
network = BayesianCNNRegressor(n_draws=100, random_state=0)
pool, test = np.arange(700), np.arange(700, 1000)
result = active.run(
    ActiveLearner(make_pipeline(PoolReader(X), network), joint_variance_sampling),
    pool,
    active.SimulatedVolunteers(pool, y[pool]),  # or FileVolunteers, or your own
    **{"initial": pool[:100], "n_instances": 50, "n_rounds": 3},
    **{"test": (test, y[test]), "scoring": {"-RMSE": neg_vote_fraction_rmse_scorer}},
    ledger="active_learning.sqlite",
)
print(result.rounds[["n_labelled", "-RMSE"]].round(3).to_string(index=False))
