"""All questions of a decision tree in one network: training, posteriors, calibration, files."""

import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from modAL.models import ActiveLearner
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import skgalaxy
from skgalaxy import BayesianCNNRegressor, TreePosterior, model_selection, query
from skgalaxy.acquisition import (
    expected_predictive_information_gain,
    mutual_information,
    plan_votes,
    question_information,
    value_of_votes,
    walk_information,
)
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.catalogue import make_catalogue
from skgalaxy.exceptions import NotCalibratedWarning, NoVotesWarning
from skgalaxy.likelihoods import DirichletMultinomial, Multinomial, TreeLikelihood
from skgalaxy.metrics import d2_binomial_score, d2_tree_score
from skgalaxy.model_selection import cross_val_posterior, make_question_scorer
from skgalaxy.networks import GalaxyZooNetwork
from skgalaxy.votes import DecisionTree

TREE = DecisionTree(
    {"bright": ["yes", "no"], "half": ["top", "bottom", "neither"], "odd": ["yes", "no"]},
    asked_after={"half": ["bright_yes"]},
    name="Toy",
)
YES_NO = DecisionTree({"bright": ["yes", "no"]})
SMALL = GalaxyZooNetwork(((4,),), 16)


def small(**parameters):
    """Return an estimator that learns the toy in a second."""
    defaults = {"network": SMALL, "tree": TREE, "epochs": 6, "augment": False, "random_state": 0}
    return BayesianCNNRegressor(**(defaults | parameters))


@pytest.fixture(scope="module")
def sky():
    """Pictures with a brightness, and one half that is brighter; votes of 20 walks on each."""
    rng = np.random.default_rng(0)
    bright, top = rng.uniform(size=(2, 160))
    X = rng.normal(size=(160, 8, 8)) * 0.1 + bright[:, None, None]
    X[:, :4] += (top - 0.5)[:, None, None]
    yes = rng.binomial(20, bright)
    half = np.stack([0.8 * top, 0.8 * (1 - top), np.full(160, 0.2)], axis=1)
    halves = np.stack([rng.multinomial(n, p) for n, p in zip(yes, half, strict=True)])
    odd = rng.binomial(20, 0.1, size=160)
    return X, np.column_stack([yes, 20 - yes, halves, odd, 20 - odd])


@pytest.fixture(scope="module")
def model(sky):
    return small(epochs=25).fit(*sky)


def fit_unasked(model, sky):
    """Fit to galaxies of which nobody is asked the last question; return the votes."""
    X, y = sky[0], sky[1].astype(float)
    y[:, 5:] = np.nan
    y[0, 5:] = 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    (said,) = [w.message for w in caught if w.category is NoVotesWarning]
    assert "no votes to learn from on odd:" in str(said)
    return y


@pytest.fixture(scope="module")
def unasked(sky):
    """A model without votes on one question, and these votes."""
    model = small(likelihood="beta_binomial")
    return model, fit_unasked(model, sky)


def posterior_of(seed, n_galaxies=3, n_draws=4, concentration=None):
    """Return a random posterior of the toy's questions."""
    rng = np.random.default_rng(seed)
    questions = {}
    for question in TREE.questions:
        n_answers = len(TREE.answers(question))
        mean = rng.dirichlet(np.ones(n_answers), size=(n_galaxies, n_draws))
        questions[question] = (
            Multinomial(mean)
            if concentration is None
            else DirichletMultinomial(mean, concentration)
        )
    return TreePosterior(TreeLikelihood(TREE, questions))


