"""Masked votes are no votes, anywhere; a masked value of anything else is refused."""

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table, join
from hypothesis import given
from hypothesis import strategies as st
from modAL.models import ActiveLearner
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score

from skgalaxy import BayesianCNNRegressor, VotePosterior, metrics, model_selection, query
from skgalaxy.acquisition import mutual_information, plan_votes, value_of_votes
from skgalaxy.active import SimulatedVolunteers, run
from skgalaxy.active._control import _check_test
from skgalaxy.active._fingerprint import array_text
from skgalaxy.active._volunteers import check_answers
from skgalaxy.calibration import CalibratedRegressorCV, Recalibration
from skgalaxy.images import ImageLoader, PoolReader
from skgalaxy.images._cutouts import _check_positions
from skgalaxy.likelihoods import BetaBinomial
from skgalaxy.networks.training_set import TrainingSet
from skgalaxy.plotting import AcquisitionDisplay, PosteriorDisplay

ROWS = np.random.RandomState(0).uniform(size=12) < 0.6
RHO = np.random.RandomState(1).uniform(0.1, 0.9, size=12)
COUNTS = np.column_stack([np.random.RandomState(2).binomial(9, RHO), np.full(12, 9)])
DRAWS = np.clip(RHO[:, None] + 0.1 * np.random.RandomState(3).normal(size=(12, 5)), 0, 1)

# Counts of the galaxies of ROWS. Behind the masks of the others stand votes that shout.
SHOUTED = np.where(ROWS[:, None], COUNTS, [9, 9])


def joined_by_astropy() -> np.ma.MaskedArray:
    votes = Table({"id": np.flatnonzero(ROWS), "k": COUNTS[ROWS, 0], "N": COUNTS[ROWS, 1]})
    table = join(Table({"id": np.arange(12)}), votes, join_type="left")
    return np.ma.column_stack([table["k"], table["N"]])


def joined_by_pandas() -> pd.DataFrame:
    votes = pd.DataFrame(COUNTS[ROWS], columns=["k", "N"], index=np.flatnonzero(ROWS))
    return votes.astype("Int64").reindex(range(12))


DRESSED = {
    "rows": np.ma.array(SHOUTED, mask=np.repeat(~ROWS[:, None], 2, axis=1)),
    "k alone": np.ma.array(SHOUTED, mask=np.column_stack([~ROWS, np.zeros(12, bool)])),
    "N alone": np.ma.array(SHOUTED, mask=np.column_stack([np.zeros(12, bool), ~ROWS])),
    "NaN behind": np.ma.masked_invalid(np.where(ROWS[:, None], COUNTS, np.nan)),
    "astropy": joined_by_astropy(),
    "pandas": joined_by_pandas(),
    "Arrow": joined_by_pandas().astype("int64[pyarrow]"),
    "objects": joined_by_pandas().astype(object),
    "list": [list(row) for row in np.ma.array(SHOUTED, mask=np.repeat(~ROWS[:, None], 2, axis=1))],
}
FRACTIONS = {
    "np.ma": np.ma.array(np.where(ROWS, RHO, 1), mask=~ROWS),
    "pandas": pd.Series(RHO, dtype="Float64").where(ROWS),
}


@pytest.fixture(params=DRESSED.values(), ids=DRESSED)
def y(request):
    return request.param


