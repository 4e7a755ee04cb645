"""Posteriors out of fold: as by hand, never of what was learned, and not compared across folds."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skgalaxy import BayesianCNNRegressor, VotePosterior, acquisition, model_selection, query
from skgalaxy.calibration import CalibratedRegressorCV, Recalibration
from skgalaxy.catalogue import make_catalogue
from skgalaxy.images import ImageLoader
from skgalaxy.likelihoods import BetaBinomial
from skgalaxy.model_selection import cross_val_posterior
from skgalaxy.networks import GalaxyZooNetwork

N = 40  # galaxies


def network(**parameters):
    architecture = GalaxyZooNetwork(((4,),), 8)
    return BayesianCNNRegressor(
        **{"network": architecture, "epochs": 1, "n_draws": 6, "random_state": 3, **parameters}
    )


class Nearest(RegressorMixin, BaseEstimator):
    """Fraction of the nearest galaxies with votes; what it was given is in `seen_`."""

    def __init__(self, spread=0.01, likelihood="binomial"):
        self.spread = spread
        self.likelihood = likelihood

    def fit(self, X, y, sample_weight=None):
        y, w = np.asarray(y, float), np.ones(len(X)) if sample_weight is None else sample_weight
        k, n = y.T if y.ndim == 2 else (y * w, w)
        self.seen_ = np.asarray(X, float).reshape(len(X), -1)[n > 0]
        self.fraction_ = (k[n > 0] / n[n > 0]).astype(float)
        return self

    def predict_posterior(self, X):
        X = np.asarray(X, float).reshape(len(X), -1)
        distance = np.abs(X[:, None] - self.seen_).sum(axis=2)
        nearest = self.fraction_[np.argsort(distance, axis=1, kind="stable")[:, :3]]
        draws = np.clip(nearest + self.spread, 0.01, 0.99)
        return VotePosterior(draws if self.likelihood == "binomial" else BetaBinomial(draws, 10.0))

    def predict(self, X):
        return self.predict_posterior(X).mean

    def was_trained_on(self, X):
        X = np.asarray(X, float).reshape(len(X), -1)
        return (X[:, None] == self.seen_).all(axis=2).any(axis=1)


@pytest.fixture(scope="module")
def some(toy):
    X, y, _ = toy
    return X[:N], y[:N]


@pytest.fixture
def plain():
    """Return galaxies of one number each, and counts."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 1))
    return X, np.column_stack([rng.integers(0, 11, 30), np.full(30, 10)])


def by_hand(model, X, y, cv, weight=None):
    """Means and draws of every galaxy, fold by fold, as one would write it."""
    mean, draws = np.full(len(y), np.nan), None
    for train, test in cv:
        weights = [] if weight is None else [weight[train]]
        fitted = clone(model).fit(X[train], y[train], *weights)
        posterior = query.predict_posterior(fitted, X[test])
        draws = np.empty((len(y), posterior.draws.shape[1])) if draws is None else draws
        draws[test], mean[test] = posterior.draws, posterior.mean
    return mean, draws