class TestOneQuestion:
    """A tree of one yes/no question is that question."""

    @pytest.mark.parametrize(
        ("parameters", "rounding"),
        [
            ({"likelihood": "binomial"}, 1e-6),
            ({"likelihood": "beta_binomial"}, 1e-6),
            # training differs in the last digit of float32, which the features carry on
            ({"likelihood": "beta_binomial", "posterior": "last_layer"}, 1e-5),
        ],
    )
    def test_it_gives_the_numbers_of_the_question(self, sky, parameters, rounding):
        X, y = sky[0], sky[1][:, :2]
        k_of_n = np.column_stack([y[:, 0], y.sum(axis=1)])
        plain = small(tree=None, **parameters).fit(X, k_of_n)
        tree = small(tree=YES_NO, **parameters).fit(X, y)
        ours = tree.predict_posterior(X)["bright", "yes"]
        theirs = plain.predict_posterior(X)
        np.testing.assert_allclose(ours.draws, theirs.draws, atol=rounding)
        np.testing.assert_allclose(ours.std, theirs.std, atol=rounding)
        np.testing.assert_allclose(tree.score(X, y), plain.score(X, k_of_n), atol=1e-5)

    def test_its_recalibration_is_that_of_the_question(self, sky):
        X, y = sky[0], sky[1][:, :2]
        k_of_n = np.column_stack([y[:, 0], y.sum(axis=1)])
        theirs = CalibratedRegressorCV(small(tree=None), random_state=0).fit(X, k_of_n)
        ours = CalibratedRegressorCV(small(tree=YES_NO), random_state=0).fit(X, y)
        np.testing.assert_allclose(
            ours.recalibration_.questions["bright"], theirs.recalibration_, rtol=1e-2
        )
        assert ours.n_calibrated_on_ == theirs.n_calibrated_on_


class TestLearning:
    def test_every_question_is_learned(self, model, sky):
        X, y = sky
        for question in ("bright", "half"):
            here = TREE.slices[question]
            one = DecisionTree({question: TREE.answers(question)})
            assert d2_tree_score(one, y[:, here], model.predict(X)[:, here]) > 0.15
        assert 0 < model.score(X, y) < 1

    def test_shapes(self, model, sky):
        X = sky[0][:5]
        mean, std = model.predict(X, return_std=True)
        assert mean.shape == std.shape == (5, 7)
        assert model.sample_posterior(X).shape == (5, 50, 7)
        for here in TREE.slices.values():
            np.testing.assert_allclose(mean[:, here].sum(axis=1), 1, atol=1e-6)

    def test_a_table_is_the_array(self, sky):
        X, y = sky
        table = pd.DataFrame(y, columns=TREE.columns)[list(TREE.columns[::-1])]
        np.testing.assert_array_equal(
            small(epochs=1).fit(X, table).predict(X[:9]), small(epochs=1).fit(X, y).predict(X[:9])
        )

    def test_a_question_not_known_is_one_that_nobody_was_asked(self, sky):
        X, y = sky[0], sky[1].astype(float)
        y[::2, 5:] = np.nan
        nobody = np.nan_to_num(y)
        np.testing.assert_array_equal(
            small(epochs=1).fit(X, y).predict(X[:9]), small(epochs=1).fit(X, nobody).predict(X[:9])
        )

    def test_an_integer_weight_is_that_many_rows(self, sky):
        X, y = sky[0][:40], sky[1][:40]
        weighted = small(epochs=2).fit(X, y, sample_weight=np.full(40, 2))
        twice = small(epochs=2).fit(np.concatenate([X, X]), np.concatenate([y, y]))
        np.testing.assert_array_equal(weighted.predict(X), twice.predict(X))

    @pytest.mark.parametrize("likelihood", ["binomial", "beta_binomial"])
    def test_a_last_layer_is_wider_where_hardly_anyone_was_asked(self, sky, likelihood):
        X, y = sky[0], sky[1].copy()
        y[5:, 5:] = 0  # "odd" is known of five galaxies
        model = small(likelihood=likelihood, posterior="last_layer").fit(X, y)
        posterior = model.predict_posterior(X)
        assert np.isfinite(posterior.draws).all()
        spread = posterior.draws.std(axis=1).mean(axis=0)
        assert spread[5] > 1.5 * spread[0]

    def test_a_network_of_ours_learns_its_own_concentrations(self, sky):
        network = GalaxyZooNetwork(((4,),), 16, n_outputs=4 + 3)
        model = small(network=network, likelihood="beta_binomial").fit(*sky)
        concentration = model.predict_posterior(sky[0]).likelihood.concentration
        assert (np.ptp(concentration, axis=0) > 0).all()

    @pytest.mark.parametrize("posterior", ["last_layer", "dropout"])
    def test_a_last_layer_knows_the_votes_at_hand_only(self, sky, posterior, tmp_path):
        X, y = sky
        y_now = np.where(np.arange(7) < 5, y, np.nan)
        model = small(warm_start=True, posterior=posterior).fit(X, y)
        if posterior == "last_layer":
            with warnings.catch_warnings(record=True) as caught:  # Keras warns of NumPy, too
                warnings.simplefilter("always")
                model.fit(X, y_now)
            assert NoVotesWarning in {one.category for one in caught}
            assert model.not_learned_ == ("odd",)
        else:
            model.fit(X, y_now)
            assert np.isfinite(model.predict(X)).all()  # what the network still knows
            model.set_params(posterior="last_layer")
        for again in (model, skgalaxy.load(model.save(tmp_path / "a") or tmp_path / "a")):
            mean = again.predict(X)
            assert np.isnan(mean[:, 5:]).all()
            assert np.isfinite(mean[:, :5]).all()
        model.fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_a_last_layer_needs_ten_galaxies_with_votes_on_one_question(self, sky):
        X, y = sky[0][:14], sky[1][:14].astype(float)
        y[:7, :5], y[7:, 5:] = np.nan, np.nan
        with pytest.raises(ValueError, match=r"votes on one question of at least 10 gal.* Got 7"):
            small(posterior="last_layer").fit(X, y)

    def test_partial_fit_and_warm_start(self, sky):
        model = small(warm_start=True).fit(*sky).fit(*sky).partial_fit(*sky)
        assert model.n_iter_ == 13