class TestMetrics:
    def test_of_vote_fractions(self, y):
        for metric in (
            metrics.d2_binomial_score,
            metrics.binomial_log_loss,
            metrics.vote_fraction_rmse,
        ):
            assert metric(y, RHO) == metric(COUNTS[ROWS], RHO[ROWS])
        assert metrics.vote_noise_floor(y) == metrics.vote_noise_floor(COUNTS[ROWS])
        for found, expected in zip(
            metrics.reliability_curve(y, RHO, n_bins=3),
            metrics.reliability_curve(COUNTS[ROWS], RHO[ROWS], n_bins=3),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize("fractions", FRACTIONS.values(), ids=FRACTIONS)
    def test_of_fractions(self, fractions):
        weight = np.arange(12.0)
        for metric in (metrics.d2_binomial_score, metrics.binomial_log_loss):
            np.testing.assert_allclose(
                metric(fractions, DRAWS[:, 0], weight),
                metric(RHO[ROWS], DRAWS[ROWS, 0], weight[ROWS]),
                rtol=1e-12,
            )

    def test_of_posteriors(self, y):
        posterior = VotePosterior(DRAWS)
        # any N will do for the galaxies that are left out
        pmf = posterior.pmf(np.where(ROWS, COUNTS[:, 1], 0))
        for metric in (
            metrics.vote_log_likelihood,
            metrics.vote_crps,
            metrics.interval_coverage,
            metrics.coverage_error,
        ):
            assert metric(y, pmf) == metric(COUNTS[ROWS], pmf[ROWS])
        np.testing.assert_array_equal(
            metrics.pit_histogram(y, pmf), metrics.pit_histogram(COUNTS[ROWS], pmf[ROWS])
        )

    def test_scorers(self, y):
        everything, some = VotePosterior(DRAWS), VotePosterior(DRAWS[ROWS])
        for name in ("vote_log_likelihood", "neg_vote_crps", "neg_coverage_error"):
            scorer = getattr(model_selection, f"{name}_scorer")
            assert scorer(everything, None, y) == scorer(some, None, COUNTS[ROWS])


def test_votes_that_galaxies_have(y):
    expected = np.where(ROWS[:, None], COUNTS, 0)
    for function in (value_of_votes, lambda draws, n, votes: plan_votes(draws, n, votes=votes)):
        np.testing.assert_array_equal(function(DRAWS, 5, y), function(DRAWS, 5, expected))


def test_volunteers(y):
    ids = [f"g{row}" for row in range(12)]
    volunteers = SimulatedVolunteers(ids, y)
    volunteers.request(np.array(ids))
    np.testing.assert_array_equal(volunteers.collect()[1], np.where(ROWS[:, None], COUNTS, 0))


def test_volunteers_of_your_own(y):
    ids = np.array([f"g{row}" for row in range(12)])
    _, answered = check_answers((ids, y), ids)  # the others go on waiting
    assert answered == [(f"g{row}", *COUNTS[row], None) for row in np.flatnonzero(ROWS)]


def test_what_was_taught_keeps_its_mask():
    y = DRESSED["rows"]
    learner = ActiveLearner(Constant(), X_training=RHO[:, None], y_training=y)
    learner.teach(RHO[:, None], y)
    np.testing.assert_array_equal(np.ma.getmaskarray(learner.y_training), np.tile(y.mask, (2, 1)))


def test_a_run_learns_and_tests_as_if_masked_galaxies_had_no_votes():
    y = np.ma.array(np.where(ROWS[:, None], COUNTS, 1000), mask=np.repeat(~ROWS[:, None], 2, 1))
    ids = [f"g{row}" for row in range(12)]
    learner = ActiveLearner(
        Constant(), query.random_sampling, X_training=RHO[:, None], y_training=y
    )
    volunteers = SimulatedVolunteers(ids, COUNTS)
    result = run(
        learner, 2 + RHO[:, None], volunteers, ids=ids, initial=0, n_rounds=0, random_state=0
    )
    assert result.rounds["n_votes_learned"].tolist() == [COUNTS[ROWS, 1].sum()]
    tested = _check_test((RHO[:, None], y), 2 + RHO[:, None], None)[1]
    np.testing.assert_array_equal(tested, np.where(ROWS[:, None], COUNTS, 0))
    with pytest.raises(ValueError, match=r"`test` must be counts \[k, N\]"):
        _check_test((RHO[:, None], RHO), 2 + RHO[:, None], None)


def test_a_ledger_tells_masks_apart():
    y = np.ma.array(COUNTS, mask=np.repeat(~ROWS[:, None], 2, axis=1))
    behind = np.ma.array(np.where(y.mask, 99, COUNTS), mask=y.mask)
    assert array_text(y) == array_text(behind) != array_text(COUNTS)


def test_log_probability():
    k, n_votes = DRESSED["k alone"].T
    log_prob = VotePosterior(DRAWS).log_prob(k, n_votes)
    np.testing.assert_array_equal(log_prob[~ROWS], 0)
    np.testing.assert_array_equal(
        log_prob[ROWS], VotePosterior(DRAWS[ROWS]).log_prob(*COUNTS[ROWS].T)
    )


def test_recalibration():
    k, n_votes = DRESSED["rows"].T
    assert Recalibration.fit(VotePosterior(DRAWS), k, n_votes) == Recalibration.fit(
        VotePosterior(DRAWS[ROWS]), *COUNTS[ROWS].T
    )


class TestFit:
    X = RHO[:, None, None] * np.ones((12, 8, 8))

    def test_training_set_is_that_of_the_rows_left_out(self, y):
        found, expected = TrainingSet.of(self.X, y), TrainingSet.of(self.X[ROWS], COUNTS[ROWS])
        np.testing.assert_array_equal(found.digests, expected.digests)
        np.testing.assert_array_equal(found.votes, expected.votes)

    @pytest.mark.parametrize("fractions", FRACTIONS.values(), ids=FRACTIONS)
    def test_training_set_of_fractions(self, fractions):
        found, expected = TrainingSet.of(self.X, fractions), TrainingSet.of(self.X[ROWS], RHO[ROWS])
        np.testing.assert_array_equal(found.digests, expected.digests)
        np.testing.assert_array_equal(found.votes, expected.votes)

    def test_fit_score_and_calibration(self, small):
        y = DRESSED["pandas"]
        model = BayesianCNNRegressor(**small).fit(self.X, y)
        expected = BayesianCNNRegressor(**small).fit(self.X[ROWS], COUNTS[ROWS])
        np.testing.assert_array_equal(model.predict(self.X), expected.predict(self.X))
        np.testing.assert_array_equal(model.was_trained_on(self.X), ROWS)
        np.testing.assert_allclose(
            model.score(self.X, y), expected.score(self.X[ROWS], COUNTS[ROWS]), rtol=1e-5
        )
        found, expected = (
            CalibratedRegressorCV(model, cv="prefit").fit(X, votes).recalibration_
            for X, votes in ((1 - self.X, y), (1 - self.X[ROWS], COUNTS[ROWS]))
        )
        np.testing.assert_allclose(found, expected, rtol=1e-3)

    def test_searches_keep_the_mask(self):
        y = np.ma.array(np.append(RHO, 1.0), mask=[False] * 12 + [True])
        X = np.zeros((13, 1))
        scores = cross_val_score(
            DummyRegressor(strategy="constant", constant=0.5),
            X,
            y,
            cv=[(np.arange(13), np.arange(6, 13))],
            scoring=model_selection.d2_binomial_scorer,
        )
        assert scores == metrics.d2_binomial_score(RHO[6:], np.full(6, 0.5))

    @pytest.mark.parametrize("pixel", [0, 77])
    def test_masked_pixel(self, small, pixel):
        X = np.ma.array(self.X)
        model = BayesianCNNRegressor(**small).fit(X, COUNTS)  # nothing is masked
        X[pixel // 64, pixel % 64 // 8, pixel % 8] = np.ma.masked
        with pytest.raises(ValueError, match=f"`X` must have no masked value.*row {pixel // 64}"):
            model.fit(X, COUNTS)
        with pytest.raises(ValueError, match="`X` must have no masked value"):
            model.predict(X)


MASKED_ORDER = np.ma.array(np.arange(12), mask=~ROWS)
MASKED = np.ma.array(np.full(12, 0.5), mask=~ROWS)
FIRST = rf"row {np.flatnonzero(~ROWS)[0]}"


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("sample_weight", lambda: metrics.d2_binomial_score(COUNTS, RHO, MASKED)),
        ("sample_weight", lambda: TrainingSet.of(TestFit.X, COUNTS, MASKED)),
        ("y_pred", lambda: metrics.d2_binomial_score(COUNTS, MASKED)),
        ("y_pred", lambda: metrics.vote_fraction_rmse(COUNTS, MASKED)),
        ("y_pred", lambda: metrics.reliability_curve(COUNTS, MASKED)),
        ("pmf", lambda: metrics.vote_crps(COUNTS, MASKED[:, None])),
        ("draws", lambda: VotePosterior(MASKED[:, None])),
        ("draws", lambda: mutual_information(MASKED[:, None], 4)),
        ("concentration", lambda: BetaBinomial(DRAWS, MASKED[:, None])),
        ("n_votes", lambda: mutual_information(DRAWS, MASKED)),
        ("n_votes", lambda: VotePosterior(DRAWS).pmf(joined_by_pandas()["N"])),
        ("n_votes_more", lambda: value_of_votes(DRAWS, MASKED)),
        ("most", lambda: plan_votes(DRAWS, 9, most=MASKED)),
        ("n_votes", lambda: SimulatedVolunteers(np.arange(12), RHO, n_votes=MASKED)),
        ("ids", lambda: SimulatedVolunteers(MASKED, RHO)),
        (
            "X",
            lambda: query.predict_posterior(VotePosterior(DRAWS), MASKED_ORDER),
        ),
        (
            "eligible",
            lambda: query.joint_sampling(
                VotePosterior(DRAWS), None, eligible=np.ma.array(ROWS, mask=~ROWS)
            ),
        ),
        ("index", lambda: VotePosterior(DRAWS).to_frame(index=MASKED)),
        ("positions", lambda: _check_positions(np.ma.column_stack([MASKED, RHO]))),
        ("X", lambda: ImageLoader(4).transform(np.ma.array(["a.jpg"] * 12, mask=~ROWS))),
        ("X", lambda: PoolReader(TestFit.X).transform(MASKED_ORDER)),
        ("images", lambda: PosteriorDisplay(TestFit.X * MASKED[:, None, None], DRAWS)),
        ("scores", lambda: AcquisitionDisplay(TestFit.X, MASKED)),
    ],
)
def test_refused(name, call):
    with pytest.raises(ValueError, match=f"^`{name}` must have no masked value.*in {FIRST}"):
        call()


