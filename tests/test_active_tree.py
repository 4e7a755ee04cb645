"""Rounds over a whole tree: counts of all answers go from volunteers to the learner and back."""

from functools import partial

import numpy as np
import pandas as pd
import panoptes_export
import pytest
from modAL.models import ActiveLearner
from PIL import Image
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import make_pipeline
from test_tree_exports import LABELS, TASKS
from test_tree_exports import TREE as WALKED
from test_volunteers import IDS, export_of

from skgalaxy import TreePosterior, active, query
from skgalaxy.active._fingerprint import text_of
from skgalaxy.images import PoolReader
from skgalaxy.likelihoods import Multinomial, TreeLikelihood
from skgalaxy.votes import DecisionTree, walk_votes

TREE = DecisionTree(
    {"disc": ["yes", "no"], "arms": ["1", "2", "3"], "odd": ["yes", "no"]},
    {"arms": ["disc_yes"]},
    name="Toy",
)
OTHER = DecisionTree({"disc": ["yes", "no"]}, name="Other")
N_POOL = 60


class Smoother(RegressorMixin, BaseEstimator):
    """Fractions of galaxies that look alike, question by question, from four noisy draws."""

    def __init__(self, tree=TREE, random_state=None):
        self.tree = tree
        self.random_state = random_state

    def fit(self, X, y):
        self.X_, self.y_ = X[:, 0], self.tree.check_counts(y, len(X))
        self.noise_ = np.random.RandomState(self.random_state).uniform(5, 20, size=4)
        return self

    def predict_posterior(self, X):
        distance = np.abs(X[:, :1, None] - self.X_)  # galaxies, 1, taught
        counts = np.exp(-self.noise_[:, None] * distance) @ np.nan_to_num(self.y_) + 0.1
        parts = {name: counts[:, :, here] for name, here in self.tree.slices.items()}
        questions = {
            name: Multinomial(part / part.sum(axis=2, keepdims=True))
            for name, part in parts.items()
        }
        return TreePosterior(TreeLikelihood(self.tree, questions))

    def predict(self, X):
        return self.predict_posterior(X).mean

    def score(self, X, y):
        return float(self.predict_posterior(X).log_prob(y).mean())


@pytest.fixture(scope="module")
def sky():
    """Return pictures, the fraction of every answer, and votes of 20 walks on each."""
    disc = np.random.default_rng(0).uniform(0.05, 0.95, N_POOL + 20)
    arms = np.column_stack([0.8 * disc, 0.8 * (1 - disc), np.full(len(disc), 0.2)])
    odd = np.full(len(disc), 0.1)
    fractions = np.column_stack([disc, 1 - disc, arms, odd, 1 - odd])
    return disc[:, None], fractions, walk_votes(TREE, fractions, 20, random_state=0)


def one_run(sky, volunteers=None, **further):
    """Return the result of a small run."""
    X, _, votes = sky
    learner = ActiveLearner(
        make_pipeline(PoolReader(X), Smoother()),
        partial(query.mutual_information_sampling, n_votes=10),
    )
    pool, test = np.arange(N_POOL), np.arange(N_POOL, N_POOL + 20)
    if volunteers is None:
        volunteers = active.SimulatedVolunteers(pool, votes[:N_POOL], tree=TREE)
    arguments = {"initial": 6, "n_instances": 4, "n_rounds": 2, "random_state": 0}
    arguments |= {"test": (test, pd.DataFrame(votes[test], columns=TREE.columns))}
    return active.run(learner, pool, volunteers, **(arguments | further))