class TestNotLearned:
    """NaN of a question that a network has not learned goes to all that follows from it."""

    @pytest.fixture
    def posterior(self, model, sky):
        return model.predict_posterior(sky[0][:6])

    @pytest.fixture
    def unknown(self, posterior):
        return TreePosterior(posterior.likelihood.without(["odd"]))

    def test_of_some_networks_alone_it_tells_nothing(self, posterior, unknown):
        """As if no network had learned it; half of them would else seem to disagree."""
        agree = posterior.likelihood.draws[:, :1].repeat(posterior.draws.shape[1], axis=1)
        parts = {q: Multinomial(agree[..., here]) for q, here in TREE.slices.items()}
        sure = TreePosterior(TreeLikelihood(TREE, parts))
        mixed = TreePosterior.combine([sure, TreePosterior(sure.likelihood.without(["odd"]))])
        np.testing.assert_array_equal(walk_information(mixed, 20)[0], 0)
        np.testing.assert_array_equal(query.variance_sampling(mixed, None, 3)[1], 0)
        assert np.isnan(mixed.mean[:, 5:]).all()
        both = TreePosterior.combine([posterior, unknown])
        twice = TreePosterior.combine([unknown, unknown])
        np.testing.assert_allclose(
            walk_information(both, 5)[0], walk_information(twice, 5)[0], atol=1e-9
        )

    def test_of_one_answer(self, posterior, unknown):
        known, odd = posterior["odd", "yes"], unknown["odd", "yes"]
        assert np.isnan(odd.interval(0.9, n_votes=10)).all()
        assert np.isnan(value_of_votes(odd, 5)).all()
        assert np.isnan(expected_predictive_information_gain(odd, 5, known, 5)).all()
        assert np.isnan(expected_predictive_information_gain(known, 5, odd, 5)).all()
        with pytest.raises(ValueError, match=r"all networks have learned. Got NaN in row 0"):
            plan_votes(odd, 20)
        for strategy in (query.variance_sampling, partial(query.epig_sampling, target=range(3))):
            with pytest.raises(ValueError, match="`score` must return one finite number"):
                strategy(odd, None, 2)

    def test_scores_are_kept(self, unknown, tmp_path):
        for _ in range(2):
            scores = query.score_pool(unknown, None, checkpoint=tmp_path / "kept")
        assert np.isfinite(np.asarray(scores)).all()


def test_posteriors_of_other_questions_are_not_mixed(model, sky):
    posterior = model.predict_posterior(sky[0][:6])
    parts = dict(posterior.likelihood.questions())
    answers = {q: TREE.answers(q) for q in TREE.questions}
    for other in (
        DecisionTree(answers | {"odd": ["no", "yes"]}, asked_after={"half": ["bright_yes"]}),
        DecisionTree(answers, asked_after={"half": ["bright_no"]}),
    ):
        theirs = TreePosterior(TreeLikelihood(other, parts))
        for join in (TreePosterior.combine, TreePosterior.concatenate):
            with pytest.raises(ValueError, match="of the same questions and answers"):
                join([posterior, theirs])
    with pytest.raises(ValueError, match="Got no, yes and yes, no"):
        type(theirs["odd"]).combine(
            [posterior["odd"], type(theirs["odd"])(theirs["odd"].likelihood, ["no", "yes"])]
        )


