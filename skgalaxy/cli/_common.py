"""Parts that several commands share: options, and files in and out."""

import os
import sys
import warnings
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:  # --help is quick: it imports neither NumPy nor pandas
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from skgalaxy.images import ImageLoader
    from skgalaxy.votes import TreeVotes, VoteTable

Votes = TypeVar("Votes", "VoteTable", "TreeVotes")

LEVEL = 0.9  # of the intervals that are judged, as in catalogues
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
NEW_FOLDER = click.Path(path_type=Path)
POSITIVE = click.IntRange(min=1)

force_option = click.option("--force", is_flag=True, help="Replace the output if it exists.")
id_column_option = click.option(
    "--id-column",
    metavar="NAME",
    help="Column that holds your galaxies' ids.  [default: id_str, dr7objid ...]",
)
dialect_option = click.option(
    "--dialect",
    type=click.Choice(["auto", "gz2", "gz1", "zoobot", "panoptes", "plain"]),
    default="auto",
    help="Naming of the table's columns, for example gz2 for Galaxy Zoo 2.",
)
n_votes_option = click.option(
    "--n-votes",
    type=click.IntRange(1, 100_000),  # the most that the library lists all outcomes of
    default=40,
    help="Number of volunteers you would ask about a galaxy, N.",
)
output_option = click.option(
    "-o", "--output", type=NEW_FILE, help="CSV file to write.  [default: stdout]"
)
pool_crop_option = click.option(
    "--crop",
    type=POSITIVE,
    help="Width in pixels of the centre of each image to keep.  [default: as in training]",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print only warnings and errors.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of all random numbers."
)
store_option = click.option(
    "--store",
    type=NEW_FOLDER,
    help="Folder to keep the decoded images in, so that your next run need not decode them.  "
    "[default: a temporary one]",
)
strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Stop at an image that is broken or shows nothing. Without it, such images are named and "
    "left out.",
)


class Command(click.Command):
    """A command that refuses an option that takes one value and is given two."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # click silently takes the last value; only its parser sees how often an option is given
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option in given:
            single = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
            if single and given.count(option) > 1 and not ctx.resilient_parsing:
                raise click.UsageError(
                    f"Option {option.opts[-1]!r} takes one value. Got {given.count(option)}; "
                    "keep one of them.",
                    ctx,
                )
        return super().parse_args(ctx, args)


def examples(*lines: str) -> str:
    """Examples for the end of a command's help."""
    # \b: click must not fill these lines
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def find_listed(
    path: Path, ids: Collection[str], option: str, id_column: str | None
) -> "NDArray[np.bool_]":
    """Mask of the ids that a table lists, for example of votes, or of an earlier ranking."""
    import numpy as np
    import pandas as pd

    from skgalaxy._validation import check_ids
    from skgalaxy.votes._table_file import find_id_columns, open_table

    with open_table(path) as table:
        # a manifest's column begins with #, which hides it from volunteers
        plain = {name.removeprefix("#"): name for name in table.names}
        found = find_id_columns(plain) if id_column is None else [id_column]
        if not found or not set(found) <= set(plain):
            raise ValueError(
                f"`{option}` must be a table with a column of ids, for example id_str. Got "
                f"{table.path!r} with {', '.join(table.names)}; name it with --id-column."
            )
        columns = table.columns(plain[name] for name in found)
        listed = [check_ids(pd.unique(cells), name, table.path) for name, cells in columns.items()]
    masks = [np.isin(list(ids), values) for values in listed]
    best = max(masks, key=np.count_nonzero)  # the column that names most of them
    if len(listed[0]) and not best.any():
        raise ValueError(
            f"`{option}` must be of galaxies in `IMAGES`. Got ids such as {str(listed[0][0])!r} in "
            f"{str(path)!r} and {next(iter(ids))!r} in `IMAGES`; name the column with --id-column."
        )
    return best


def note(text: str, quiet: bool = False) -> None:
    """Write a line to stderr."""
    if not quiet:
        click.echo(text, err=True)


def wants_bars(quiet: bool) -> bool:
    """True if progress bars may be drawn: stderr is a terminal, and you did not say --quiet."""
    return not quiet and sys.stderr.isatty()


def one_line(message: object) -> str:
    """Text of a message without line breaks, for example of another library's error."""
    return " ".join(str(message).splitlines())


@contextmanager
def hushed() -> Iterator[None]:
    """Import TensorFlow in this block: it greets on file descriptor 2, whatever it is told."""
    with open(os.devnull, "w") as null:
        stderr = os.dup(2)  # C++ writes to the descriptor: `redirect_stderr` does not reach it
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def refuse_given(names: Container[str], rule: str) -> None:
    """Refuse options that would otherwise be passed over."""
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name or ""
        if name in names and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{option.opts[0]} {rule}", context)


def check_new(path: Path | None, force: bool = False) -> None:
    """Refuse, before any work, an output that exists or that has no folder."""
    if path is None:
        return
    if path.exists() and not force:
        remedy = "choose another" if path.is_dir() else "choose another, or add --force"
        raise FileExistsError(f"Outputs must not exist yet. Got {str(path)!r}; {remedy}.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"Outputs must be in a folder that exists. Got {str(path)!r}; make it first."
        )


