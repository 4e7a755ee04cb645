"""A column is an answer only if the table's arithmetic agrees; what is written is read again."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skgalaxy.votes import (
    GZ2,
    GZ_DECALS,
    VoteTable,
    list_questions,
    read_votes,
    reconstruct_counts,
)

BAR = pd.DataFrame(
    {
        "id_str": ["a", "b", "c"],
        "bar_strong": [4, 0, 7],
        "bar_weak": [3, 9, 0],
        "bar_no": [13, 1, 2],
    }
)
COUNTS = BAR.iloc[:, 1:].to_numpy()
N_VOTES = COUNTS.sum(axis=1)
FRACTIONS = {f"{name}_fraction": BAR[name] / N_VOTES for name in BAR.columns[1:]}
TOTAL = {"bar_total-votes": N_VOTES}
DERIVED = {
    "bar_flag": [1, 0, 1],
    "bar_entropy": [0.3, 0.1, 0.7],
    "bar_label": ["no", "weak", "strong"],
    "bar_num-galaxies": [1, 1, 1],
    "bar_length": [2.0, 0.0, 31.0],
}


def write(path, frame, **columns):
    frame.assign(**columns).to_csv(path, index=False)
    return path


def check_bars(table):
    assert table.answers == ("strong", "weak", "no")
    np.testing.assert_array_equal(table.counts, COUNTS)
    np.testing.assert_array_equal(table.n_votes, N_VOTES)


# Columns that are no answers


@pytest.mark.parametrize("total", [TOTAL, {"bar_total": N_VOTES}, {"bar_total_votes": N_VOTES}])
@pytest.mark.parametrize("name", DERIVED)
def test_what_the_total_leaves_out_is_named(tmp_path, name, total):
    path = write(tmp_path / "votes.csv", BAR, **total, **{name: DERIVED[name]})
    assert list_questions(path) == {"bar": ("strong", "weak", "no")}
    with pytest.warns(UserWarning, match=f"`{name}` of .* is left out of the answers to 'bar'"):
        check_bars(read_votes(path))


@pytest.mark.parametrize("other", ["num-classifications", "total_classifications", "total"])
def test_of_two_totals_the_votes_are_n(tmp_path, other):
    """And no total is an answer, whose sum with the others is another total."""
    for columns in ({**TOTAL, f"bar_{other}": 2 * N_VOTES}, {f"bar_{other}": 2 * N_VOTES, **TOTAL}):
        check_bars(read_votes(write(tmp_path / "votes.csv", BAR, **columns)))


def test_what_is_left_out_of_a_tree_is_named(tmp_path):
    path = write(tmp_path / "votes.csv", BAR, **TOTAL, bar_flag=DERIVED["bar_flag"])
    with pytest.warns(UserWarning, match="`bar_flag` of .* is left out of the answers to 'bar'"):
        check_bars(read_votes(path, tree=GZ_DECALS).votes("bar"))


def test_several_are_left_out(tmp_path):
    path = write(tmp_path / "votes.csv", BAR, **TOTAL, **DERIVED)
    with pytest.warns(UserWarning, match="`bar_entropy`, `bar_label`, .*`bar_flag`"):
        check_bars(read_votes(path))


@pytest.mark.parametrize("name", ["bar_flag", "bar_num-galaxies"])
def test_what_the_fractions_leave_out_is_named(tmp_path, name):
    path = write(tmp_path / "votes.csv", BAR, **FRACTIONS, **{name: DERIVED[name]})
    with pytest.warns(UserWarning, match=f"`{name}` of .* is left out"):
        check_bars(read_votes(path))


@pytest.mark.parametrize("given", [{}, {name: [0.1, 0.2, 0.3] for name in FRACTIONS}])
def test_what_nothing_tells_is_refused(tmp_path, given):
    path = write(tmp_path / "votes.csv", BAR, **given, bar_flag=[1, 0, 1])
    assert list_questions(path) == {}
    with pytest.raises(ValueError, match=r"beside bar_flag, which may be no answer .*`answers`"):
        read_votes(path, "bar")
    table = read_votes(path, "bar", answers=list(BAR.columns[1:]))
    np.testing.assert_array_equal(table.counts, COUNTS)


def test_a_sum_of_answers_is_no_answer(tmp_path):
    frame = BAR.rename(columns=lambda name: name.replace("bar_", "jelly-dr5_").replace("_no", "_x"))
    path = write(tmp_path / "votes.csv", frame, **{"jelly-dr5_all": N_VOTES})
    with pytest.raises(ValueError, match="counts beside jelly-dr5_all, which may be no answer"):
        read_votes(path, "jelly")


@pytest.mark.parametrize(
    "name", ["bar_prediction", "bar_prediction-conf", "bar_prediction-encoded", "bar_strong_min"]
)
@pytest.mark.parametrize("more", [TOTAL, FRACTIONS, {}], ids=["total", "fractions", "nothing"])
def test_known_derived_columns_are_passed_over(tmp_path, name, more):
    check_bars(read_votes(write(tmp_path / "votes.csv", BAR, **more, **{name: [1, 0, 1]})))


@pytest.mark.parametrize(
    ("kind", "rows", "reason"),
    [
        ("percentage", "a,25,75,100\nb,30,70,200\n", "only percentage"),
        ("pct", "a,25,75,100\nb,30,70,200\n", "only pct"),
        ("permille", "a,250,750,4000\n", "only permille"),
        ("rank", "a,1,2,40\nb,2,1,39\n", "only rank"),
        ("selected", "a,1,0,40\nb,0,1,39\n", "only selected"),
        ("place", "a,1,2,40\nb,2,1,39\n", "beside bar_yes_place, bar_no_place, which may be no"),
    ],
)
def test_what_is_said_of_an_answer_is_no_answer(tmp_path, kind, rows, reason):
    """However small it is beside N."""
    path = tmp_path / "votes.csv"
    head = f"id_str,bar_yes_{kind},bar_no_{kind},bar_total-votes\n"
    path.write_text(head + rows)
    for question in (None, "bar"):
        with pytest.raises(ValueError, match=reason):
            read_votes(path, question)
    path.write_text(head.replace("bar_", "ring_") + rows)
    if kind != "place":  # a name that tells nothing
        with pytest.raises(ValueError, match=reason):
            read_votes(path, "ring")


def test_a_long_name_is_an_answer_if_it_adds_up(tmp_path):
    path = tmp_path / "votes.csv"
    names = "bar_yes_bar,bar_no_bar,bar_total-votes\n"
    path.write_text(f"id_str,{names}a,4,6,10\nb,0,3,3\n")
    np.testing.assert_array_equal(read_votes(path).votes("yes"), [[4, 10], [0, 3]])


def test_unknown_answers_that_add_up_are_answers(tmp_path):
    frame = BAR.rename(columns={"bar_weak": "bar_faint", "bar_strong": "bar_very_strong"})
    path = write(tmp_path / "votes.csv", frame, **TOTAL)
    assert read_votes(path).answers == ("very_strong", "faint", "no")
    np.testing.assert_array_equal(read_votes(path).counts, COUNTS)


def test_one_bad_cell_is_no_reason_to_leave_an_answer_out(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("id_str,ring_no,ring_some,ring_total-votes\na,1,2,3\nb,2,2,4\nc,1,9.5,3\n")
    with pytest.raises(ValueError, match=r"`ring_some` must be whole .* Got 9.5 in row 2"):
        read_votes(path)


# Galaxy Zoo's other tables


def test_hubble_counts_answers_of_each_task_from_one(tmp_path):
    path = tmp_path / "votes.csv"
    task = "t03_bar"
    path.write_text(
        f"objid,total_count,{task}_a01_bar_fraction,{task}_a02_no_bar_fraction,{task}_total_count\n"
        "1,300,0.25,0.75,8\n2,300,0.5,0.5,4\n"
    )
    table = read_votes(path)
    assert (table.question, table.answers) == ("bar", ("yes", "no"))
    np.testing.assert_array_equal(table.votes("yes"), [[2, 8], [2, 4]])


FIRST = "t01_smooth_or_features_"


@pytest.mark.parametrize(
    ("names", "of_another"),
    [
        ([FIRST + "a00_smooth", FIRST + "a01_features_or_disk", FIRST + "a02_star_or_artifact"], 1),
        ([FIRST + "a01_features", FIRST + "a02_smooth", FIRST + "a03_star"], 0),
        (["t02_edgeon_a04_no", "t02_edgeon_a05_yes"], 0),
        (["t03_bar_a06_no_bar", "t03_bar_a07_bar"], 0),
        (["t11_arms_number_a34_more_than_4", "t11_arms_number_a36_4"], 0),
    ],
)
def test_an_answer_of_gz2_whose_number_is_of_another_is_refused(tmp_path, names, of_another):
    path = tmp_path / "votes.csv"
    row = ",1" * len(names)
    path.write_text(f"objid,{','.join(f'{name}_count' for name in names)}\n1{row}\n")
    message = f"whose numbers are others of Galaxy Zoo 2, as {names[of_another]}_count .*`answers`"
    for parameters in ({}, {"tree": GZ2}):
        with pytest.raises(ValueError, match=message if not parameters else "Got"):
            read_votes(path, **parameters)
    frame = pd.DataFrame({f"{name}_fraction": [0.25] for name in names})
    frame["objid"], frame["total_classifications"] = "a", 4
    with pytest.raises(ValueError, match=f"of one answer .* Got `{names[of_another]}_fraction`"):
        reconstruct_counts(frame)


def test_answers_of_gz2_are_no_more_than_their_own_total(tmp_path):
    path = tmp_path / "votes.csv"
    names = "t06_odd_a14_yes_count,t06_odd_a15_no_count,t06_odd_total_count"
    path.write_text(f"objid,{names}\n1,4,5,9\n2,4,5,10\n")
    np.testing.assert_array_equal(read_votes(path).n_votes, [9, 9])
    path.write_text(f"objid,{names}\n1,4,5,9\n2,4,7,10\n")
    with pytest.raises(ValueError, match=r"more than `t06_odd_total_count`, .* Got 11 in row 1"):
        read_votes(path)


def test_fractions_of_all_answers_add_up_to_one(tmp_path):
    path = tmp_path / "votes.csv"
    names = "t06_odd_a14_yes_fraction,t06_odd_a15_no_fraction,t06_odd_total_count"
    rows = ["1,0.5,0.5,8", "2,0.25,0.75,8", "3,0.25,0.5,8"]
    path.write_text("\n".join([f"objid,{names}", *rows]) + "\n")
    np.testing.assert_array_equal(read_votes(path).votes("yes"), [[4, 8], [2, 8], [2, 8]])
    path.write_text("\n".join([f"objid,{names}", *rows[1:], "4,0.25,0.25,8", "5,0,0.5,8"]))
    with pytest.raises(ValueError, match=r"must add up to 1. Got 0.750 in row 1 .* in 3 of 4 rows"):
        read_votes(path)


@pytest.mark.parametrize("kind", ["debiased_fraction", "best_fraction", "calibrated_fraction"])
def test_no_other_fraction_is_raw(tmp_path, kind):
    path = tmp_path / "votes.csv"
    names = [f"t03_bar_a06_bar_{kind}", f"t03_bar_a07_no_bar_{kind}"]
    names += ["t03_bar_a06_bar_fraction", "t03_bar_a07_no_bar_fraction", "t03_bar_total_count"]
    path.write_text(f"objid,{','.join(names)}\n1,0.5,0.5,0.25,0.75,8\n")
    np.testing.assert_array_equal(read_votes(path).votes("yes"), [[2, 8]])


def test_two_namings_side_by_side(tmp_path):
    first = "t01_smooth_or_features_a01_smooth_debiased_fraction"
    columns = {first: [0.1] * 3, "t01_smooth_or_features_a01_smooth_flag": [True] * 3}
    frame = BAR.rename(columns=lambda name: name.replace("bar_", "smooth-or-featured-hubble_"))
    path = write(tmp_path / "votes.csv", frame, **columns)
    for dialect in ("auto", "zoobot"):
        table = read_votes(path, "smooth-or-featured", dialect=dialect)
        assert table.question == "smooth-or-featured-hubble"
        np.testing.assert_array_equal(table.counts, COUNTS)


GZ1 = "OBJID,RA,DEC,NVOTE,P_EL,P_CW,P_ACW,P_EDGE,P_DK,P_MG,P_CS,P_EL_DEBIASED,P_CS_DEBIASED"


def test_galaxy_zoo_1(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(f"{GZ1}\n587727178986356823,0,0,27,0.593,0,0,0.407,0,0,0.407,0.4,0.5\n")
    table = read_votes(path)
    np.testing.assert_array_equal(table.votes("elliptical"), [[16, 27]])
    np.testing.assert_array_equal(table.votes("edge-on"), [[11, 27]])
    assert table.residual == pytest.approx(max(abs(0.593 * 27 - 16), abs(0.407 * 27 - 11)))
    path.write_text(f"{GZ1.replace('NVOTE', 'N')}\n1,0,0,27,0.6,0,0,0.4,0,0,0.4,0.4,0.5\n")
    with pytest.raises(ValueError, match="only fractions without the N of the question and debias"):
        read_votes(path)


def test_galaxy_zoo_1_with_fractions_that_are_none(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(f"{GZ1}\n1,0,0,30,0.55,0,0,0.45,0,0,0.45,0.4,0.5\n")
    with pytest.raises(ValueError, match=r"`P_EL` x `NVOTE` must be whole numbers .* Got 16.500"):
        read_votes(path)


# Reductions of Panoptes


@pytest.mark.parametrize("name", ["none", "null", "nan", "na", "n-a", "NONE", "no-answer", "0"])
def test_only_none_in_capitals_is_no_answer(tmp_path, name):
    path = tmp_path / "votes.csv"
    path.write_text(
        f"subject_id,task,reducer,data.ring,data.{name},data.None,data.aggregation_version\n"
        "1,T0,question_reducer,4,36,2,4.1.0\n2,T0,question_reducer,,40,,4.1.0\n"
    )
    table = read_votes(path)
    assert table.answers == ("ring", name)
    np.testing.assert_array_equal(table.votes(name), [[36, 40], [40, 40]])


SEVERAL = "subject_id,task,reducer,data.ring,data.dust,data.lens\n"


def test_a_task_of_several_answers_has_no_n(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(SEVERAL + "1,T9,question_reducer,3,3,3\n2,T9,question_reducer,1,,2\n")
    assert list_questions(path) == {}
    message = r"'T9' .*may have given several \(they add up to 9, 3; if each gave one, name .*`ans"
    with pytest.raises(ValueError, match=message):
        read_votes(path, "T9")
    one_each = read_votes(path, "T9", answers=["data.ring", "data.dust", "data.lens"])
    np.testing.assert_array_equal(one_each.n_votes, [9, 3])
    with pytest.raises(ValueError, match=r"`question` must be a task of .*: T9. Got 'T1'"):
        read_votes(path, "T1", answers=["data.ring", "data.dust", "data.lens"])


def test_a_reduction_may_tell_n(tmp_path):
    path = tmp_path / "votes.csv"
    head = SEVERAL.replace("lens", "total")
    path.write_text(head + "1,T9,question_reducer,3,3,7\n2,T9,question_reducer,1,0,2\n")
    np.testing.assert_array_equal(read_votes(path).votes("ring"), [[3, 7], [1, 2]])
    path.write_text(head + "1,T9,question_reducer,3,3,4\n2,T9,question_reducer,1,0,2\n")
    with pytest.raises(ValueError, match=r"Got 6 of 4 .* if volunteers may give several answers"):
        read_votes(path)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ["subject_id,reducer_key,data.most_likely,data.num_votes,data.agreement", "1,c,a,7,.7"],
            "data.most_likely, data.agreement, which holds no whole numbers",
        ),
        (
            ["subject_id,task,reducer,data.value", "1,T0,dropdown_reducer,\"[{'a': 4}]\""],
            "what 'dropdown_reducer' made of them",
        ),
        (["subject_id,task,data.classifications", "1,T0,7"], "counts of one answer only"),
    ],
)
def test_reducers_of_no_question(tmp_path, lines, reason):
    path = tmp_path / "votes.csv"
    path.write_text("\n".join(lines) + "\n")
    assert list_questions(path) == {}
    with pytest.raises(ValueError, match=f"must name one question .*the table has only {reason}"):
        read_votes(path)


def test_a_reduction_in_parquet(tmp_path):
    """Whose names hold dots, which pyarrow takes for fields of a structure."""
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"subject_id": [1, 2], "data.yes": [3, 1], "data.no": [1, 5]})
    frame.to_parquet(tmp_path / "votes")
    np.testing.assert_array_equal(read_votes(tmp_path / "votes").votes("yes"), [[3, 4], [1, 6]])


# What is written is read again

NAMES = st.text(st.sampled_from("ab1 _-.,;|\t\"'#=é\n\rT"), min_size=1, max_size=6)
WORDS = st.sampled_from(
    ["yes", "none", "None", "nan", "total", "total-votes", "fraction", "prediction", "yes_min"]
    + ["id", "str", "data.a", "t03_bar_a06", "bar", "bar-dr5", "bar_size", "max", "weight", "mask"]
    + ["yes.mask", "a_b", "featured_or_disk", "smooth", "expected_votes", "x_fraction", "subject"]
)


@settings(max_examples=300, deadline=None)
@given(
    question=NAMES | WORDS,
    answers=st.lists(NAMES | WORDS, min_size=1, max_size=4, unique=True),
    data=st.data(),
)
def test_written_tables_are_read_as_written_or_refused(tmp_path_factory, question, answers, data):
    counts = st.lists(st.integers(0, 9), min_size=len(answers), max_size=len(answers))
    counts = np.array(data.draw(st.lists(counts, min_size=1, max_size=3)))
    ids = data.draw(
        st.lists(NAMES, min_size=len(counts), max_size=len(counts), unique_by=str.strip)
    )
    try:
        n_votes = counts.sum(axis=1) + data.draw(st.integers(0, 2))
        table = VoteTable(ids, question, answers, counts, n_votes)
        frame = table.to_frame()
    except ValueError:
        return
    path = tmp_path_factory.getbasetemp() / "written.csv"
    frame.to_csv(path, index=False)
    again = read_votes(path)
    assert (again.question, again.answers) == (table.question, table.answers)
    for name in ("ids", "counts", "n_votes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("ring", ["yes", "yes_min"]),
        ("ring", ["prediction"]),
        ("id", ["str"]),
        ("t03_bar", ["x_a06_y_count", "n"]),
    ],
)
def test_names_that_would_be_lost_are_refused(question, answers):
    table = VoteTable(["g"], question, answers, [[1] * len(answers)])
    with pytest.raises(ValueError, match="must have names that `read_votes` finds again"):
        table.to_frame()


# Trees and tables


def test_releases_are_checked_one_by_one():
    """DR1 and DR2 asked about bars with yes and no, DR5 with strong, weak and no."""
    ids = ["a", "b"]
    tables = [
        VoteTable(ids, "disk-edge-on-dr12", ["yes", "no"], [[0, 5], [0, 2]]),
        VoteTable(ids, "bar-dr12", ["yes", "no"], [[2, 3], [2, 3]]),
        VoteTable(ids, "disk-edge-on-dr5", ["yes", "no"], [[0, 2], [0, 5]]),
        VoteTable(ids, "bar-dr5", ["strong", "weak", "no"], [[1, 2, 2], [1, 2, 2]]),
    ]
    assert GZ_DECALS.validate(tables).to_numpy().tolist() == [
        ["b", "bar-dr12", 5, 2],
        ["a", "bar-dr5", 5, 2],
    ]
    assert GZ_DECALS.validate(tables[:2]).to_numpy().tolist() == [["b", "bar", 5, 2]]


def test_masked_votes_of_a_table_are_none():
    counts = np.ma.masked_equal([[1, 2], [99, 4], [5, 6]], 99)
    n_votes = np.ma.masked_equal([3, 9, 99], 99)
    table = VoteTable(["a", "b", "c"], "bar", ["yes", "no"], counts, n_votes)
    np.testing.assert_array_equal(table.votes("yes"), [[1, 3], [0, 0], [0, 0]])
    table = VoteTable(["a", "b", "c"], "bar", ["yes", "no"], counts)
    np.testing.assert_array_equal(table.votes("yes"), [[1, 3], [0, 0], [5, 11]])
