"""The command line: one command per job, no logic.

``simulate`` or ``votes`` make a table of votes. ``train`` makes a model of it and a folder of
images, and ``evaluate`` judges it by other votes. ``predict`` writes a catalogue, and ``rank`` a
list of the galaxies to ask about next. Notes go to stderr, so that you can pipe tables; progress
bars are drawn only on a terminal. An output is complete or absent, and one that is there stays
unless you say ``--force``. The exit status is 1 for bad data, 2 for a wrong command line, 130 after
Ctrl-C, and 143 after SIGTERM.
"""

import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any, NoReturn

import click

from skgalaxy import __version__
from skgalaxy._sqlite import OtherProcessError
from skgalaxy.cli._common import Command, examples, hushed, note, one_line, seed_option
from skgalaxy.cli._evaluate import evaluate
from skgalaxy.cli._predict import predict
from skgalaxy.cli._rank import rank
from skgalaxy.cli._simulate import simulate
from skgalaxy.cli._train import train
from skgalaxy.cli._votes import votes

__all__ = ["main"]

_INTERRUPTED = 130  # as shells have it: 128 + the number of SIGINT


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
        The exit status: 0, 1 for bad data, 2 for a wrong command line, 130 after Ctrl-C, or 143
        after SIGTERM.

    Examples
    --------
    >>> from skgalaxy.cli import main
    >>> main(["train"])  # stderr says what is missing
    2
    """
    # TensorFlow reads it when it is imported; a level of your own stays
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings(), _clean_end():
        # a line for people, without the place in the code
        warnings.showwarning = _show_warning
        try:
            commands.main(arguments, prog_name="skgalaxy")
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@contextmanager
def _clean_end() -> Iterator[None]:
    """End on SIGTERM, and when the terminal is closed, as on an error: temporary files go.

    A signal that is ignored stays so, for example under ``nohup``.
    """
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []  # Python lets the main thread alone answer signals
    replaced = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)  # as shells have it


class _Failure(click.ClickException):
    """The library's message about bad data, as one line."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"skgalaxy: {one_line(self.message)}", file=file, err=True)


class _Commands(click.Group):
    """Commands in the order of your work, which fail without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # click would sort them

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # nobody reads on: click ends quietly
            raise
        except KeyboardInterrupt:  # click would say "Aborted!" and exit with 1, as for bad data
            note("\nskgalaxy: interrupted.")  # the terminal's line begins with ^C
            ctx.exit(_INTERRUPTED)
        except (ValueError, OSError, ImportError, OtherProcessError) as error:
            raise _Failure(str(error)) from error


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
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
        "    --answer featured --model featured.skgalaxy",
        "skgalaxy predict featured.skgalaxy sky/images catalogue.csv",
        "skgalaxy rank featured.skgalaxy sky/images -n 20 --manifest round_1",
    ),
)
@click.version_option(__version__, prog_name="skgalaxy")
def commands() -> None:
    """Learn from labels that people vote on, and rank the images to ask about next.

    Models are Bayesian neural networks that learn from k of N votes, as for Galaxy Zoo
    (Walmsley et al. 2020). Begin with `skgalaxy demo`, or give your own images and votes to
    `skgalaxy train`.
    """


@click.command(cls=Command, epilog=examples("skgalaxy demo", "skgalaxy demo --data galaxy_zoo_2"))
@click.option("--data", help="Folder of images and votes.csv.  [default: simulate galaxies]")
@click.option("--output", default="demo", help="Folder to write to.")
@seed_option
def demo(data: str | None, output: str, seed: int) -> None:
    """Learn from votes, rank, ask, and learn again.

    Prints a table and writes figures and a catalogue to a folder. You can pass your own images and
    votes with --data.
    """
    with hushed():  # it imports TensorFlow
        from skgalaxy.demo import run

    run(data, output, seed=seed)


# in the order that the help lists them
for _command in (demo, simulate, votes, train, evaluate, predict, rank):
    commands.add_command(_command)