class TestScikitLearn:
    def test_clones_and_searches(self, sky):
        X, y = sky
        assert clone(small()).tree == TREE
        search = GridSearchCV(small(), {"dropout": [0.1, 0.5]}, cv=2).fit(X, y)
        assert search.best_score_ == max(search.cv_results_["mean_test_score"])
        of_half = make_question_scorer(TREE, "half", score="d2")
        scores = cross_val_score(small(), X, y, cv=2, scoring=of_half)
        assert (np.isfinite(scores) & (scores < 1)).all()

    def test_pickles_and_files_keep_the_tree(self, model, sky, tmp_path):
        model.save(tmp_path / "model.skgalaxy")
        for again in (
            skgalaxy.load(tmp_path / "model.skgalaxy"),
            pickle.loads(pickle.dumps(model)),
        ):
            assert again.tree == TREE
            np.testing.assert_array_equal(again.predict(sky[0]), model.predict(sky[0]))

    def test_out_of_fold(self, sky):
        posterior = cross_val_posterior(small(), *sky, cv=2, random_state=0)
        assert isinstance(posterior, TreePosterior)
        assert len(np.unique(posterior["half", "top"].folds)) == 2
        with pytest.raises(ValueError, match="one fold"):
            posterior.sample(10)


class TestScorersOfAQuestion:
    def test_they_are_those_of_one_question(self, model, sky):
        X, y = sky[0], sky[1].astype(float)
        y[:9, :2] = np.nan  # not known, and left out
        k_of_n = np.column_stack([y[9:, 0], y[9:, :2].sum(axis=1)])
        votes = model.predict_posterior(X[9:])["bright", "yes"]
        for score, scorer in {
            "log_likelihood": model_selection.vote_log_likelihood_scorer,
            "neg_crps": model_selection.neg_vote_crps_scorer,
            "neg_coverage_error": model_selection.neg_coverage_error_scorer,
        }.items():
            expected = pytest.approx(scorer(votes, None, k_of_n))
            for answer in ("yes", None):  # two answers are one question
                ours = make_question_scorer(TREE, "bright", answer, score=score)
                assert ours(model, X, y) == expected
        for answer in ("yes", None):
            d2 = make_question_scorer(TREE, "bright", answer, score="d2")
            assert d2(model, X, y) == pytest.approx(d2_binomial_score(k_of_n, votes.mean))

    def test_three_answers(self, model, sky):
        X, y = sky
        scorer = pickle.loads(pickle.dumps(make_question_scorer(TREE, "half")))
        score = scorer(model, X, y)
        of_question = model.predict_posterior(X)["half"]
        expected = of_question.log_prob(y[:, 2:5]).sum() / y[:, 2:5].sum()
        assert score == pytest.approx(expected)
        each = [
            make_question_scorer(TREE, "half", answer, score="neg_crps")(model, X, y)
            for answer in TREE.answers("half")
        ]
        whole = make_question_scorer(TREE, "half", score="neg_crps")
        assert whole(model, X, y) == pytest.approx(np.mean(each))

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (("halves",), "question must be one of .* Got 'halves'; the nearest is 'half'"),
            (("half", "tops"), "answer must be one of .* Got 'tops'; the nearest is 'top'"),
        ],
    )
    def test_unknown_names_are_refused_before_any_fit(self, names, message):
        with pytest.raises(ValueError, match=message):
            make_question_scorer(TREE, *names)

    def test_what_cannot_be_judged_is_refused(self, model, sky):
        scorer = make_question_scorer(TREE, "odd")
        with pytest.raises(ValueError, match="must hold votes on 'odd'"):
            scorer(model, sky[0], np.where(np.arange(7) < 5, sky[1], 0))
        with pytest.raises(ValueError, match="must have the tree of the scorer"):
            make_question_scorer(YES_NO, "bright")(model, sky[0], sky[1][:, :2])
        posterior = model.predict_posterior(sky[0])
        unknown = TreePosterior(posterior.likelihood.without(["odd"]))
        with pytest.raises(ValueError, match="must have learned 'odd'"):
            scorer(unknown, None, sky[1])
        assert np.isfinite(make_question_scorer(TREE, "half")(unknown, None, sky[1]))