class TestAsByHand:
    @pytest.mark.parametrize("form", ["counts", "weighted counts", "fractions", "votes and N"])
    def test_to_the_bit(self, some, form):
        X, y = some
        weight = None
        if form == "weighted counts":
            weight = np.linspace(0.5, 2, N)
        elif form != "counts":
            weight = y[:, 1] if form == "votes and N" else None
            y = y[:, 0] / y[:, 1]
        model, cv = network(likelihood="beta_binomial"), list(KFold(3).split(X))
        found = cross_val_posterior(model, X, y, cv=cv, sample_weight=weight)
        mean, draws = by_hand(model, X, y, cv, weight)
        np.testing.assert_array_equal(found.draws, draws)
        np.testing.assert_array_equal(found.mean, mean)
        for number, (_, test) in enumerate(cv):
            assert (found.folds[test] == number).all()

    def test_folds_are_those_of_a_seeded_KFold(self, some):
        X, y = some
        cv = list(KFold(5, shuffle=True, random_state=7).split(X))
        found = cross_val_posterior(network(), X, y, random_state=7)
        np.testing.assert_array_equal(found.draws, by_hand(network(), X, y, cv)[1])
        assert repr(found) == "VotePosterior(n_galaxies=40, n_draws=6, n_folds=5)"

    def test_the_model_stays_as_it_is(self, some):
        model = network()
        cross_val_posterior(model, *some, cv=2)
        assert not hasattr(model, "history_")

    def test_calibrated(self, some):
        X, y = some
        model = CalibratedRegressorCV(network(), random_state=0)
        cv = list(KFold(2).split(X))
        found = cross_val_posterior(model, X, y, cv=cv)
        for train, test in cv:
            one = clone(model).fit(X[train], y[train]).predict_posterior(X[test])
            np.testing.assert_array_equal(found.draws[test], one.draws)
            held = found.likelihood[test].concentration
            np.testing.assert_array_equal(held, one.likelihood.concentration)
            np.testing.assert_array_equal(found[test].pmf(40), one.pmf(40))

    def test_transformers_see_the_training_set_only(self, plain):
        X, y = plain
        model, cv = make_pipeline(StandardScaler(), Nearest()), list(KFold(3).split(X))
        found = cross_val_posterior(model, X, y, cv=cv)
        np.testing.assert_array_equal(found.draws, by_hand(model, X, y, cv)[1])

    @pytest.mark.parametrize("fractions", [False, True])
    def test_searches_in_and_around_pipelines(self, plain, fractions):
        X, y = plain
        y, weight = (y[:, 0] / y[:, 1], y[:, 1]) if fractions else (y, None)
        search = partial(GridSearchCV, scoring=model_selection.d2_binomial_scorer, cv=2)
        pipeline = partial(make_pipeline, FunctionTransformer())
        models = [
            search(pipeline(Nearest()), {"nearest__spread": [0.01, 0.9]}),
            pipeline(search(Nearest(), {"spread": [0.01, 0.9]})),
        ]
        expected = cross_val_posterior(Nearest(), X, y, cv=3, sample_weight=weight, random_state=0)
        for model in models:
            found = cross_val_posterior(model, X, y, cv=3, sample_weight=weight, random_state=0)
            np.testing.assert_array_equal(found.draws, expected.draws)

    def test_folds_of_unlike_likelihoods(self, plain):
        X, y = plain
        kinds = iter(["binomial", "beta_binomial"])

        class Chooser(Nearest):
            def fit(self, X, y):
                self.likelihood = next(kinds)
                return super().fit(X, y)

        found = cross_val_posterior(Chooser(), X, y, cv=KFold(2))
        concentration = found.likelihood.concentration
        assert np.isinf(concentration[:15]).all()
        assert (concentration[15:] == 10).all()


class TestKindsOfX:
    def test_paths_frames_lists_and_maps(self, some, tmp_path):
        X, y = some
        cv = KFold(2)
        expected = cross_val_posterior(network(), X, y, cv=cv)
        paths = [tmp_path / f"{row}.png" for row in range(N)]
        for path, image in zip(paths, X, strict=True):
            Image.fromarray(image[..., 0]).save(path)
        np.save(tmp_path / "X.npy", X)
        loader = make_pipeline(ImageLoader(size=12), network())
        flat = network(image_shape=(12, 12))
        for model, given in [
            (network(), np.load(tmp_path / "X.npy", mmap_mode="r")),
            (loader, paths),
            (loader, np.array(paths, dtype=str)),
            (loader, np.array(paths, dtype=str)[:, None]),
            (flat, X.reshape(N, -1)),
            (flat, pd.DataFrame(X.reshape(N, -1)).add_prefix("pixel")),
        ]:
            found = cross_val_posterior(model, given, y, cv=cv)
            np.testing.assert_array_equal(found.draws, expected.draws)

    def test_maps_are_read_in_parts(self, some, tmp_path, monkeypatch):
        X, y = some
        np.save(tmp_path / "X.npy", X)
        expected = cross_val_posterior(network(), X, y, cv=KFold(2))
        monkeypatch.setattr("skgalaxy._pools._BUDGET", 8 * X[0].nbytes)
        found = cross_val_posterior(
            network(), np.load(tmp_path / "X.npy", mmap_mode="r"), y, cv=KFold(2)
        )
        np.testing.assert_allclose(found.draws, expected.draws, atol=1e-6)

    def test_tables_of_votes_with_gaps(self, plain):
        X, y = plain
        gaps = y.astype(float)
        gaps[3] = np.nan
        masked = np.ma.masked_invalid(gaps)
        expected = cross_val_posterior(Nearest(), X, np.where(np.isnan(gaps), 0, y), cv=KFold(3))
        for given in (masked, pd.DataFrame(gaps).convert_dtypes()):
            found = cross_val_posterior(Nearest(), X, given, cv=KFold(3))
            np.testing.assert_array_equal(found.draws, expected.draws)
        fractions = np.ma.masked_invalid(gaps[:, 0] / gaps[:, 1])
        found = cross_val_posterior(
            Nearest(), X, fractions, cv=KFold(3), sample_weight=np.full(30, 10)
        )
        np.testing.assert_array_equal(found.draws, expected.draws)


