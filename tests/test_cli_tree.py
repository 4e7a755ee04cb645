"""A whole decision tree on the command line: `train --tree`, `predict`, `rank --question`."""

import io

import numpy as np
import pandas as pd
import pytest
from test_cli import fails, read_any_catalogue, run, write_images
from test_tree_exports import walk_rows

import skgalaxy
from skgalaxy.acquisition import (
    question_information,
    variance_information,
    walk_information,
)
from skgalaxy.catalogue import make_catalogue, select_sample
from skgalaxy.cli._trees import (
    blank_posterior,
    meaningless_columns,
    not_learned,
    not_reached,
    without,
)
from skgalaxy.metrics import interval_coverage, vote_noise_floor
from skgalaxy.query import predict_posterior
from skgalaxy.votes import DecisionTree, TreeVotes, read_tree, write_tree
from skgalaxy.zooniverse import read_tree_classifications

TREE = DecisionTree(
    {"bright": ["yes", "no"], "bar": ["strong", "weak", "no"], "odd": ["yes", "no"]},
    asked_after={"bar": ["bright_yes"]},
    name="Toy",
)
IDS = [f"g{i:02d}" for i in range(24)]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Return a folder of images, tree.toml, reconstructed votes.csv, and a model of all of it."""
    folder = tmp_path_factory.mktemp("toy")
    write_images(folder / "images", IDS)
    yes = np.arange(24)
    bar = np.stack([yes // 2, yes - yes // 2 - yes // 4, yes // 4], axis=1)
    counts = np.column_stack([yes, 24 - yes, bar, np.full(24, 2), np.full(24, 22)])
    votes = TreeVotes(IDS, TREE, counts)
    n_votes = np.repeat(votes.n_votes, [2, 3, 2], axis=1)
    fractions = pd.DataFrame(
        np.divide(counts, n_votes, out=np.zeros(counts.shape), where=n_votes > 0),
        columns=[f"{name}_fraction" for name in TREE.columns],
    )
    published = {"id_str": IDS, "bright_total-votes": 24}
    fractions.assign(**published).to_csv(folder / "fractions.csv", index=False)
    write_tree(TREE, folder / "tree.toml")
    made = ("--reconstruct", "--tree", folder / "tree.toml", "-o", folder / "votes.csv")
    assert run("votes", folder / "fractions.csv", *made) == 0
    expected = votes.to_frame().assign(votes_origin="reconstructed")
    pd.testing.assert_frame_equal(pd.read_csv(folder / "votes.csv"), expected, check_dtype=False)
    assert train(folder, "--tree", folder / "tree.toml", "--quiet") == 0
    return folder


def train(folder, *more, model="model.skgalaxy", votes="votes.csv"):
    settings = ("--size", 16, "--epochs", 1, "--model", folder / model)
    return run("train", folder / "images", folder / votes, *settings, *more)


@pytest.fixture(scope="module")
def posterior(toy):
    return posterior_of(toy)


def posterior_of(toy, n_draws=None):
    pipeline = skgalaxy.load(toy / "model.skgalaxy")
    if n_draws:
        pipeline[-1].estimators_[0].set_params(n_draws=n_draws)
    return predict_posterior(pipeline, [toy / "images" / f"{id_}.png" for id_ in IDS])


def test_train_is_the_library(toy):
    pipeline, metadata = skgalaxy.load(toy / "model.skgalaxy", return_metadata=True)
    assert (metadata["tree"], metadata["n_galaxies"]) == ("Toy", 24)
    assert metadata["votes_origin"] == "reconstructed"
    assert "question" not in metadata
    estimator = pipeline[-1]
    assert estimator.estimators_[0].tree == TREE
    expected = skgalaxy.recommended(epochs=1, random_state=0, tree=TREE).get_params()
    assert {**estimator.get_params(), "estimator": None} == {**expected, "estimator": None}


def test_predict_writes_all_questions(toy, posterior, tmp_path):
    pytest.importorskip("astropy")
    path = tmp_path / "c.fits"
    command = ("predict", toy / "model.skgalaxy", toy / "images", path, "--n-votes", 5)
    assert run(*command, "--quiet") == 0
    table = read_any_catalogue(path)
    expected = make_catalogue(posterior, IDS, n_votes=5)
    assert table.colnames[: len(expected.columns)] == list(expected)
    assert table["id_str"].tolist() == IDS
    for name in expected.columns[1:]:
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-4, atol=1e-6)
    assert (table.meta["TREE"], table.meta["votes_origin"]) == ("Toy", "reconstructed")


def test_a_sample_is_of_one_answer(toy, posterior, tmp_path):
    """And of galaxies that volunteers would be asked about."""
    command = ("predict", toy / "model.skgalaxy", toy / "images", tmp_path / "c.csv", "--quiet")
    goal = ("--select", "completeness=0.5", "--threshold", 0.3, "--n-votes", 2)
    assert run(*command, *goal, "--question", "bar", "--answer", "weak") == 0
    table = pd.read_csv(tmp_path / "c.csv")
    weak = posterior["bar", "weak"]
    chance = weak.probability_above(0.3)
    np.testing.assert_allclose(table["bar_weak_probability"], chance, rtol=1e-4, atol=1e-6)
    asked = np.flatnonzero(~table["bar_hardly_asked"])
    assert 0 < len(asked) < len(IDS)
    sample = select_sample(weak[asked], threshold=0.3, completeness=0.5)
    assert np.flatnonzero(table["selected"]).tolist() == sorted(asked[sample.rows])


def test_rank_by_a_question_is_the_library(toy, posterior, tmp_path):
    own = tmp_path / "own.csv"
    command = ("rank", toy / "model.skgalaxy", toy / "images", "-n", 5, "--quiet", "-o")
    alone = ("--strategy", "mutual-information", "--n-votes", 5)
    assert run(*command, own, *alone, "--question", "bar") == 0
    expected, _ = question_information(posterior, "bar", 5)
    best = np.argsort(-expected, kind="stable")[:5]
    table = pd.read_csv(own)
    assert table["id_str"].tolist() == [IDS[row] for row in best]
    np.testing.assert_allclose(table["mutual_information"], expected[best], rtol=1e-3)
    kept = ("--checkpoint", tmp_path / "scores")
    assert run(*command, tmp_path / "again.csv", *alone, "--question", "bar", *kept) == 0
    assert run(*command, tmp_path / "more.csv", *alone, "--question", "bar", *kept) == 0
    for name in ("again.csv", "more.csv"):
        assert (tmp_path / name).read_text() == own.read_text()
    # of one answer: no more than all of them tell
    assert run(*command, own, *alone, "--question", "bar", "--answer", "weak", "--force") == 0
    one = pd.read_csv(own).set_index("id_str")["mutual_information"]
    assert (one <= pd.Series(expected, IDS)[one.index] + 1e-9).all()


def test_rank_jointly_never_rises(toy, tmp_path):
    command = ("rank", toy / "model.skgalaxy", toy / "images", "-n", 5, "--n-votes", 5, "--quiet")
    posterior = posterior_of(toy, 1000)
    bright = posterior["bright", posterior.tree.answers("bright")[0]]
    for options, score, own in (
        ((), "variance_information", variance_information(bright, 5)),
        (
            ("--strategy", "joint"),
            "mutual_information",
            question_information(posterior, "bright", 5)[0],
        ),
    ):
        output = ("-o", tmp_path / "r.csv", "--force")
        assert run(*command, "--question", "bright", *output, *options) == 0
        table = pd.read_csv(tmp_path / "r.csv")
        assert table["id_str"].is_unique
        assert (np.diff(table[score]) <= 1e-12).all()
        assert table["id_str"][0] == IDS[int(np.argmax(own))]
        np.testing.assert_allclose(table[score][0], own.max(), rtol=1e-3)


def test_rank_by_whole_walks_is_the_library(toy, posterior, tmp_path):
    own, kept = tmp_path / "own.csv", tmp_path / "scores"
    command = ("rank", toy / "model.skgalaxy", toy / "images", "-n", 5, "--quiet", "--n-votes", 3)
    alone = (*command, "--strategy", "mutual-information", "--checkpoint", kept, "-o")
    assert run(*alone, own) == 0
    expected, _ = walk_information(posterior, 3)
    best = np.argsort(-expected, kind="stable")[:5]
    table = pd.read_csv(own)
    assert table["id_str"].tolist() == [IDS[row] for row in best]
    np.testing.assert_allclose(table["mutual_information"], expected[best], rtol=1e-3)
    # the checkpoint is of whole walks, with these draws
    assert run(*alone, own, "--force", "--question", "bar") == 1
    for options, score in (
        ((), "mutual_information"),
        (("--strategy", "joint-variance"), "variance_information"),
    ):
        assert run(*command, *options, "-o", tmp_path / "joint.csv", "--force") == 0
        gains = pd.read_csv(tmp_path / "joint.csv")[score]
        assert (np.diff(gains) <= 1e-12).all()
    many = (*command[:-1], 2000)  # more than can be simulated, which variance does without
    by_variance = ("--strategy", "joint-variance", "--force")
    assert run(*many, "-o", tmp_path / "joint.csv", *by_variance) == 0


def test_walks_without_a_question(posterior):
    """What a model has not learned is left out, with all that is below it."""
    rest = without(posterior, ["bar"])
    assert rest.tree.questions == ("bright", "odd")
    np.testing.assert_allclose(
        walk_information(rest, 2)[0],
        walk_information(
            posterior.draws[..., [0, 1, 5, 6]],
            2,
            tree=rest.tree,
            concentrations=posterior.likelihood.concentration[..., [0, 2]],
        )[0],
    )
    assert without(posterior, ["bright"]).tree.questions == ("odd",)


def test_what_is_refused_of_a_tree(toy, tmp_path, capsys):
    model, images = toy / "model.skgalaxy", toy / "images"
    rank = ("rank", model, images, "-n", 2)
    assert "add --question" in fails(capsys, 2, *rank, "--answer", "weak")
    assert "must be at most 1,000" in fails(capsys, 1, *rank, "--n-votes", 5000)
    assert "'bars'; the nearest is 'bar'" in fails(capsys, 1, *rank, "--question", "bars")
    wrong = ("--question", "bar", "--answer", "strongly")
    assert "the nearest is 'strong'" in fails(capsys, 1, *rank, *wrong)
    select = ("predict", model, images, tmp_path / "c.csv", "--select", "purity=0.9")
    assert "add --question and --answer" in fails(capsys, 2, *select, "--question", "bar")
    named = ("--question", "bar", "--answer", "weak")
    assert "--question is for samples; add --select" in fails(capsys, 2, *select[:-2], *named)
    evaluate = ("evaluate", model, images, toy / "votes.csv", "--quiet")
    assert "that the model was not trained on" in fails(capsys, 1, *evaluate)
    named = (*evaluate, "--question", "bar")
    assert "--question is for a model of one question" in fails(capsys, 2, *named)


def test_evaluate_judges_every_question(toy, tmp_path, capsys):
    write_images(tmp_path / "images", IDS, seed=5)
    table = pd.read_csv(toy / "votes.csv")
    table[[name for name in table if name.startswith("odd")]] = 0
    table.to_csv(tmp_path / "votes.csv", index=False)
    command = (toy / "model.skgalaxy", tmp_path / "images", tmp_path / "votes.csv")
    assert run("evaluate", *command, "--quiet") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].index("in 90 %") == printed[1].index("%") - 5  # under its head
    lines = {line.split()[0]: line.split()[1:] for line in printed}
    assert list(lines) == ["question", *TREE.questions]
    assert lines["odd"][:3] == ["0", "0", "no"]
    pipeline = skgalaxy.load(command[0])
    paths = [tmp_path / "images" / f"{id_}.png" for id_ in IDS]
    bar = predict_posterior(pipeline, paths)["bar"]
    counts = table[[f"bar_{answer}" for answer in TREE.answers("bar")]].to_numpy()
    asked = counts.sum(axis=1) > 0
    error = counts[asked] / counts[asked].sum(axis=1, keepdims=True) - bar.mean[asked]
    log_prob = bar.log_prob(counts).sum() / counts.sum()
    assert lines["bar"][:2] == [str(asked.sum()), str(counts.sum())]
    expected = [np.sqrt(np.mean(error**2)), log_prob]
    y = [np.stack([k, counts.sum(axis=1)], axis=1)[asked] for k in counts.T]
    floor = np.sqrt(np.mean([vote_noise_floor(one) ** 2 for one in y]))
    covered = [
        interval_coverage(one, bar[asked][answer].pmf(one[:, 1]), 0.9)
        for answer, one in zip(TREE.answers("bar"), y, strict=True)
    ]
    expected += [floor, 100 * np.mean(covered)]
    found = [float(lines["bar"][i]) for i in (2, 5, 3, 6)]
    np.testing.assert_allclose(found[:3], expected[:3], atol=2e-4)
    assert found[3] == round(expected[3], 1)


def test_what_was_not_learned_is_left_out():
    """The fractions of a question below it stay; who is asked it is not known."""
    assert not_reached(TREE, ["bright"]) == ["bright", "bar"]
    posterior = blank_posterior(TREE, 1)
    left = make_catalogue(posterior, ["a"]).drop(columns=meaningless_columns(TREE, ["bright"]))
    names = [f"bar_{a}_{part}" for a in TREE.answers("bar") for part in ("fraction", "5pc", "95pc")]
    assert [name for name in left if name.startswith("b")] == names
    assert not_learned(np.array([[0, 0, np.nan, np.nan, np.nan, 1, 0]]), TREE) == ["bright", "bar"]


def test_what_train_refuses(toy, tmp_path, capsys):
    command = ("train", toy / "images", toy / "votes.csv", "--model", tmp_path / "m")
    assert "'--answer', or '--tree'" in fails(capsys, 2, *command)
    tree = ("--tree", toy / "tree.toml")
    for option in ("--question", "--answer"):
        assert f"{option} is for one question" in fails(capsys, 2, *command, *tree, option, "bar")
    assert "none of gz2, gz_decals" in fails(capsys, 2, *command, "--tree", "gz3")
    assert "none.toml" in fails(capsys, 1, *command, "--tree", tmp_path / "none.toml")
    table = pd.read_csv(toy / "votes.csv")
    table.loc[3, ["bar_strong", "bar_total-votes"]] += 20
    table.to_csv(tmp_path / "more.csv", index=False)
    wrong = ("train", toy / "images", tmp_path / "more.csv", *command[3:], *tree)
    assert "more votes on 'bar'" in fails(capsys, 1, *wrong)


def test_counts_that_were_not_counted_say_so(toy, tmp_path, capsys):
    """Also of one question; and what cannot be reconstructed is refused."""
    assert run("votes", toy / "votes.csv", "--question", "bar") == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(",reconstructed")
    command, tree = ("votes", toy / "fractions.csv", "--reconstruct"), ("--tree", toy / "tree.toml")
    assert "leave it out with --reconstruct" in fails(
        capsys, 2, *command, *tree, "--question", "bar"
    )
    assert "add --tree, for example gz2" in fails(capsys, 2, *command)
    assert "votes can only be drawn" in fails(capsys, 1, *command, "--tree", "gz2")
    table = pd.read_csv(toy / "fractions.csv").drop(columns=["odd_yes_fraction", "odd_no_fraction"])
    table.to_csv(tmp_path / "f.csv", index=False)
    assert run("votes", tmp_path / "f.csv", "--reconstruct", *tree, "-o", tmp_path / "v.csv") == 0
    assert "lacks the fractions of odd" in capsys.readouterr().err


def test_questions_that_only_the_table_or_the_tree_has_are_named(toy, tmp_path, capsys):
    table = pd.read_csv(toy / "votes.csv")
    table = table.drop(columns=[name for name in table if name.startswith("odd")])
    table["ring_yes"], table["ring_no"], table["ring_total-votes"] = 1, 2, 3
    table.head(19).to_csv(tmp_path / "votes.csv", index=False)
    command = ("train", toy / "images", tmp_path / "votes.csv", "--model", tmp_path / "m")
    assert run(*command, "--tree", toy / "tree.toml", "--quiet") == 1  # 19 are too few
    error = capsys.readouterr().err
    assert "passed over questions that Toy has not: ring." in error
    assert "cannot learn them: odd. `skgalaxy votes --reconstruct` makes" in error
    assert "at least 20 galaxies" in error
    written = ("--tree", toy / "tree.toml", "-o", tmp_path / "v.csv")
    assert run("votes", tmp_path / "votes.csv", *written) == 0
    assert "lacks counts of these questions of Toy: odd." in capsys.readouterr().err


class TestVotes:
    """`votes --tree` of a Zooniverse export of several tasks, or of a table."""

    @pytest.fixture
    def export(self, tmp_path, write_export):
        """Return an export of three walks; tree.toml holds the texts that volunteers read."""
        texts = {"bar": {"text": "Is it barred?", "answers": {"strong": {"text": "Strongly"}}}}
        write_tree(DecisionTree(**TREE.to_dict(), texts=texts), tmp_path / "tree.toml")
        bright = ("T0", "Bright", "Yes")
        return write_export(
            walk_rows(
                [bright, ("T1", "Is it barred?", "Strongly"), ("T2", "Odd?", "No")],
                [bright, ("T1", "Is it barred?", "Weak")],
                [("T0", "Bright", "No"), ("T2", "Odd?", "yes")],
            )
        )

    def votes(self, capsys, *command):
        assert run("votes", *command) == 0
        out, err = capsys.readouterr()
        frame = pd.read_csv(io.StringIO(out), dtype={"id_str": str})
        return frame.iloc[0].to_dict(), err

    def test_of_an_export_is_the_library(self, export, tmp_path, capsys):
        tree = read_tree(tmp_path / "tree.toml")
        expected = read_tree_classifications(export, tree).to_frame().iloc[0].to_dict()
        row, _ = self.votes(capsys, export, "--tree", tmp_path / "tree.toml")
        assert row == expected
        assert (row["bright_total-votes"], row["bar_strong"], row["bar_weak"]) == (3, 1, 1)
        assert row["id_str"] == "587"
        # and back: the table has the same votes
        (tmp_path / "votes.csv").write_text(pd.DataFrame([row]).to_csv(index=False))
        again, _ = self.votes(capsys, tmp_path / "votes.csv", "--tree", tmp_path / "tree.toml")
        assert again == row

    @pytest.mark.filterwarnings("default:(No task|Tasks) of:UserWarning")
    def test_names_of_tasks_and_answers(self, export, tmp_path, capsys):
        write_tree(TREE, tmp_path / "names.toml")
        command = (export, "--tree", tmp_path / "names.toml", "--task", "T0=bright")
        answers = ("--task", "T1=bar", "--answer", "Strongly=bar_strong")
        row, err = self.votes(capsys, *command, *answers)
        assert row["bar_strong"] == row["bar_weak"] == 1
        assert "T2 'Odd?' (2 answers)" in err
        message = fails(capsys, 1, "votes", *command, "--task", "T1=bar")
        assert "bar (strong, weak, no): 'Strongly' (in 1 rows)" in message
        row, err = self.votes(capsys, *command, "--task", "T1=bar", "--on-error", "report")
        assert "left out: row 0" in err
        assert row["bright_yes"] == 1

    def test_refused(self, export, toy, capsys):
        command = ("votes", export, "--tree", toy / "tree.toml")
        assert "--question is for one question" in fails(capsys, 2, *command, "--question", "bar")
        assert "is not TASK=QUESTION" in fails(capsys, 2, *command, "--task", "T0")
        assert "'bar' is no answer of Toy" in fails(capsys, 2, *command, "--answer", "Yes=bar")
        assert "--dialect is for vote" in fails(capsys, 2, *command, "--dialect", "gz2")
        assert "none of gz2" in fails(capsys, 2, "votes", export, "--tree", "gz3")
        twice = ("votes", export, "--task", "T0", "--task", "T1")
        assert "--task must be given once" in fails(capsys, 2, *twice)
        table = ("votes", toy / "votes.csv", "--tree", toy / "tree.toml", "--task", "T0=bright")
        assert "--task is for exports of classifications" in fails(capsys, 2, *table)