def write_csv(frame: "pd.DataFrame", path: Path | None) -> None:
    """Write a table to a file, or to stdout if `path` is None. Ids must not be formulas."""
    from skgalaxy._files import complete_file
    from skgalaxy._spreadsheets import refuse_formulas

    if "id_str" in frame:
        refuse_formulas(frame["id_str"], "id_str")

    # the same bytes on every system, for example \n on Windows, too
    text = frame.to_csv(index=False, lineterminator="\n")
    if path is None:
        sys.stdout.write(text)
        return
    with complete_file(path) as file:
        file.write(text.encode())


def list_images(folder: Path) -> dict[str, Path]:
    """Image files of a folder, and of those in it, by the galaxies' ids. The rest is named.

    An id is a file's name without its suffix. Hidden files and folders are not looked at.
    """
    from skgalaxy.images._folder import find_images

    files, others = find_images(folder, "IMAGES")
    # a name that is no UTF-8 cannot be written to a catalogue
    for path in files.values():
        if not str(path.relative_to(folder)).isprintable():
            raise ValueError(
                f"The names of images must be printable UTF-8. Got {str(path)!r}; rename it."
            )
    if not files:
        found = f"other files, for example {others[0]!r}," if others else "no file at all"
        raise ValueError(
            "`IMAGES` must hold files called {id}.jpg, .png, .tif, .webp, .fits or another suffix "
            f"of images. Got {found} in {str(folder)!r}; give the folder that your images are in."
        )
    if others:
        named = ", ".join(repr(name) for name in others[:3]) + ", ..." * (len(others) > 3)
        note(f"skgalaxy: passed over {len(others)} with names that no image has: {named}.")
    return files


def join(
    table: Votes, files: Mapping[str, Path], folder: Path, quiet: bool
) -> tuple[Votes, list[Path]]:
    """Rows of a vote table, or of one of a tree, that have an image and votes; the image files."""
    from skgalaxy.votes import TreeVotes

    ids = [id_ for id_ in table.ids.tolist() if id_ in files]
    if not ids:
        raise ValueError(
            f"`VOTES` must be of galaxies in `IMAGES`. Got ids such as {str(table.ids[0])!r} in "
            f"{table.source!r} and {next(iter(files))!r} in {str(folder)!r}; name the column with "
            "--id-column."
        )
    joined = table.reindex(ids)
    # a galaxy may have a row, and N = 0 on this question or on all
    asked = joined.ids[(joined.n_votes > 0).reshape(len(ids), -1).any(axis=1)].tolist()
    about = table.tree.name if isinstance(table, TreeVotes) else table.question
    if not asked:
        raise ValueError(f"`VOTES` must hold votes on {about}. Got N = 0 everywhere.")
    note(
        f"{len(asked)} galaxies have an image and votes on {about}. Left out: "
        f"{len(files) - len(ids)} images without a row, {len(table) - len(ids)} rows without an "
        f"image, {len(ids) - len(asked)} with both but N = 0.",
        quiet,
    )
    return table.reindex(asked), [files[id_] for id_ in asked]


def full_name(answer: str, answers: Sequence[str]) -> str:
    """Answer of this name or, if there is none, the one that begins so."""
    # `votes` has refused a beginning of several; the shortest is the name itself
    return min((name for name in answers if name.startswith(answer)), key=len)


@contextmanager
def packed(
    paths: Iterable[Path],
    loader: "ImageLoader",
    store: Path | None = None,
    *,
    strict: bool,
    quiet: bool,
) -> Iterator[tuple[Any, "NDArray"]]:
    """Read image files as `loader` does. Broken ones are named, or end the run if `strict`.

    Parameters
    ----------
    paths : iterable of path-like, length n_galaxies
    loader : ImageLoader
    store : path-like, default=None
        See `skgalaxy.images.pack_images`. None is a folder that goes when the block ends.
    strict, quiet : bool
        As you say on the command line.

    Yields
    ------
    images : uint8 memmap of shape (n_galaxies, ...)
        Those that are broken are black.
    readable : bool array of shape (n_galaxies,)
    """
    from skgalaxy._files import scratch_folder
    from skgalaxy.images import open_images, pack_images
    from skgalaxy.images._picture import Picture

    picture = {name: getattr(loader, name) for name in Picture._fields}
    how: dict[str, Any] = {
        "on_error": "raise" if strict else "report",
        "verbose": wants_bars(quiet),
    }
    with scratch_folder() as scratch:
        store = store or scratch / "images"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\d+ of \d+ files are left out")  # said below
            pack_images(paths, store, **picture, **how)
        images, files = open_images(store, return_files=True)
        readable = (files["reason"] == "").to_numpy()
        if not readable.any():
            raise ValueError(
                "`IMAGES` must hold images that show something. Got "
                f"{len(files)} files, all broken or empty; the first: {files['reason'][0]}"
            )
        for reason in files["reason"][~readable]:
            note(f"skgalaxy: left out: {one_line(reason)}")
        if not readable.all():
            note(f"skgalaxy: left out {(~readable).sum()} of {len(files)} images.")
        yield images, readable
