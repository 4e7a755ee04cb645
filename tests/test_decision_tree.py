"""Who is asked what: the published trees, and numbers worked out by walking them."""

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skgalaxy import TreePosterior
from skgalaxy.likelihoods import Multinomial, TreeLikelihood
from skgalaxy.plotting import DecisionTreeDisplay
from skgalaxy.votes import GZ2, GZ_DECALS, DecisionTree, VoteTable

TREES = pytest.mark.parametrize("tree", [GZ2, GZ_DECALS], ids=lambda tree: tree.name)


def random_fractions(tree, n_galaxies, seed=0):
    """Return vote fractions that add up to 1 over the answers to each question."""
    rng = np.random.default_rng(seed)
    fractions = {}
    for question in tree.questions:
        answers = tree.answers(question)
        rho = rng.dirichlet(np.ones(len(answers)), size=n_galaxies)
        fractions |= {f"{question}_{a}": rho[:, i] for i, a in enumerate(answers)}
    return pd.DataFrame(fractions)


# The published trees


def test_gz2_is_willetts_table():
    """11 tasks, 37 answers."""
    assert len(GZ2.questions) == 11
    assert sum(len(GZ2.answers(question)) for question in GZ2.questions) == 37


def test_decals_has_zoobots_columns():
    assert len(GZ_DECALS.questions) == 10
    assert sum(len(GZ_DECALS.answers(question)) for question in GZ_DECALS.questions) == 34
    assert GZ_DECALS.answers("bar") == ("strong", "weak", "no")


@TREES
def test_only_those_who_see_a_disk_face_on_are_asked_about_it(tree):
    for question in ("bar", "has-spiral-arms", "bulge-size"):
        assert tree.parents(question) == (("disk-edge-on", "no"),)
    for question in ("spiral-winding", "spiral-arm-count"):
        assert tree.parents(question) == (("has-spiral-arms", "yes"),)
    assert tree.parents("smooth-or-featured") == ()


@pytest.mark.parametrize(
    ("tree", "said", "asked"),
    [
        (GZ2, {"smooth-or-featured": "artifact"}, {"smooth-or-featured"}),
        (
            GZ2,
            {"smooth-or-featured": "smooth", "something-odd": "yes"},
            {"smooth-or-featured", "how-rounded", "something-odd", "odd-feature"},
        ),
        (
            GZ2,
            {"smooth-or-featured": "featured-or-disk", "disk-edge-on": "yes"},
            {"smooth-or-featured", "disk-edge-on", "bulge-shape", "something-odd"},
        ),
        (
            GZ_DECALS,
            {
                "smooth-or-featured": "featured-or-disk",
                "disk-edge-on": "no",
                "has-spiral-arms": "yes",
            },
            {*GZ_DECALS.questions} - {"how-rounded", "edge-on-bulge"},
        ),
        # said, but never asked
        (GZ_DECALS, {"has-spiral-arms": "yes"}, {"smooth-or-featured"}),
    ],
)
def test_asked(tree, said, asked):
    assert set(tree.asked(said)) == asked


# Expected votes


@TREES
def test_expected_votes_are_those_of_every_possible_volunteer(tree):
    """Sum over all ways to answer all questions, asked or not, of the probability to do so."""
    deciding = sorted({q for question in tree.questions for q, _ in tree.parents(question)})
    fractions = random_fractions(tree, 3)
    expected = dict.fromkeys(tree.questions, 0.0)
    for answers in itertools.product(*(tree.answers(question) for question in deciding)):
        said = dict(zip(deciding, answers, strict=True))
        probability = np.prod([fractions[f"{q}_{a}"] for q, a in said.items()], axis=0)
        for question in tree.asked(said):
            expected[question] = expected[question] + probability * 40
    for question in tree.questions:
        got = tree.expected_votes(question, fractions, 40)
        np.testing.assert_allclose(got, expected[question], rtol=1e-12)


def test_expected_votes_add_over_parents():
    fractions = {"smooth-or-featured_smooth": 0.5, "smooth-or-featured_featured-or-disk": 0.3}
    assert GZ2.expected_votes("something-odd", fractions, 40) == pytest.approx(32)
    assert GZ2.expected_votes("smooth-or-featured", {}, 40) == 40


def test_expected_votes_never_exceed_those_asked():
    fractions = {"smooth-or-featured_smooth": 0.7, "smooth-or-featured_featured-or-disk": 0.4}
    assert GZ2.expected_votes("something-odd", fractions, 40) == 40