class TestFolds:
    def test_galaxies_without_votes_are_predicted_and_teach_nothing(self, plain):
        X, y = plain
        asked = np.arange(30) % 3 > 0
        found = cross_val_posterior(Nearest(), X, np.where(asked[:, None], y, 0), cv=KFold(5))
        assert np.isfinite(found.draws).all()
        for train, test in KFold(5).split(X):
            train = train[asked[train]]
            expected = Nearest().fit(X[train], y[train]).predict_posterior(X[test])
            np.testing.assert_array_equal(found[test].draws, expected.draws)

    def test_seed(self, plain):
        folds = [
            cross_val_posterior(Nearest(), *plain, random_state=seed).folds for seed in (0, 0, 1)
        ]
        np.testing.assert_array_equal(folds[0], folds[1])
        assert (folds[0] != folds[2]).any()
        assert (np.bincount(folds[0]) == 6).all()

    def test_groups_are_kept_together(self, plain):
        X, y = plain
        groups = np.array([f"galaxy {row // 2}" for row in range(30)])
        for cv in (3, GroupKFold(3)):
            folds = cross_val_posterior(Nearest(), X, y, cv=cv, groups=groups).folds
            assert (folds[::2] == folds[1::2]).all()

    @pytest.mark.parametrize("paths", [False, True])
    def test_equal_rows_are_kept_together(self, plain, paths):
        X, y = plain
        X = X.copy()
        X[20:25], X[29] = X[:5], -X[28]
        model = Nearest()
        if paths:
            X = np.array([f"{value:g}" for value in X[:, 0]])
            model = make_pipeline(FunctionTransformer(lambda x: x.astype(float)[:, None]), model)
        folds = cross_val_posterior(model, X, y, random_state=0).folds
        np.testing.assert_array_equal(folds[20:25], folds[:5])
        with pytest.raises(ValueError, match=r"Got equal rows 20 and 0; give `groups`"):
            cross_val_posterior(model, X, y, cv=KFold(5))

    def test_pictures_that_only_the_network_finds_equal(self, some, tmp_path):
        X, y = some
        paths = np.array([str(tmp_path / f"{row}.png") for row in range(N)])
        for row, path in enumerate(paths):
            Image.fromarray(X[0 if row == 30 else row, ..., 0]).save(path)
        model = make_pipeline(ImageLoader(size=12), network())
        with pytest.raises(ValueError, match=r"calibrated on in row 0; if .* twice, give `groups`"):
            cross_val_posterior(model, paths, y, cv=KFold(2))
        groups = np.where(np.arange(N) == 30, 0, np.arange(N))
        assert len(cross_val_posterior(model, paths, y, cv=2, groups=groups)) == N

    def test_an_estimator_that_does_not_remember(self, plain):
        class Forgetful(Nearest):
            was_trained_on = property()

        assert len(cross_val_posterior(Forgetful(), *plain)) == 30


def never(*_):
    raise AssertionError("it was trained")


class Untrained(Nearest):
    fit = never