class TestNoVotes:
    """A question without votes is not learned, and that is seen wherever it is looked at."""

    def test_what_was_not_learned_is_nan(self, unasked, sky, tmp_path):
        model, _ = unasked
        assert model.not_learned_ == ("odd",)
        model.save(tmp_path / "model.skgalaxy")
        loaded = skgalaxy.load(tmp_path / "model.skgalaxy")
        for one in (model, loaded, pickle.loads(pickle.dumps(model))):
            posterior = one.predict_posterior(sky[0][:5])
            low, high = posterior.interval()
            table = make_catalogue(posterior, list("abcde"))
            for values in (*one.predict(sky[0][:5], return_std=True), low, high):
                assert np.isnan(values[:, 5:]).all()
                assert np.isfinite(values[:, :5]).all()
            for part in ("fraction", "5pc", "95pc", "expected_votes"):
                assert table[f"odd_yes_{part}"].isna().all()
                assert table[f"half_top_{part}"].notna().all()
            low, high = posterior["odd", "yes"].interval()
            assert np.isnan([*low, *high, *posterior["odd", "no"].mean]).all()

    @pytest.mark.filterwarnings("ignore::skgalaxy.exceptions.NoVotesWarning")
    def test_votes_that_come_later_are_learned(self, unasked, sky):
        model = pickle.loads(pickle.dumps(unasked[0]))
        assert model.partial_fit(sky[0], unasked[1]).not_learned_ == ("odd",)
        assert model.partial_fit(*sky).not_learned_ == ()
        assert model.partial_fit(sky[0], unasked[1]).not_learned_ == ()
        assert np.isfinite(model.predict(sky[0][:5])).all()

    def test_it_explains_no_deviance(self, unasked, sky):
        predicted = unasked[0].predict(sky[0])
        counts = sky[1][:, 5:].sum(axis=0)
        predicted[:, 5:] = counts / counts.sum()
        assert unasked[0].score(*sky) == pytest.approx(d2_tree_score(TREE, sky[1], predicted))

    def test_walks_and_strategies_leave_it_out(self, unasked, sky):
        posterior = unasked[0].predict_posterior(sky[0][:6])
        likelihood = posterior.likelihood
        rest = DecisionTree(
            {"bright": ["yes", "no"], "half": ["top", "bottom", "neither"]},
            asked_after={"half": ["bright_yes"]},
        )
        expected, _ = walk_information(
            likelihood.draws[..., :5],
            3,
            tree=rest,
            concentrations=likelihood.concentration[..., :2],
        )
        np.testing.assert_allclose(posterior.mutual_information(3), expected, rtol=1e-9)
        with pytest.raises(ValueError, match="Got 'odd', on which they had no votes"):
            question_information(posterior, "odd", 3)
        for strategy in (query.variance_sampling, query.diverse_sampling):
            assert (strategy(posterior, None, n_instances=3)[1] > 0).all()

    def test_votes_on_it_have_no_probability(self, unasked, sky):
        posterior = unasked[0].predict_posterior(sky[0])
        assert np.isnan(posterior.log_prob(sky[1])).all()
        others = posterior[:1]["bright"].log_prob(sky[1][:1, :2])
        nobody = np.where(np.arange(7) < 2, sky[1][:1], 0)
        np.testing.assert_allclose(posterior[:1].log_prob(nobody), others)
        with pytest.raises(ValueError, match="none with votes on odd"):
            posterior.sample(10)

    def test_recalibrated_it_is_nan_still(self, sky):
        model = CalibratedRegressorCV(small(epochs=1), random_state=0)
        fit_unasked(model, sky)
        posterior = model.predict_posterior(sky[0][:3])
        assert np.isnan(posterior.mean).tolist() == [[False] * 5 + [True] * 2] * 3
        assert np.isnan(model.sample_posterior(sky[0][:3])[..., 5:]).all()


