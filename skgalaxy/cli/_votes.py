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

if TYPE_CHECKING:  # --help is quick
    from skgalaxy.votes import VoteTable


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy votes gz_decals.csv",
        "skgalaxy votes gz_decals.csv --question bar -o bars.csv",
        "skgalaxy votes classifications.csv --task T0 --question bar \\",
        "    --answer 'Yes, a bar=yes' --answer 'No bar=no' -o bars.csv",
    ),
)
@click.argument("table", type=FILE)
@click.option(
    "--question",
    metavar="NAME",
    help="Question to write, for example bar. With --task, your name for the question.",
)
@dialect_option
@click.option(
    "--id-column",
    metavar="NAME",
    help="Column that holds your galaxies' ids. In an export: their name in the subjects' "
    "metadata, for example objectId, or subject_ids for the Zooniverse's own.  [default: id_str, "
    "dr7objid ...; in an export '#id_str']",
)
@click.option("--task", help="Task to read if TABLE is a Zooniverse export, for example T0.")
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
    help="With --task: the TEXT of an answer in the export, and your NAME for it. Without: the "
    "NAME of a column that counts an answer. Repeat it for each answer.",
)
@click.option(
    "--on-error",
    type=click.Choice(["raise", "report"]),
    default="raise",
    help="Stop at a row of an export that cannot be read (raise), or name it, leave it out and go "
    "on (report).",
)
@output_option
@force_option
def votes(
    table: Path,
    question: str | None,
    dialect: str,
    id_column: str | None,
    task: str | None,
    answers: tuple[str, ...],
    output: Path | None,
    force: bool,
    **export: Any,
) -> None:
    """List the questions of a vote table, or write votes on one or on all.

    TABLE is CSV, Parquet or FITS, for example from Galaxy Zoo 2, GZ DECaLS, Zoobot or Panoptes.
    With --task it is a Zooniverse export of classifications.

    With --question, --output or --task you get a table that `skgalaxy train` reads, with id_str,
    the votes k of each answer, and their number N, of all questions if you name none; else a list
    of the table's questions.
    """
    from skgalaxy.votes import list_questions, read_votes

    check_new(output, force)
    if task is not None:
        refuse_given(["dialect"], "is for vote tables; leave it out with --task.")
        export |= {"task": task, "question": question, "answers": _named(answers) or None}
        export |= {"id_name": id_column} if id_column else {}
        write_csv(_votes_of_export(table, export).to_frame(), output)
        return
    refuse_given(export, "is for exports; name the --task to read.")
    if question is None and output is None:
        questions = list_questions(table, dialect=dialect)
        for name, given in questions.items():
            click.echo(f"{name}: {', '.join(given)}")
        if questions:
            return
    # of a table without a question, this says why there is none
    named = {"dialect": dialect, "answers": list(answers) or None, "id_column": id_column}
    write_csv(read_votes(table, question, **named).to_frame(), output)


def _votes_of_export(table: Path, export: dict[str, Any]) -> "VoteTable":
    """Votes of an export; rows that are left out are named."""
    from skgalaxy.zooniverse import read_classifications

    read = read_classifications(table, **export)
    if not isinstance(read, tuple):
        return read
    votes, unread = read
    for row, reason in zip(unread["row"], unread["reason"], strict=True):
        note(f"skgalaxy: left out: row {row} {one_line(reason)}")
    return votes


def _named(answers: tuple[str, ...]) -> dict[str, str]:
    """Names of an export's answers by their texts."""
    named = list(map(_text_and_name, answers))
    if len(dict(named)) < len(named):
        raise click.BadParameter("each TEXT must be given once.", param_hint="'--answer'")
    return dict(named)


def _text_and_name(answer: str) -> tuple[str, str]:
    # the last "=": a text may hold one, a name of a column may not
    text, equals, name = answer.rpartition("=")
    if not (text and equals and name):
        raise click.BadParameter(f"{answer!r} is not TEXT=NAME.", param_hint="'--answer'")
    return text, name