class TestRounds:
    def test_what_is_asked_is_learned_and_recorded(self, sky, tmp_path):
        result = one_run(sky, ledger=tmp_path / "run.sqlite")
        asked = result.asked
        expected = sky[2][asked["row"]]
        np.testing.assert_array_equal(asked[list(TREE.columns)], expected)
        np.testing.assert_array_equal(result.learner.y_training, expected)
        assert "k" not in asked
        assert (asked["n_votes"] == 20).all()
        assert result.rounds["n_votes_learned"].tolist() == [120, 200, 280]
        assert result.learner.score(*_test(sky)) == result.rounds["test_score"].iloc[-1]
        read = active.read_ledger(tmp_path / "run.sqlite")
        pd.testing.assert_frame_equal(read.asked, asked)
        assert asked["disc_yes"].dtype == read.asked["disc_yes"].dtype == "Int64"

    def test_scores_of_your_own(self, sky):
        def bars(estimator, X, y):
            return float(np.mean(estimator.predict(X)[:, 2] - y[:, 2]))

        result = one_run(sky, n_rounds=1, scoring={"bars": bars})
        assert result.rounds["bars"].notna().all()

    def test_budget_of_volunteers(self, sky):
        result = one_run(sky, n_rounds=None, max_votes=190)
        assert result.status == "max_votes is reached"
        assert result.rounds["n_votes_learned"].iloc[-1] == 180

    @pytest.mark.parametrize("dies_in", ["callback", "collect"])
    def test_after_a_kill_it_goes_on_to_the_same(self, sky, tmp_path, dies_in):
        class Fragile(active.SimulatedVolunteers):
            def collect(self):
                if len(self._answered) > 8 and dies_in == "collect":
                    raise KeyboardInterrupt
                return super().collect()

        def die(result):
            if len(result.rounds) == 2:
                raise KeyboardInterrupt

        further = {"ledger": tmp_path / "run.sqlite"}
        fragile = Fragile(np.arange(N_POOL), sky[2][:N_POOL], tree=TREE)
        with pytest.raises(KeyboardInterrupt):
            one_run(sky, fragile, callbacks=die if dies_in == "callback" else (), **further)
        gone_on, whole = one_run(sky, **further), one_run(sky)
        pd.testing.assert_frame_equal(gone_on.asked, whole.asked)
        pd.testing.assert_frame_equal(gone_on.rounds, whole.rounds)

    def test_a_question_not_known(self, sky):
        """It is missing in the record, and to the learner nobody was asked."""
        votes = sky[2][:N_POOL].copy()
        votes[::2, 5:] = np.nan
        votes[:6] = 0  # given up
        volunteers = active.SimulatedVolunteers(np.arange(N_POOL), votes, tree=TREE)
        result = one_run(sky, volunteers, initial=np.arange(8))
        rows = result.asked["row"].to_numpy()
        assert (result.asked["odd_yes"].isna() == np.isnan(votes[rows, 5])).all()
        assert result.asked["n_votes"].tolist() == [0] * 6 + [20] * 10
        np.testing.assert_array_equal(result.learner.y_training, np.nan_to_num(votes[rows]))

    def test_goes_on_from_what_was_taught(self, sky):
        X, _, votes = sky
        taught = np.arange(N_POOL, N_POOL + 10)
        model = make_pipeline(PoolReader(X), Smoother())
        learner = ActiveLearner(
            model, query.random_sampling, X_training=taught, y_training=votes[taught]
        )
        volunteers = active.SimulatedVolunteers(np.arange(N_POOL), votes[:N_POOL], tree=TREE)
        result = active.run(learner, np.arange(N_POOL), volunteers, initial=2, n_rounds=0)
        assert result.rounds["n_votes_learned"].tolist() == [240]

    def test_answers_come_in_any_order_of_columns_and_late(self, sky):
        class Table:
            def request(self, ids):
                self.ids = ids

            def collect(self):
                frame = pd.DataFrame(sky[2][self.ids.astype(int)], columns=TREE.columns)
                return self.ids[1:], frame[list(TREE.columns[::-1])].iloc[1:]

        result = one_run(sky, Table())
        assert result.status == "waiting for 1 galaxies"
        answered = result.asked.iloc[1:]
        np.testing.assert_array_equal(answered[list(TREE.columns)], sky[2][answered["row"]])
        assert result.asked.iloc[0][["n_votes", *TREE.columns]].isna().all()

    def test_a_ledger_is_of_one_tree_whatever_its_texts(self):
        texts = {"disc": {"text": "Is there a disc?"}}
        told = DecisionTree(**{**TREE.to_dict(), "texts": texts})
        assert text_of(told) == text_of(TREE) != text_of(OTHER)


