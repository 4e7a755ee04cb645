"""The command line: one command per job, no logic.

``simulate`` or ``votes`` make a table of votes, ``train`` a model of it and a folder of images,
``predict`` a catalogue, and ``rank`` the galaxies to ask about next. Notes and progress go to
stderr, so that tables can be piped. An output is complete or absent, and one that is there stays,
unless told ``--force``. The exit status is 1 for bad data and 2 for a wrong command line.
"""

import os
import warnings

import click

from skgalaxy import __version__
from skgalaxy.cli._common import examples, hushed, note, one_line
from skgalaxy.cli._models import predict, rank, train
from skgalaxy.cli._tables import simulate, votes

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line ``skgalaxy``.

    Parameters
    ----------
    arguments : list of str, default=None
        The words after ``skgalaxy``, for example ``["votes", "table.csv"]``. None takes those that
        the process was started with.

    Returns
    -------
    int
        The exit status: 0, 1 for bad data, or 2 for a wrong command line.

    Examples
    --------
    >>> from skgalaxy.cli import main
    >>> main(["train"])  # stderr says what is missing
    2
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            commands.main(arguments, prog_name="skgalaxy")
        except SystemExit as end:
            return end.code


class _Failure(click.ClickException):
    """What the library says about bad data, as one line."""

    def show(self, file=None):
        click.echo(f"skgalaxy: {one_line(self.message)}", file=file, err=True)


class _Commands(click.Group):
    """Commands in the order of a user's work, which fail without a traceback."""

    def list_commands(self, ctx):
        return list(self.commands)

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # nobody reads on: click ends quietly
            raise
        except (ValueError, OSError, ImportError) as error:
            raise _Failure(str(error)) from error


def _show_warning(message, *_, **__):
    note(f"skgalaxy: warning: {one_line(message)}")


@click.group(
    cls=_Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
    epilog=examples(
        "skgalaxy simulate sky -n 500",
        "skgalaxy train sky/images sky/votes.csv --question smooth-or-featured \\",
        "    --answer featured --model featured.joblib",
        "skgalaxy predict featured.joblib sky/images catalogue.csv",
        "skgalaxy rank featured.joblib sky/images -n 20 --manifest round_1",
    ),
)
@click.version_option(__version__, prog_name="skgalaxy")
def commands():
    """Learn from labels that people vote on, and rank what to ask them next.

    Models are Bayesian networks of k of N votes, as for Galaxy Zoo by Walmsley et al. 2020.
    """


@click.command(epilog=examples("skgalaxy demo", "skgalaxy demo --data galaxy_zoo_2"))
@click.option("--data", help="Folder of images and votes.csv.  [default: simulate galaxies]")
@click.option("--output", default="demo", help="Folder to write to.")
@click.option("--seed", type=int, default=0, help="Seed of everything random.")
def demo(data, output, seed):
    """Learn from votes, rank, ask, learn again; figures and a table."""
    with hushed():
        from skgalaxy.demo import run

    run(data, output, seed=seed)


for command in (demo, simulate, votes, train, predict, rank):
    commands.add_command(command)