class TestCalibration:
    def test_every_question_has_numbers_of_its_own(self, sky, tmp_path):
        calibrated = CalibratedRegressorCV(small(likelihood="beta_binomial"), random_state=0)
        numbers = calibrated.fit(*sky).recalibration_.questions
        assert list(numbers) == list(TREE.questions)
        assert len(set(numbers.values())) == 3
        calibrated.save(tmp_path / "model.skgalaxy")
        again = skgalaxy.load(tmp_path / "model.skgalaxy")
        np.testing.assert_array_equal(again.predict(sky[0]), calibrated.predict(sky[0]))
        assert calibrated.sample_posterior(sky[0][:3]).shape == (3, 50, 7)

    def test_a_question_without_votes_held_out_is_said(self, sky):
        X, y = sky[0], sky[1].copy()
        y[:, 5:] = 0, 1
        model = CalibratedRegressorCV(small(epochs=1), random_state=0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, y)
        (said,) = [w.message for w in caught if w.category is NotCalibratedWarning]
        assert str(said).startswith("Intervals of odd are not calibrated")
        assert model.recalibration_.questions["odd"] == (0, 1, 1)


class TestPosterior:
    def test_parts_are_those_of_the_whole(self):
        posterior = posterior_of(0, concentration=5)
        assert posterior["half"].answers == ("top", "bottom", "neither")
        np.testing.assert_array_equal(posterior["half"].mean, posterior.mean[:, 2:5])
        np.testing.assert_allclose(posterior["half", "top"].std, posterior.std[:, 2], rtol=1e-12)
        low, high = posterior.interval(0.8)
        np.testing.assert_allclose(posterior["odd", "no"].interval(0.8), (low[:, 6], high[:, 6]))
        np.testing.assert_array_equal(posterior[1:].mean, posterior.mean[1:])
        np.testing.assert_array_equal(posterior[1:]["odd"].mean, posterior["odd"].mean[1:])

    def test_log_prob_is_the_mixture_over_draws_of_the_product_over_questions(self):
        from scipy.stats import multinomial

        posterior = posterior_of(1)
        votes = np.array([[7, 3, 2, 4, 1, 0, 10]] * 3)
        expected = []
        for rho in posterior.draws:
            each = [
                np.prod(
                    [
                        multinomial.pmf(votes[0, s], votes[0, s].sum(), p[s])
                        for s in TREE.slices.values()
                    ]
                )
                for p in rho
            ]
            expected.append(np.log(np.mean(each)))
        np.testing.assert_allclose(posterior.log_prob(votes), expected, rtol=1e-10)

    def test_walks_obey_the_tree_and_its_expectation(self):
        posterior = posterior_of(2, n_draws=1)
        votes = np.mean([posterior.sample(40, random_state=i) for i in range(1000)], axis=0)
        np.testing.assert_allclose(votes[:, 2:5].sum(axis=1), votes[:, 0])  # after "yes"
        expected = posterior.expected_votes(40)
        asked = np.stack([votes[:, s].sum(axis=1) for s in TREE.slices.values()], axis=1)
        np.testing.assert_allclose(asked, expected, atol=0.5)
        fractions = votes / np.repeat(asked, [2, 3, 2], axis=1)
        np.testing.assert_allclose(fractions, posterior.mean, atol=0.03)

    def test_networks_that_differ_on_a_parent_differ_on_who_is_asked(self):
        draws = {"bright": [[[1.0, 0.0], [0.0, 1.0]]], "half": [[[1, 0, 0], [0, 1, 0]]]}
        draws["odd"] = [[[0.5, 0.5]] * 2]
        questions = {question: Multinomial(values) for question, values in draws.items()}
        posterior = TreePosterior(TreeLikelihood(TREE, questions))
        np.testing.assert_allclose(posterior.expected_votes(40), [[40, 20, 40]])

    def test_a_frame_has_every_answer(self):
        frame = posterior_of(3).to_frame(index=["a", "b", "c"])
        assert [f"{name}_mean" in frame for name in TREE.columns] == [True] * 7
        assert frame.loc["a", "bright_asked"] == 1

    def test_joined(self):
        one, other = posterior_of(4), posterior_of(5)
        assert len(TreePosterior.concatenate([one, other])) == 6
        both = TreePosterior.combine([one, other])
        np.testing.assert_array_equal(both.draws[:, 4:], other.draws)
        assert both.tree == TREE

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda p: p["halves"], "Got 'halves'; the nearest is 'half'"),
            (lambda p: p["half", "tops"], "Got 'tops'; the nearest is 'top'"),
            (lambda p: p.log_prob(np.ones((3, 6))), "7 answers of Toy"),
            (lambda p: p["half"].log_prob(np.ones((3, 2))), "counts of the 3 answers"),
            (lambda p: p["half"].log_prob(np.full((3, 3), 0.5)), "whole numbers"),
            (lambda p: p.interval(1), "`level`"),
            (lambda p: p.to_frame(index=["a"]), "each of the 3 galaxies"),
        ],
    )
    def test_bad_questions_are_refused(self, call, message):
        with pytest.raises(ValueError, match=message):
            call(posterior_of(0))