def test_expected_votes_of_many_galaxies():
    fractions = {"smooth-or-featured_smooth": np.array([0.5, 0.25])}
    got = GZ2.expected_votes("how-rounded", fractions, [40, 8])
    np.testing.assert_array_equal(got, [20, 2])
    np.testing.assert_array_equal(GZ2.expected_votes("smooth-or-featured", {}, [40, 8]), [40, 8])
    one_rho = {"smooth-or-featured_smooth": 0.5}
    np.testing.assert_array_equal(GZ2.expected_votes("how-rounded", one_rho, [40, 8]), [20, 4])


@pytest.mark.parametrize(
    ("question", "fractions", "n_votes", "message"),
    [
        ("colour", {}, 40, "`question` must be one of smooth-or-featured, .* Got 'colour'"),
        (
            "bar",
            {"disk-edge-on_no": 1},
            40,
            "hold 'smooth-or-featured_featured-or-disk', which leads to 'disk-edge-on'. Got disk-e",
        ),
        (
            "how-rounded",
            {"smooth-or-featured_smooth": 37},
            40,
            r"`fractions` must lie in \[0, 1\]. Got 37 of 'smooth-or-featured_smooth'",
        ),
        (
            "how-rounded",
            {"smooth-or-featured_smooth": [0, np.nan]},
            40,
            "Got nan of 'smooth-or-featured_smooth' in row 1",
        ),
        ("how-rounded", {"smooth-or-featured_smooth": [0.1] * 3}, [1, 2], "`n_votes` must be one"),
        ("smooth-or-featured", {}, -1, "`n_votes` must be whole numbers >= 0"),
    ],
)
def test_expected_votes_refuses(question, fractions, n_votes, message):
    with pytest.raises(ValueError, match=message):
        GZ2.expected_votes(question, fractions, n_votes)


# Validation


def walk(tree, n_galaxies, n_votes, seed=0):
    """Return the vote tables of volunteers who walk the tree, answering at random."""
    rng = np.random.default_rng(seed)
    counts = {q: np.zeros((n_galaxies, len(tree.answers(q))), int) for q in tree.questions}
    for galaxy in range(n_galaxies):
        for _ in range(n_votes):
            said = {q: rng.choice(tree.answers(q)) for q in tree.questions}
            for q in tree.asked(said):
                counts[q][galaxy, tree.answers(q).index(said[q])] += 1
    ids = [f"galaxy {n}" for n in range(n_galaxies)]
    return [VoteTable(ids, q, tree.answers(q), counts[q]) for q in tree.questions]


@TREES
def test_votes_of_walkers_are_valid(tree):
    tables = walk(tree, 5, 30)
    report = tree.validate(tables, strict=True)
    assert list(report.columns) == ["id", "question", "n_votes", "n_allowed"]
    assert len(report) == 0
    by_question = {table.question: table for table in tables}
    odd = by_question["something-odd" if tree is GZ2 else "merging"]
    artifact = by_question["smooth-or-featured"].votes("artifact")
    np.testing.assert_array_equal(odd.n_votes, 30 - artifact[:, 0])


def test_too_many_votes_are_reported():
    ids = ["a", "b", "c"]
    first = VoteTable(ids, "smooth-or-featured-gz2", ["smooth", "featured-or-disk"], [[6, 4]] * 3)
    odd = VoteTable(["c", "b", "new"], "something-odd-gz2", ["yes", "no"], [[5, 6], [5, 5], [1, 0]])
    rounded = VoteTable(ids, "how-rounded", ["round"], [[6], [7], [0]])
    report = GZ2.validate([odd, rounded, first])
    assert report.to_numpy().tolist() == [
        ["c", "something-odd", 11, 10],
        ["new", "something-odd", 1, 0],
        ["b", "how-rounded", 7, 6],
    ]
    message = "'something-odd' must not .* Got 11 of 10 for galaxy c, and 2 more such rows"
    with pytest.raises(ValueError, match=message):
        GZ2.validate([odd, rounded, first], strict=True)
    assert len(GZ2.validate([odd, rounded])) == 0  # the parent is not there to compare
    assert len(GZ2.validate(odd)) == 0


@pytest.mark.parametrize(
    ("question", "answers", "message"),
    [
        ("bar", ["strong", "no"], "to 'bar' must be, in Galaxy Zoo 2, among yes, no. Got 'strong'"),
        ("colour-dr5", ["red", "blue"], "`question` must be one of .* Got 'colour'"),
    ],
)
def test_tables_of_another_tree_are_refused(question, answers, message):
    table = VoteTable(["a"], question, answers, [[1, 2]])
    with pytest.raises(ValueError, match=message):
        GZ2.validate([table])