class TestRefusals:
    @pytest.mark.parametrize(
        ("cv", "message"),
        [
            (
                ShuffleSplit(1, test_size=29, random_state=0),
                r"exactly once. Got row \d+ held out 0",
            ),
            (TimeSeriesSplit(3), "exactly once. Got row 0 held out 0 times"),
            ([([0], np.arange(30))], "no galaxy both in a fold and .* Got equal rows 0 and 0"),
            ([(np.arange(30), []), ([], np.arange(30))], "votes to train on. Got none for fold 1"),
            ([([0], [30])], r"rows in 0 ... 29. Got 30"),
            ([([0], [-1])], r"Got -1"),
            ([([0], np.ones(30, bool))], "Got bool of shape"),
            (1, "`cv` must be"),
            (31, "n_splits=31"),
            ("prefit", "prefit"),
        ],
    )
    def test_splits(self, plain, cv, message):
        with pytest.raises(ValueError, match=message):
            cross_val_posterior(Untrained(), *plain, cv=cv)

    def test_no_votes_left_for_a_fold(self, plain):
        X, y = plain
        with pytest.raises(ValueError, match="Got none for fold 0"):
            cross_val_posterior(
                Untrained(), X, np.where(np.arange(30)[:, None] < 5, y, 0), cv=KFold(5)
            )

    def test_other_arguments(self, plain):
        X, y = plain
        for arguments, message in [
            ((X, y[:5]), "same number of rows|inconsistent"),
            ((X, np.zeros_like(y)), "at least one vote"),
            ((None, y), "`X` must be galaxies"),
        ]:
            with pytest.raises(ValueError, match=message):
                cross_val_posterior(Untrained(), *arguments)
        with pytest.raises(
            ValueError, match=r"`groups` must be one per galaxy, shape \(30,\). Got"
        ):
            cross_val_posterior(Untrained(), X, y, groups=np.arange(5))
        for none in (None, np.nan):
            with pytest.raises(ValueError, match=r"`groups` must be given .* Got none in row 3; "):
                cross_val_posterior(Untrained(), X, y, groups=[*"abc", none, *range(26)])
        with pytest.raises(ValueError, match="`groups` must have no masked value"):
            cross_val_posterior(Untrained(), X, y, groups=np.ma.masked_less(np.arange(30), 3))
        for model in (
            LinearRegression(),
            BayesianCNNRegressor,
            GridSearchCV(LinearRegression(), {}),
        ):
            with pytest.raises(TypeError, match="`model` must be, or end in, an estimator with"):
                cross_val_posterior(model, X, y)

    def test_batches(self, some):
        import keras

        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 1

            def __getitem__(self, number):
                return some

        with pytest.raises(TypeError, match="`X` must hold galaxies in rows, to deal them"):
            cross_val_posterior(network(), Batches(), some[1])

    def test_a_frozen_model_that_knows_them(self, plain):
        frozen = FrozenEstimator(Nearest().fit(*plain))
        with pytest.raises(
            ValueError, match="that the network was trained or calibrated on in row"
        ):
            cross_val_posterior(frozen, *plain)


@pytest.fixture
def folded():
    """Return a posterior of three folds, and its draws."""
    draws = np.random.default_rng(0).uniform(0.05, 0.95, (12, 20))
    return VotePosterior(draws, folds=np.arange(12) % 3)


JOINT = {
    "standardised": acquisition.standardised_draws,
    "greedy": lambda p: acquisition.greedy_information(p, np.ones(len(p)), 2),
    "epig": lambda p: acquisition.expected_predictive_information_gain(p, 5, p, 5),
    "sample": lambda p: p.sample(5, random_state=0),
    "joint_sampling": lambda p: query.joint_sampling(p, None, 2, random_state=0),
    "joint_variance": lambda p: query.joint_variance_sampling(p, None, 2, random_state=0),
    "diverse_sampling": lambda p: query.diverse_sampling(p, None, 2, random_state=0),
    "epig_sampling": lambda p: query.epig_sampling(p, None, 2, random_state=0),
    "composed": lambda p: query.make_query(
        VotePosterior.mutual_information, query.select_jointly, n_candidates=9
    )(p, None, 2, random_state=0),
}
ALONE = {
    "mean": lambda p: p.mean,
    "std": lambda p: p.std,
    "pmf": lambda p: p.pmf(7),
    "interval": lambda p: p.interval(0.8),
    "log_prob": lambda p: p.log_prob(3, 7),
    "information": lambda p: p.mutual_information(7),
    "variance": lambda p: acquisition.variance_information(p, 7),
    "frame": lambda p: p.to_frame(),
    "value": lambda p: acquisition.value_of_votes(p, 5, [[2, 3]] * len(p)),
    "plan": lambda p: acquisition.plan_votes(p, 30),
    "strategy": lambda p: query.mutual_information_sampling(p, None, 3),
    "catalogue": lambda p: make_catalogue(
        p, [f"id {row}" for row in range(len(p))], question="bar", answer="yes"
    ).iloc[:, 1],
}