def _test(sky):
    test = np.arange(N_POOL, N_POOL + 20)
    return test, sky[2][test]


class TestSimulatedVolunteers:
    def test_they_walk_by_fractions(self, sky):
        ids = np.arange(N_POOL + 20)
        volunteers = active.SimulatedVolunteers(ids, sky[1], n_votes=1000, tree=TREE)
        volunteers.request(ids.astype(str))
        _, votes = volunteers.collect()
        asked = TREE.asked_fractions(sky[1])
        np.testing.assert_allclose(votes[:, :2].sum(axis=1), 1000)
        np.testing.assert_array_equal(votes[:, 2:5].sum(axis=1), votes[:, 0])
        expected = sky[1] * np.repeat(asked, [2, 3, 2], axis=1) * 1000
        np.testing.assert_allclose(votes, expected, atol=80)

    def test_an_answer_depends_on_its_galaxy_only(self, sky):
        def answer(ids):
            rows = np.array([int(id_) for id_ in ids])
            volunteers = active.SimulatedVolunteers(rows, sky[1][rows], tree=TREE)
            for id_ in ids:
                volunteers.request(np.array([id_]))
            return dict(zip(*map(np.ndarray.tolist, volunteers.collect()), strict=True))

        one, other = answer(["3", "5", "7"]), answer(["7", "3"])
        assert other == {id_: one[id_] for id_ in other}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"y": [[1, 0, 0, 1, 0, 0, 1]] * 2}, "nothing but 0 and 1"),
            ({"y": [[3, 1, 9, 9, 9, 2, 2]] * 2}, "arms"),
            ({"y": [[0.3, 0.1, 0.2, 0.4, 0.4, 0.5, 0.5]] * 2}, "must add up to 1"),
            ({"y": [[3, 1, 1, 1, 1, 2, 2]]}, "a row for each of the 2 ids"),
            ({"y": [[3, 4]] * 2}, "7 answers of Toy"),
        ],
    )
    def test_bad_votes(self, change, message):
        with pytest.raises(ValueError, match=message):
            active.SimulatedVolunteers(["a", "b"], **change, tree=TREE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"volunteers": active.SimulatedVolunteers(range(60), [0.5] * 60)},
            "Got volunteers of one",
        ),
        (
            {"volunteers": active.SimulatedVolunteers(range(60), [[3, 4]] * 60, tree=OTHER)},
            "the tree 'Other'",
        ),
        ({"test": (np.arange(60, 62), np.ones((2, 2)))}, "`test` must be .* 7 answers of Toy"),
    ],
)
def test_refused_before_any_work(sky, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        one_run(sky, **change, ledger=tmp_path / "run.sqlite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (np.ones((6, 2)), "on all answers of the tree 'Toy'"),
        (np.full((6, 7), 0.5), "fractions do not tell"),
        (np.ones((5, 7)), r"shape \(6, 7\)"),
        (np.tile([3, 1, 9, 9, 9, 2, 2], (6, 1)), "arms"),
    ],
)
def test_bad_answers(sky, votes, message):
    class Wrong:
        def request(self, ids):
            self.ids = ids

        def collect(self):
            return self.ids, votes

    with pytest.raises(ValueError, match=message):
        one_run(sky, Wrong())