def test_a_question_twice_is_refused():
    table = VoteTable(["a"], "bar", ["yes", "no"], [[1, 2]])
    with pytest.raises(ValueError, match=r"`tables` must hold each question once. Got 'bar' twice"):
        GZ2.validate([table, table])


# The tree itself


YES_NO = {name: ["yes", "no"] for name in ("disc", "bar", "arms", "odd")}


@pytest.mark.parametrize(
    "asked_after",
    [
        {"odd": ["bar_yes", "arms_yes"]},  # everyone is asked both
        {"bar": ["disc_yes"], "arms": ["disc_yes"], "odd": ["bar_yes", "arms_yes"]},
        {"bar": ["disc_yes"], "arms": ["disc_yes", "disc_no"], "odd": ["bar_yes", "arms_yes"]},
        {"bar": ["disc_yes"], "odd": ["disc_no", "disc_yes", "bar_no"]},
    ],
)
def test_two_answers_of_one_volunteer(asked_after):
    with pytest.raises(ValueError, match=r"one at most. Got '.*_.*' and '.*' for 'odd', which one"):
        DecisionTree(YES_NO, asked_after)


@pytest.mark.parametrize(
    "asked_after",
    [
        {"bar": ["disc_yes"], "arms": ["disc_no"], "odd": ["bar_yes", "arms_no", "bar_no"]},
        {"bar": ["disc_yes"], "arms": ["bar_yes"], "odd": ["disc_no", "arms_yes", "bar_no"]},
    ],
)
def test_answers_of_several_volunteers(asked_after):
    assert DecisionTree(YES_NO, asked_after).parents("odd")


@pytest.mark.parametrize(
    ("answers", "asked_after", "message"),
    [
        ({}, {}, "`answers` must hold at least one question"),
        ({"bar": []}, {}, r"`answers\['bar'\]` must be distinct names, at least 1"),
        ({"bar": ["yes", "yes"]}, {}, r"`answers\['bar'\]` must be distinct names"),
        ({"bar": "yes"}, {}, r"`answers\['bar'\]` must be a sequence of names. Got the text 'yes'"),
        ({"bar": [None]}, {}, "must be names, as text"),
        (["bar"], {}, "`answers` must be a mapping, answers by question"),
        ({"bar": ["yes"]}, ["bar"], "`asked_after` must be a mapping"),
        ({"bar": ["yes"]}, {"bar": 3}, "must be names of answers. Got 3"),
        ({"bar": ["yes"]}, {"ring": []}, "`asked_after` must be about .* bar. Got 'ring'"),
        ({"bar": ["yes"]}, {"bar": ["bar_yes"]}, "questions before, .* Got 'bar_yes' for 'bar'"),
        ({"bar": ["a"], "b": ["c"]}, {"b": ["bar_c"]}, "Got 'bar_c' for 'b'"),
        ({"bar": ["a"], "b": ["c"]}, {"b": ["bar_a"] * 2}, "name each answer once"),
    ],
)
def test_tree_refuses(answers, asked_after, message):
    with pytest.raises((TypeError, ValueError), match=message):
        DecisionTree(answers, asked_after)


@TREES
def test_text_holds_every_question_once(tree):
    lines = str(tree).splitlines()
    assert lines[0] == tree.name
    for question in tree.questions:
        text = f"{question}: {', '.join(tree.answers(question))}"
        assert sum(line.lstrip("│├└─ ") == text for line in lines) == 1
    assert "└─ smooth or featured-or-disk" in lines or "├─ smooth or featured-or-disk" in lines
    assert repr(tree) == f"DecisionTree('{tree.name}', {len(tree.questions)} questions)"


def test_text_of_parents_in_several_questions():
    tree = DecisionTree(
        {"a": ["x", "y"], "b": ["z"], "c": ["w"]}, {"b": "a_x", "c": ["a_y", "b_z"]}, name="T"
    )
    assert str(tree).splitlines()[-2:] == ["└─ y or b z", "   └─ c: w"]


# The picture


@TREES
def test_picture_shows_every_question_and_lines_from_its_parents(pyplot, tree):
    display = DecisionTreeDisplay(tree).plot()
    for question in tree.questions:
        shown = [text.get_text() for text in display.texts_[question]]
        assert shown == [question, *tree.answers(question)]
    assert set(display.lines_) == {(*p, q) for q in tree.questions for p in tree.parents(q)}
    for (parent, answer, question), line in display.lines_.items():
        start, *_, end = line.get_path().vertices
        text = display.texts_[parent][1 + tree.answers(parent).index(answer)]
        assert start[1] == pytest.approx(text.get_position()[1])
        assert end[1] == pytest.approx(display.texts_[question][0].get_position()[1])
        assert start[0] < end[0]
    assert display.expected_ == {}