@given(st.lists(st.booleans(), min_size=12, max_size=12).filter(any))
def test_law_of_the_score(rows):
    rows = np.array(rows)
    y = np.ma.array(np.where(rows[:, None], COUNTS, 99), mask=np.tile(~rows, (2, 1)).T)
    assert metrics.d2_binomial_score(y, RHO) == metrics.d2_binomial_score(COUNTS[rows], RHO[rows])


class TestFiniteScores:
    """D² where nothing varies: as R² in scikit-learn, 1 for a perfect prediction and else 0."""

    @pytest.mark.parametrize("fraction", [0, 0.3, 1])
    def test_equal_fractions(self, fraction):
        n_votes = np.array([10, 20, 70])
        y = np.column_stack([fraction * n_votes, n_votes])
        assert metrics.d2_binomial_score(y, np.full(3, fraction)) == 1
        assert metrics.d2_binomial_score(y, [0.2, 0.3, 0.4]) == 0
        assert metrics.d2_binomial_score(y[:, 0] / n_votes, [0.2, 0.3, 0.4], n_votes) == 0

    def test_ruled_out(self):
        assert metrics.d2_binomial_score([[0, 9], [0, 9]], [1, 0]) == -np.inf

    @pytest.mark.parametrize(
        "metric",
        [metrics.d2_binomial_score, metrics.binomial_log_loss, metrics.vote_fraction_rmse],
    )
    def test_no_vote(self, metric):
        for y in (np.zeros((2, 2)), np.ma.array([0.5, 0.5], mask=True), np.zeros((0, 2))):
            with pytest.raises(ValueError, match="`y_true` must hold at least one vote"):
                metric(y, np.full(len(y), 0.5))

    @pytest.mark.parametrize(
        "metric",
        [metrics.d2_binomial_score, metrics.binomial_log_loss, metrics.vote_fraction_rmse],
    )
    @pytest.mark.parametrize("rho", [np.nan, None, 2, -1, "0.5", 0.5j, np.inf])
    def test_predictions_that_are_none(self, metric, rho):
        with pytest.raises(ValueError, match=r"`y_pred` must (be|hold) .*Got "):
            metric(COUNTS[:2], [0.5, rho])

    def test_rounding_of_a_prediction(self):
        assert metrics.vote_fraction_rmse([[3, 3]], [[1 + 1e-16]]) == 0

    def test_search_among_rare_answers(self):
        X = np.arange(60.0)[:, None]  # sorted as tables are: four of five folds hold no yes
        y = np.column_stack([np.where(X[:, 0] < 6, 32, 0), np.full(60, 40)])
        search = GridSearchCV(
            Constant(), {"rho": [0.9, 0.1]}, scoring=model_selection.d2_binomial_scorer
        ).fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.best_params_ == {"rho": 0.1}


class Constant(DummyRegressor):
    """The same vote fraction for all galaxies."""

    def __init__(self, rho=0.5):
        self.rho = rho

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), self.rho)


def test_nan_names_the_way_out():
    y = np.where(ROWS[:, None], COUNTS, np.nan)
    row = np.flatnonzero(~ROWS)[0]
    with pytest.raises(
        ValueError, match=rf"`y_true` must not hold NaN. Got NaN in row {row}.*mask"
    ):
        metrics.d2_binomial_score(y, RHO)
    y = np.ma.masked_invalid(y)
    assert metrics.d2_binomial_score(y, RHO) == metrics.d2_binomial_score(COUNTS[ROWS], RHO[ROWS])
