"""Whether asking pays: what both models learn from, and what is told of them."""

from typing import ClassVar

import numpy as np
import pytest
from modAL.models import ActiveLearner
from sklearn.neighbors import KNeighborsRegressor

from skgalaxy import TreePosterior, VotePosterior, active, query
from skgalaxy.likelihoods import Multinomial, TreeLikelihood
from skgalaxy.votes import DecisionTree

N_POOL, N_TEST = 300, 200


class Neighbours(KNeighborsRegressor):
    """What three neighbours got; it keeps what every clone has learned from."""

    learned: ClassVar = []

    def __init__(self, tree=None, warm_start=False):
        super().__init__(3)
        self.tree = tree
        self.warm_start = warm_start

    def fit(self, X, y):
        self.learned.append((np.asarray(X)[:, 0], np.asarray(y), self.warm_start))
        return super().fit(X, y)

    def predict_posterior(self, X):
        votes = self._y[self.kneighbors(X, return_distance=False)]
        rho = (votes[..., 0] + 1) / (votes[..., [0, 1]].sum(axis=2) + 2)
        if self.tree is None:
            return VotePosterior((votes[..., 0] + 1) / (votes[..., 1] + 2))
        parts = {self.tree.questions[0]: Multinomial(np.stack([rho, 1 - rho], axis=-1))}
        return TreePosterior(TreeLikelihood(self.tree, parts))


