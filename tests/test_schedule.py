"""How long to train, and the course of the learning rate."""

import math

import keras
import numpy as np
import pytest

from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks import schedule
from skgalaxy.networks.schedule import auto_epochs
from skgalaxy.votes import DecisionTree


class Rates(keras.callbacks.Callback):
    """The learning rate of every step, in a list that copies share."""

    def __init__(self):
        super().__init__()
        self.rates = []

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


@pytest.mark.parametrize("batch_size", [1, 16, 32, 100])
def test_auto_takes_at_least_its_steps_and_less_than_an_epoch_more(batch_size):
    for n_images in (1, 10, 64, 601, 5000, 240_000):
        per_epoch = math.ceil(n_images / batch_size)
        steps = per_epoch * auto_epochs(n_images, batch_size)
        assert 0 <= steps - 250 * math.sqrt(n_images) < per_epoch


def test_auto_counts_images_to_train_on(small, toy, monkeypatch):
    """Not galaxies without votes, twins, or those held out."""
    monkeypatch.setattr(schedule, "_STEPS_AT_ONE", 20)  # and not 250
    X, y, _ = toy
    X, y = X[:10], y[:10].copy()
    model = BayesianCNNRegressor(**{**small, "epochs": "auto", "batch_size": 4})
    assert model.fit(X, y).n_iter_ == auto_epochs(10, 4)
    y[:5] = 0
    assert model.fit(np.append(X, X[9:], 0), np.append(y, y[9:], 0)).n_iter_ == auto_epochs(5, 4)
    held_out = model.set_params(validation_fraction=0.2).fit(X, toy[1][:10])
    assert held_out.n_iter_ == auto_epochs(8, 4)


@pytest.mark.parametrize("n_questions", [1, 2])
def test_several_questions_take_twice_as_many(small, toy, monkeypatch, n_questions):
    monkeypatch.setattr(schedule, "_STEPS_AT_ONE", 20)
    names = ["bar", "ring"][:n_questions]
    tree = DecisionTree({name: ["yes", "no"] for name in names})
    k, n_votes = toy[1][:10].T
    counts = np.tile(np.stack([k, n_votes - k], axis=1), n_questions)
    model = BayesianCNNRegressor(**{**small, "epochs": "auto", "batch_size": 4, "tree": tree})
    assert model.fit(toy[0][:10], counts).n_iter_ == n_questions * auto_epochs(10, 4)


def test_cosine_falls_with_every_step_and_partial_fit_is_constant(small, toy):
    X, y, _ = toy
    watch = Rates()
    parameters = {**small, "epochs": 4, "schedule": "cosine", "callbacks": [watch]}
    model = BayesianCNNRegressor(**parameters).fit(X, y)
    n_steps = len(watch.rates)
    done = np.arange(n_steps) / n_steps
    assert watch.rates == pytest.approx(1e-3 * (1 + np.cos(np.pi * done)) / 2, rel=1e-5)
    at_ends = watch.rates[n_steps // 4 - 1 :: n_steps // 4]
    assert model.history_["learning_rate"] == pytest.approx(at_ends)
    del watch.rates[:]
    model.partial_fit(X, y)
    assert watch.rates == pytest.approx([1e-3] * (n_steps // 4))


def test_the_default_schedule_falls(small, toy):
    model = BayesianCNNRegressor(**small).fit(toy[0], toy[1])
    assert model.history_["learning_rate"][-1] < 0.1e-3


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"epochs": "many"}, ValueError, "`epochs` must be 'auto' or an integer >= 1. Got 'many'"),
        ({"epochs": 2.5}, TypeError, "`epochs` must be an integer >= 1"),
        (
            {"callbacks": [keras.callbacks.ReduceLROnPlateau("loss")]},
            ValueError,
            "must leave the learning rate to `schedule`. Got ReduceLROnPlateau and schedule='cos",
        ),
    ],
)
def test_bad_parameters(small, toy, parameters, error, message):
    with pytest.raises(error, match=message):
        BayesianCNNRegressor(**{**small, **parameters}).fit(toy[0], toy[1])
