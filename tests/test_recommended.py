"""The estimator that README, command line and demo use."""

import pickle

import numpy as np
import pytest
from modAL.models import ActiveLearner

import skgalaxy
from skgalaxy.query import joint_sampling
from skgalaxy.votes import GZ2, DecisionTree


@pytest.fixture(scope="module")
def learned(toy):
    from conftest import small_parameters

    X, y, _ = toy
    return skgalaxy.recommended(**small_parameters()).fit(X[:150], y[:150])


def test_galaxies_have_no_up(learned, toy):
    X = toy[0][150:]
    turned = np.rot90(X, axes=(1, 2))[:, :, ::-1]
    np.testing.assert_allclose(learned.predict(turned), learned.predict(X), atol=1e-6)


def test_upright_pictures_have_one():
    model = skgalaxy.recommended("upright").estimator
    assert (model.augment, model.n_views) == (False, 1)


def test_parameters_take_the_place_of_the_recommended_ones():
    model = skgalaxy.recommended(likelihood="binomial", epochs=3, random_state=7)
    assert (model.estimator.likelihood, model.estimator.epochs) == ("binomial", 3)
    assert model.random_state == 7
    assert model.estimator.posterior == "last_layer"


def test_several_questions_share_more_features():
    bar = DecisionTree({"bar": GZ2.answers("bar")})
    for tree, dropout in ((None, 0.5), (bar, 0.5), (GZ2, 0.2)):
        assert skgalaxy.recommended(tree=tree).estimator.dropout == dropout
    assert skgalaxy.recommended(tree=GZ2, dropout=0.4).estimator.dropout == 0.4


def test_it_predicts_without_dropout_and_survives_a_file(learned, toy, tmp_path):
    X = toy[0][150:]
    learned.save(tmp_path / "model.skgalaxy")
    for again in (skgalaxy.load(tmp_path / "model.skgalaxy"), pickle.loads(pickle.dumps(learned))):
        np.testing.assert_array_equal(
            again.predict_posterior(X).draws, learned.predict_posterior(X).draws
        )


def test_a_round_of_modal(learned, toy):
    X = toy[0][150:]
    learner = ActiveLearner(learned, joint_sampling)
    rows, _ = learner.query(X, n_instances=3)
    assert len(set(rows)) == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: skgalaxy.recommended("clothes"), ValueError, "`pictures` must be one of 'galax"),
        (lambda: skgalaxy.recommended(epoch=3), TypeError, "epoch"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