def points(fraction, tree=None):
    """Return points from -20 to 20 and votes; volunteers doubt only near 0, if at all."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-20, 20, N_POOL + N_TEST)
    k = rng.binomial(40, fraction(x))
    return x[:, None], np.column_stack([k, 40 - k if tree else np.full(len(k), 40)])


def doubt_near_zero(x):
    return 1 / (1 + np.exp(-x))


def by_distance(learner, X, n_instances=1, **_):
    """Ask near 0; its score is how near."""
    near = np.argsort(np.abs(X[:, 0]))[:n_instances]
    return near, -np.abs(X[near, 0])


def a_run(x, votes, strategy, tree=None, **further):
    arguments = {"initial": 10, "n_instances": 30, "n_rounds": 4, "random_state": 0} | further
    volunteers = active.SimulatedVolunteers(np.arange(N_POOL), votes[:N_POOL], tree=tree)
    learner = ActiveLearner(Neighbours(tree), query.mix_random(strategy, 0.5))
    return active.run(learner, x[:N_POOL], volunteers, **arguments)


@pytest.mark.parametrize("tree", [None, DecisionTree({"right": ["yes", "no"]})])
def test_asking_where_volunteers_doubt_pays(tree):
    x, votes = points(doubt_near_zero, tree)
    result = a_run(x, votes, by_distance, tree)
    test = x[N_POOL:], votes[N_POOL:]
    found = active.compare_with_random(result, test, random_state=0)
    assert found.interval[0] > 0
    assert found.interval[0] < found.gain < found.interval[1]
    assert "asking pays" in repr(found)
    again = active.compare_with_random(result, test, random_state=0)
    assert repr(again) == repr(found)


def test_asking_where_there_is_nothing_to_learn_costs():
    x, votes = points(lambda x: 0.5 + 0.4 * np.sin(x) * (np.abs(x) > 2))
    result = a_run(x, votes, by_distance)
    test = x[N_POOL:], votes[N_POOL:]
    found = active.compare_with_random(result, test, n_repeats=5, random_state=0)
    assert found.interval[1] < 0
    assert "asking costs" in repr(found)


def test_both_models_learn_the_start_and_equally_many_of_one_kind():
    x, votes = points(doubt_near_zero)
    result = a_run(x, votes, by_distance, n_instances=25)
    Neighbours.learned.clear()
    test = x[N_POOL:], votes[N_POOL:]
    found = active.compare_with_random(result, test, n_repeats=2, random_state=1)
    asked = result.asked
    start = set(x[asked.loc[asked["round"] == 0, "row"], 0])
    later = asked[asked["round"] > 0]
    kinds = [set(x[later.loc[later["score"].isna() == drawn, "row"], 0]) for drawn in (False, True)]
    assert found.n_each == min(map(len, kinds)) // 2
    assert len(kinds[0]) != len(kinds[1])  # one of them is drawn from
    value_of = dict(zip(x[:, 0], votes.tolist(), strict=True))
    for number, (points_learned, y, is_warm) in enumerate(Neighbours.learned):
        assert len(points_learned) == len(set(points_learned)) == len(start) + found.n_each
        assert start < set(points_learned) <= start | kinds[number % 2]
        assert y.tolist() == [value_of[point] for point in points_learned]
        assert not is_warm
    assert number == 3


def test_what_a_learner_had_been_taught_is_learned_by_both():
    x, votes = points(doubt_near_zero)
    taught = np.arange(N_POOL - 30, N_POOL)
    learner = ActiveLearner(
        Neighbours(),
        query.mix_random(by_distance, 0.5),
        X_training=x[taught],
        y_training=votes[taught],
    )
    n_pool = N_POOL - 30
    volunteers = active.SimulatedVolunteers(np.arange(n_pool), votes[:n_pool])
    result = active.run(
        learner, x[:n_pool], volunteers, initial=0, n_instances=40, n_rounds=1, random_state=0
    )
    Neighbours.learned.clear()
    test = x[N_POOL:], votes[N_POOL:]
    active.compare_with_random(result, test, n_repeats=2, random_state=1)
    for points_learned, _, _ in Neighbours.learned:
        assert set(x[taught, 0]) < set(points_learned)


def test_bad_input_is_refused_before_any_model_learns():
    x, votes = points(doubt_near_zero)
    test = x[N_POOL:], votes[N_POOL:]
    result = a_run(x, votes, by_distance)
    Neighbours.learned.clear()
    few = a_run(x, votes, by_distance, n_instances=20, n_rounds=1)
    Neighbours.learned.clear()
    with pytest.raises(ValueError, match=r"must hold 16 galaxies .* Got 10 and 10; ask with"):
        active.compare_with_random(few, test)
    with pytest.raises(TypeError, match="`test` must be"):
        active.compare_with_random(result, None)
    with pytest.raises(ValueError, match=r"`test` must have votes\. Got none"):
        active.compare_with_random(result, (test[0], 0 * test[1]))
    with pytest.raises(ValueError, match="`n_repeats`"):
        active.compare_with_random(result, test, n_repeats=1)
    assert not Neighbours.learned


def test_kinds_that_are_alike_are_not_told_apart():
    x, votes = points(doubt_near_zero)

    def any_with_scores(learner, X, n_instances=1, random_state=None, **_):
        return random_state.permutation(len(X))[:n_instances], np.zeros(n_instances)

    told = 0
    for seed in range(20):
        result = a_run(x, votes, any_with_scores, random_state=seed)
        test = x[N_POOL:], votes[N_POOL:]
        found = active.compare_with_random(result, test, random_state=seed)
        told += "not told apart" not in repr(found)
    assert told <= 3


class Slow:
    """Volunteers who answer about the first galaxies of a request only, once there are many."""

    def __init__(self, votes, n_quick):
        self.votes, self.n_quick, self.wanted = votes, n_quick, []

    def request(self, ids):
        self.wanted = [int(id_) for id_ in ids]

    def collect(self):
        rows = self.wanted[: self.n_quick] if self.n_quick else []
        return [str(row) for row in rows], self.votes[rows]


@pytest.mark.parametrize("n_taught", [0, 15])
def test_rounds_that_wait_are_left_out(n_taught, tmp_path):
    x, votes = points(doubt_near_zero)
    given = {"X_training": x[-n_taught:], "y_training": votes[-n_taught:]} if n_taught else {}
    learner = ActiveLearner(Neighbours(), query.mix_random(by_distance, 0.5), **given)
    arguments = {"initial": 10, "n_instances": 40, "ledger": tmp_path / "run.sqlite"}
    test = x[N_POOL:-15], votes[N_POOL:-15]

    def run(n_quick, n_rounds):
        volunteers = Slow(votes, n_quick)
        return active.run(
            learner, x[:N_POOL], volunteers, n_rounds=n_rounds, random_state=0, **arguments
        )

    whole = active.compare_with_random(run(40, 1), test, random_state=0)
    waiting = run(7, 2)
    assert waiting.n_waiting == 33
    assert waiting.asked["n_votes"].notna().sum() == 57
    assert repr(active.compare_with_random(waiting, test, random_state=0)) == repr(whole)
    with pytest.raises(ValueError, match=r"learner that is trained\. Got 'waiting for 33 gal"):
        active.compare_with_random(run(0, 2), test)


def test_votes_that_a_model_rules_out_are_refused():
    class Sure(Neighbours):
        def predict_posterior(self, X):
            return VotePosterior(np.zeros((len(X), 2)))

    x, votes = points(doubt_near_zero)
    result = a_run(x, votes, by_distance)
    result.learner.estimator = Sure()
    with pytest.raises(ValueError, match=r"all models give a probability\. Got .* -inf; leave"):
        active.compare_with_random(result, (x[N_POOL:], votes[N_POOL:]))