@pytest.mark.filterwarnings("ignore:(Tasks of|Answers of volunteers)")
class TestFiles:
    """Volunteers of the Zooniverse, played, walk down a tree of four tasks."""

    @pytest.fixture
    def files(self, tmp_path):
        """Return a function that makes the same volunteers again, as another process would."""
        images = {}
        for id_ in IDS[:12]:
            images[id_] = tmp_path / f"{id_}.png"
            Image.linear_gradient("L").resize((8, 8)).save(images[id_])
        reading = {"tasks": TASKS, "answers": LABELS, "workflow_id": 21802, "workflow_version": 12}
        arguments = (tmp_path / "asked", images, tmp_path / "export.csv")
        return partial(active.FileVolunteers, *arguments, tree=WALKED, reading=reading)

    def test_there_and_back(self, files, tmp_path):
        files().request(np.array(IDS[:3]))
        assert files().collect()[1].shape == (0, 9)  # there is no export yet
        counts = walked(tmp_path, ["request_0001"], n_volunteers=30)
        shown = {id_: max(row[:3].sum(), row[-2:].sum()) for id_, row in counts.items()}
        least = sorted(shown.values())[1]  # one galaxy has fewer, and waits
        ids, votes = files(min_votes=int(least)).collect()
        assert ids.tolist() == [id_ for id_ in IDS[:3] if shown[id_] >= least]
        np.testing.assert_array_equal(votes, [counts[id_] for id_ in ids])
        files().request(np.array(IDS[3:5]))
        walked(tmp_path, ["request_0002"])
        (tmp_path / "asked" / "request_0002").rename(tmp_path / "gone")
        assert len(files().collect()[0]) == 0  # the export has none of those still asked about

    def test_a_run_that_is_killed_goes_on_to_the_same(self, files, tmp_path, monkeypatch):
        """It dies when it has asked, and when it has read; nobody is asked twice."""
        X = np.linspace(0, 1, 12)[:, None]
        learner = ActiveLearner(
            make_pipeline(PoolReader(X), Smoother(WALKED)),
            partial(query.mutual_information_sampling, n_votes=10),
        )
        given = {"ids": IDS[:12], "initial": 4, "n_instances": 3, "n_rounds": 1, "random_state": 0}

        def call(volunteers, **further):
            return active.run(learner, np.arange(12), volunteers, **given, **further)

        def go_on():
            ledger = tmp_path / "run.sqlite"
            for name in ("request", "collect"):
                volunteers = files(min_votes=5)
                monkeypatch.setattr(volunteers, name, killed_after(getattr(volunteers, name)))
                with pytest.raises(KeyboardInterrupt):
                    call(volunteers, ledger=ledger)
            return call(files(min_votes=5), ledger=ledger)

        assert go_on().status == "waiting for 4 galaxies"
        counts = walked(tmp_path, ["request_0001"])
        assert go_on().status == "waiting for 3 galaxies"
        both = walked(tmp_path, ["request_0001", "request_0002"])
        result = go_on()
        assert result.n_waiting == 0
        assert len(list((tmp_path / "asked").iterdir())) == 2
        votes = [{**both, **counts}.get(id_, np.zeros(9)) for id_ in IDS[:12]]
        at_once = call(active.SimulatedVolunteers(IDS[:12], votes, tree=WALKED))
        pd.testing.assert_frame_equal(result.asked, at_once.asked)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"task": "T0"}, "`tree` must stand without `task`"),
            ({"reading": {"tasks": {"T0": "bra"}}}, "Got 'bra' for 'T0'"),
            ({"reading": {"answers": {"bar": {"A": "aye"}}}}, "among yes, no. Got 'aye'"),
            ({"reading": {"task": "T0"}}, "must be arguments of read_tree_classifications"),
        ],
    )
    def test_bad_arguments(self, tmp_path, given, message):
        with pytest.raises(ValueError, match=message):
            active.FileVolunteers(tmp_path, {}, "export.csv", tree=WALKED, **given)


def walked(folder, requests, **given):
    """Let the players walk; return the counts they know of."""
    counts = export_of(folder, requests, classify=panoptes_export.classify_tree, **given)
    return {id_: np.array(list(each.values())) for id_, each in counts.items()}


def killed_after(method):
    """Return the method, after which the process dies."""

    def call(*arguments):
        method(*arguments)
        raise KeyboardInterrupt

    return call