@pytest.mark.parametrize(
    ("parameters", "y", "error", "message"),
    [
        ({"tree": "gz2"}, None, TypeError, "`tree` must be a skgalaxy.votes.DecisionTree"),
        ({}, np.zeros((160, 7)), ValueError, "at least one vote"),
        ({}, np.ones((160, 2)), ValueError, "counts of the 7 answers of Toy"),
        ({}, np.full((160, 7), 0.5), ValueError, "fractions do not tell"),
        (
            {"network": GalaxyZooNetwork(((4,),), 16, n_outputs=3)},
            None,
            ValueError,
            r"4 outputs .* Got a model from .* to \(None, 3\)",
        ),
    ],
)
def test_bad_input_is_refused(sky, parameters, y, error, message):
    with pytest.raises(error, match=message):
        small(**parameters).fit(sky[0], sky[1] if y is None else y)


class TestStrategies:
    """A tree's posterior is scored by the walks of N volunteers."""

    def test_mutual_information_is_that_of_walks(self):
        posterior = posterior_of(6, n_galaxies=5, n_draws=20)
        information, _ = walk_information(posterior, 10)
        np.testing.assert_array_equal(posterior.mutual_information(10), information)
        np.testing.assert_array_equal(mutual_information(posterior, 10), information)

    @pytest.mark.parametrize(
        "strategy",
        [
            query.mutual_information_sampling,
            query.joint_sampling,
            query.joint_variance_sampling,
            query.power_sampling,
            query.diverse_sampling,
            query.variance_sampling,
            query.random_sampling,
        ],
    )
    def test_strategies_take_it_as_it_is(self, strategy):
        posterior = posterior_of(7, n_galaxies=8, n_draws=30)
        draws = posterior.draws.copy()
        draws[5:] = draws[5:, :1]  # nothing to learn of these
        likelihood = posterior.likelihood._of([draws, posterior.likelihood.concentration])
        rows, scores = strategy(TreePosterior(likelihood), None, n_instances=4, n_votes=10)
        assert len(set(rows)) == 4
        if strategy is not query.random_sampling:
            assert max(rows) < 5
            assert (scores > 0).all()

    def test_joint_sampling_does_not_take_the_same_galaxy_twice(self):
        posterior = posterior_of(8, n_galaxies=3, n_draws=40)
        twice = posterior[[0, 0, 1, 2]]
        rows, gains = query.joint_sampling(twice, None, n_instances=3, n_votes=10, random_state=0)
        assert not {0, 1} <= set(rows)
        assert (np.diff(gains) <= 0).all()

    def test_a_learner_of_a_tree_asks(self, model, sky):
        learner = ActiveLearner(model, query.joint_sampling)
        rows, _ = learner.query(sky[0], n_instances=3)
        assert len(set(rows)) == 3

    def test_a_checkpoint_goes_on(self, tmp_path):
        posterior = posterior_of(9, n_galaxies=4, n_draws=20)
        scores = [
            query.score_pool(posterior, None, n_votes=5, checkpoint=tmp_path / "scores")
            for _ in range(2)
        ]
        np.testing.assert_array_equal(*scores)

    @pytest.mark.parametrize("strategy", [query.predictive_entropy_sampling, query.epig_sampling])
    def test_what_is_of_one_question_is_refused(self, strategy):
        with pytest.raises(TypeError, match=r"of one question. .* posterior\['bar', 'yes'\]"):
            strategy(posterior_of(0), None, n_instances=1)
