"""The command `votes`: other people's tables and exports, as tables of counts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skgalaxy.cli._common import (
    FILE,
    Command,
    check_new,
    dialect_option,
    examples,
    force_option,
    note,
    one_line,
    output_option,
    refuse_given,
    write_csv,
)
from skgalaxy.cli._trees import find_tree, note_missing

if TYPE_CHECKING:  # --help is quick
    import pandas as pd

    from skgalaxy.votes import DecisionTree


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy votes gz_decals.csv",
        "skgalaxy votes gz_decals.csv --question bar -o bars.csv",
        "skgalaxy votes classifications.csv --task T0 --question bar \\",
        "    --answer 'Yes, a bar=yes' --answer 'No bar=no' -o bars.csv",
        "skgalaxy votes classifications.csv --tree ours.toml -o all_questions.csv",
        "skgalaxy votes gz2_hart16.csv.gz --tree gz2 --reconstruct -o gz2_votes.csv",
    ),
)
@click.argument("table", type=FILE)
@click.option(
    "--question",
    metavar="NAME",
    help="Question to write, for example bar. With --task, your name for the question.",
)
@click.option(
    "--tree",
    metavar="gz2|gz_decals|FILE.toml",
    help="Write votes on all questions of a decision tree: a published one, or one in a file of "
    "yours. Tasks and answers of an export are those of the same name, or text, in the tree.",
)
@dialect_option
@click.option(
    "--id-column",
    metavar="NAME",
    help="Column that holds your galaxies' ids. In an export: their name in the subjects' "
    "metadata, for example objectId, or subject_ids for the Zooniverse's own.  [default: id_str, "
    "dr7objid ...; in an export '#id_str']",
)
@click.option(
    "--task",
    "tasks",
    metavar="TASK[=QUESTION]",
    multiple=True,
    help="Task to read if TABLE is a Zooniverse export, for example T0. With --tree: a TASK, and "
    "the tree's QUESTION that it asks; repeat it for each task.",
)
@click.option(
    "--workflow",
    "workflow_id",
    metavar="ID",
    help="Workflow to read if the export holds several.",
)
@click.option(
    "--workflow-version",
    metavar="VERSION",
    help="Version of the workflow to read, for example 12 for all of 12.x, or 12.10.  "
    "[default: all]",
)
@click.option(
    "--answer",
    "answers",
    metavar="TEXT=NAME",
    multiple=True,
    help="With --task: the TEXT of an answer in the export, and your NAME for it; with --tree the "
    "tree's, for example bar_no. Without: the NAME of a column that counts an answer. Repeat it "
    "for each answer.",
)
@click.option(
    "--on-error",
    type=click.Choice(["raise", "report"]),
    default="raise",
    help="Stop at a row of an export that cannot be read (raise), or name it, leave it out and go "
    "on (report).",
)
@click.option(
    "--reconstruct",
    is_flag=True,
    help="With --tree: make counts of a TABLE that has N of the first question only, and fractions "
    "of the answers.",
)
@output_option
@force_option
def votes(
    table: Path,
    question: str | None,
    tree: str | None,
    dialect: str,
    id_column: str | None,
    tasks: tuple[str, ...],
    answers: tuple[str, ...],
    reconstruct: bool,
    output: Path | None,
    force: bool,
    **export: Any,
) -> None:
    """List the questions of a vote table, or write votes on one or on all.

    TABLE is CSV, Parquet or FITS, for example from Galaxy Zoo 2, GZ DECaLS, Zoobot or Panoptes.
    With --task it is a Zooniverse export of classifications; with --tree it may be either.

    With --question, --output, --task or --tree you get a table that `skgalaxy train` reads, with
    id_str, the votes k of each answer, and their number N, of all questions if you name none; else
    a list of the table's questions.

    The catalogues of Galaxy Zoo 2 have N of the first question only. With --reconstruct N of a
    question is that of the answers which lead to it, and N times the fractions are rounded. A
    column, votes_origin, says so, because nobody counted these votes. Models and catalogues that
    come of them say it, too.
    """
    from skgalaxy.votes import list_questions, read_votes
    from skgalaxy.zooniverse._export_file import is_export

    check_new(output, force)
    if reconstruct:
        counted = ("question", "dialect", "tasks", "answers", *_OF_EXPORTS)
        refuse_given(counted, "is for votes that were counted; leave it out with --reconstruct.")
        write_csv(_reconstructed(table, tree, id_column), output)
        return
    export |= {"id_name": id_column} if id_column else {}
    if tree is not None:
        refuse_given(["question"], "is for one question; leave it out with --tree.")
        ids = {"dialect": dialect, "id_column": id_column}
        frame = _votes_on_tree(table, find_tree(tree), tasks, answers, ids, export)
        write_csv(frame, output)
        return
    if tasks:
        refuse_given(["dialect"], "is for vote tables; leave it out with --task.")
        export |= {"question": question, "answers": _named(answers) or None}
        write_csv(_votes_on_task(table, tasks, export), output)
        return
    refuse_given(_OF_EXPORTS, "is for exports; name the --task to read, or a --tree.")
    if is_export(table):
        raise click.UsageError(
            f"{table} is an export of classifications; name the --task to read, for example T0, or "
            "a --tree."
        )
    if question is None and output is None:
        questions = list_questions(table, dialect=dialect)
        for name, given in questions.items():
            click.echo(f"{name}: {', '.join(given)}")
        if questions:
            return
    # of a table without a question, this says why there is none
    named = {"dialect": dialect, "answers": list(answers) or None, "id_column": id_column}
    write_csv(read_votes(table, question, **named).to_frame(), output)


_OF_EXPORTS = ("workflow_id", "workflow_version", "on_error")


def _reconstructed(table: Path, tree: str | None, id_column: str | None) -> "pd.DataFrame":
    """Reconstructed counts of a whole tree; questions without fractions are named."""
    from skgalaxy.votes import reconstruct_counts

    if tree is None:
        raise click.UsageError("--reconstruct makes counts of a tree; add --tree, for example gz2.")
    made = reconstruct_counts(table, find_tree(tree), id_column=id_column)
    if made.missing:
        note(f"skgalaxy: {str(table)!r} lacks the fractions of {', '.join(made.missing)}.")
    return made.to_frame()


def _votes_on_task(table: Path, tasks: tuple[str, ...], export: dict[str, Any]) -> "pd.DataFrame":
    """Votes of an export on the question of one task."""
    from skgalaxy.zooniverse import read_classifications

    task, *more = tasks
    if more:
        raise click.UsageError("--task must be given once, or with the --tree of the questions.")
    return _tell_unread(read_classifications(table, task=task, **export))


def _votes_on_tree(
    table: Path,
    tree: "DecisionTree",
    tasks: tuple[str, ...],
    answers: tuple[str, ...],
    of_table: dict[str, Any],
    export: dict[str, Any],
) -> "pd.DataFrame":
    """Votes of a vote table, or of an export, on all questions of a tree."""
    from skgalaxy.votes import read_votes
    from skgalaxy.zooniverse import read_tree_classifications
    from skgalaxy.zooniverse._export_file import is_export

    if not is_export(table):
        refuse_given(
            ("tasks", "answers", *_OF_EXPORTS),
            f"is for exports of classifications, and {table} is none.",
        )
        dialect, id_column = of_table["dialect"], of_table["id_column"]
        read = read_votes(table, tree=tree, dialect=dialect, id_column=id_column)
        note_missing(read, table)
        return read.to_frame()
    refuse_given(["dialect"], "is for vote tables; leave it out for an export.")
    asks = dict(_two_texts(task, "TASK=QUESTION", "--task") for task in tasks)
    given = _named_in_tree(answers, tree)
    return _tell_unread(
        read_tree_classifications(table, tree, tasks=asks or None, answers=given or None, **export)
    )


def _tell_unread(read: Any) -> "pd.DataFrame":
    """Table of votes; rows of the export that are left out are named."""
    if not isinstance(read, tuple):
        return read.to_frame()
    votes, unread = read
    for row, reason in zip(unread["row"], unread["reason"], strict=True):
        note(f"skgalaxy: left out: row {row} {one_line(reason)}")
    return votes.to_frame()


def _named(answers: tuple[str, ...]) -> dict[str, str]:
    """Names of an export's answers by their texts."""
    named = [_two_texts(answer, "TEXT=NAME", "--answer") for answer in answers]
    if len(dict(named)) < len(named):
        raise click.BadParameter("each TEXT must be given once.", param_hint="'--answer'")
    return dict(named)


def _named_in_tree(answers: tuple[str, ...], tree: "DecisionTree") -> dict[str, dict[str, str]]:
    """Answers of a tree by their texts in an export, by question."""
    known = {f"{q}_{answer}": (q, answer) for q in tree.questions for answer in tree.answers(q)}
    found: dict[str, dict[str, str]] = {}
    for given in answers:
        text, name = _two_texts(given, "TEXT=NAME", "--answer")
        if name not in known:
            raise click.BadParameter(
                f"{name!r} is no answer of {tree.name}, such as {next(iter(known))!r}.",
                param_hint="'--answer'",
            )
        question, answer = known[name]
        found.setdefault(question, {})[text] = answer
    return found


def _two_texts(given: str, form: str, option: str) -> tuple[str, str]:
    # the last "=": a text may hold one, a name of a column may not
    text, equals, name = given.rpartition("=")
    if not (text and equals and name):
        raise click.BadParameter(f"{given!r} is not {form}.", param_hint=f"'{option}'")
    return text, name