@TREES
def test_boxes_do_not_touch_and_hold_their_text(pyplot, tree):
    display = DecisionTreeDisplay(tree, random_fractions(tree, 3)).plot()
    display.figure_.draw_without_rendering()
    boxes = {q: box.get_window_extent() for q, box in display.boxes_.items()}
    for one, other in itertools.combinations(boxes.values(), 2):
        assert not one.overlaps(other)
    for question, texts in display.texts_.items():
        for text in texts:
            extent = text.get_window_extent()
            assert boxes[question].x0 < extent.x0
            assert extent.x1 < boxes[question].x1


def test_picture_of_expected_votes(pyplot):
    fractions = random_fractions(GZ2, 4)
    _, ax = pyplot.subplots()
    display = DecisionTreeDisplay(GZ2, fractions, n_votes=20).plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    expected = np.mean(GZ2.expected_votes("bar", fractions, 20))
    assert display.expected_["bar"] == pytest.approx(expected)
    assert display.texts_["bar"][0].get_text() == f"bar  {expected:.1f}"
    assert ax.get_title() == "Galaxy Zoo 2: votes expected of 20 volunteers"
    widths = {key: line.get_linewidth() for key, line in display.lines_.items()}
    flow = (fractions["smooth-or-featured_smooth"] * 8 + 0.4).mean()
    assert widths["smooth-or-featured", "smooth", "how-rounded"] == pytest.approx(flow)


def posterior_of(tree, n_galaxies, seed=0):
    rng = np.random.default_rng(seed)
    questions = {
        question: Multinomial(rng.dirichlet(np.ones(len(tree.answers(question))), (n_galaxies, 9)))
        for question in tree.questions
    }
    return TreePosterior(TreeLikelihood(tree, questions))


def test_picture_of_a_posterior(pyplot):
    posterior = posterior_of(GZ2, 3)[1:2]
    display = DecisionTreeDisplay.from_posterior(posterior, n_votes=20, level=0.8).plot()
    low, high = posterior.interval(0.8)
    place = GZ2.columns.index("bar_no")
    expected = np.array([low[0, place], high[0, place], posterior.mean[0, place]])
    ends = display.intervals_["bar", "no"].get_xdata()
    mean = display.means_["bar", "no"].get_xdata()[0]
    other = display.intervals_["bar", "yes"].get_xdata()
    scale = np.ptp(ends) / np.ptp(expected[:2])  # of all answers, one
    assert scale == pytest.approx(np.ptp(other) / (high - low)[0, place - 1])
    assert mean - ends[0] == pytest.approx(scale * (expected[2] - expected[0]))
    assert set(display.means_) == {(q, a) for q in GZ2.questions for a in GZ2.answers(q)}
    of_bars = posterior.expected_votes(20)[0, GZ2.questions.index("bar")]
    assert display.expected_["bar"] == pytest.approx(of_bars)
    assert display.ax_.get_title().endswith("mean and 80 % interval")
    display.figure_.draw_without_rendering()
    box = display.boxes_["bar"].get_window_extent()
    assert box.x0 < display.intervals_["bar", "no"].get_window_extent().x0


def test_display_of_a_posterior_refuses():
    with pytest.raises(ValueError, match=r"of one galaxy. Got 3; choose one"):
        DecisionTreeDisplay.from_posterior(posterior_of(GZ2, 3))
    with pytest.raises(TypeError, match=r"must be a TreePosterior\. Got list"):
        DecisionTreeDisplay.from_posterior([0.5])
    with pytest.raises(ValueError, match="`level`"):
        DecisionTreeDisplay.from_posterior(posterior_of(GZ2, 1), level=1)
    of_part = TreePosterior(posterior_of(GZ2, 1).likelihood.without(["bar"]))
    with pytest.raises(ValueError, match="one that had no votes on bar; train"):
        DecisionTreeDisplay.from_posterior(of_part)


def test_display_refuses():
    with pytest.raises(TypeError, match=r"`tree` must be a DecisionTree. Got dict"):
        DecisionTreeDisplay({"bar": ["yes"]})
    with pytest.raises(ValueError, match=r"`fractions` must hold 'smooth-or-featured_"):
        DecisionTreeDisplay(GZ2, {})
    with pytest.raises(ValueError, match="`n_votes` must be an integer >= 1"):
        DecisionTreeDisplay(GZ2, n_votes=0)


def test_display_imports_matplotlib_only_to_plot():
    code = (
        "import sys; from skgalaxy import plotting, votes; plotting.DecisionTreeDisplay(votes.GZ2);"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