class TestJointly:
    @pytest.mark.parametrize("ask", JOINT)
    def test_refused_between_folds_and_right_within_one(self, folded, ask):
        with pytest.raises(ValueError, match="compared only where all are of the same networks"):
            JOINT[ask](folded)
        one = folded[folded.folds == 1]
        expected = JOINT[ask](VotePosterior(one.draws))
        np.testing.assert_array_equal(JOINT[ask](one), expected)

    @pytest.mark.parametrize("ask", ALONE)
    def test_single_galaxies_can_be_asked_about(self, folded, ask):
        np.testing.assert_array_equal(ALONE[ask](folded), ALONE[ask](VotePosterior(folded.draws)))

    def test_rows_and_eligible_of_one_fold(self, folded):
        rows = np.flatnonzero(folded.folds == 2)
        picked, _ = query.joint_sampling(folded, rows, 2, random_state=0)
        assert len(picked) == 2
        picked, _ = query.joint_sampling(folded, None, 2, eligible=folded.folds == 2)
        assert set(picked) <= set(rows)
        with pytest.raises(ValueError, match="Got 3 folds"):
            query.epig_sampling(folded, None, 2, target=[0], eligible=folded.folds == 0)
        query.epig_sampling(folded, rows, 2, target=rows)

    def test_refused_before_the_pool_is_scored(self, folded, monkeypatch):
        monkeypatch.setattr("skgalaxy.query._strategy.score_blocks", never)
        for ask in (
            query.joint_sampling,
            query.joint_variance_sampling,
            query.diverse_sampling,
            query.epig_sampling,
        ):
            with pytest.raises(ValueError, match="same networks"):
                ask(folded, None, 2)

    def test_targets_of_other_networks(self, folded):
        one = folded[folded.folds == 0]
        with pytest.raises(ValueError, match="Got galaxies out of a fold, and others"):
            acquisition.expected_predictive_information_gain(one, 5, one.draws, 5)


class TestFoldsOfAPosterior:
    def test_indexing_concatenating_recalibrating_and_pickling_keep_them(self, folded):
        np.testing.assert_array_equal(folded[2:7].folds, [2, 0, 1, 2, 0])
        assert folded[4].folds.tolist() == [1]
        assert folded[folded.folds == 1].folds.tolist() == [1] * 4
        again = VotePosterior.concatenate([folded[5:], folded[:5]])
        np.testing.assert_array_equal(again.folds, np.roll(folded.folds, -5))
        for kept in (
            VotePosterior(folded),
            pickle.loads(pickle.dumps(folded)),
            Recalibration(0.1).apply(folded),
        ):
            np.testing.assert_array_equal(kept.folds, folded.folds)
        assert VotePosterior(folded.draws).folds is None
        with pytest.raises(ValueError, match="read-only"):
            folded.folds[0] = 1

    def test_some_with_folds_and_some_without_are_not_one(self, folded):
        with pytest.raises(ValueError, match="must all be of the same networks"):
            VotePosterior.concatenate([folded, VotePosterior(folded.draws)])

    def test_combined_with_other_folds_or_with_none(self, folded):
        plain = VotePosterior(folded.draws)
        np.testing.assert_array_equal(VotePosterior.combine([folded, plain]).folds, folded.folds)
        halves = VotePosterior(folded.draws, folds=np.arange(12) // 6)
        both = VotePosterior.combine([folded, halves]).folds
        together = both[:, None] == both
        expected = (folded.folds[:, None] == folded.folds) & (halves.folds[:, None] == halves.folds)
        np.testing.assert_array_equal(together, expected)

    @pytest.mark.parametrize("folds", [[0], [0.5] * 12, np.zeros((12, 1), int), ["a"] * 12])
    def test_bad_folds(self, folded, folds):
        with pytest.raises(ValueError, match="`folds` must be one integer per galaxy"):
            VotePosterior(folded.draws, folds=folds)
        with pytest.raises(ValueError, match="mask"):
            VotePosterior(folded.draws, folds=np.ma.masked_less(np.arange(12), 2))


def test_public_names():
    assert "cross_val_posterior" in model_selection.__all__


def test_leave_one_out(plain):
    found = cross_val_posterior(Nearest(), *plain, cv=LeaveOneOut())
    np.testing.assert_array_equal(found.folds, np.arange(30))
