"""Active learning with bare modAL: ask about the galaxies that teach most (simulated galaxies)."""

import numpy as np
from modAL.models import ActiveLearner

from skgalaxy import BayesianCNNRegressor
from skgalaxy.datasets import make_galaxies
from skgalaxy.metrics import vote_fraction_rmse
from skgalaxy.query import joint_variance_sampling

X, y = make_galaxies(1000, 32, question="edge-on", return_X_y=True, random_state=0)
model = BayesianCNNRegressor(n_draws=100, random_state=0)
learner = ActiveLearner(model, joint_variance_sampling, X[:100], y[:100])
pool, X_test, y_test = np.arange(100, 700), X[700:], y[700:]
for n_round in range(4):
    if n_round:
        asked, images = learner.query(X[pool], n_instances=50)
        learner.teach(images, y[pool[asked]])
        pool = np.delete(pool, asked)
    rmse = vote_fraction_rmse(y_test, learner.predict(X_test))
    print(f"{len(learner.y_training)} labels: RMSE {rmse:.3f}")
