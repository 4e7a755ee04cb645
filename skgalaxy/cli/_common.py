"""What several commands share: options, and files in and out."""

import os
import re
import sys
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import click

IMAGE_FILE = re.compile(r"([^.].*?)\.(?:jpe?g|png|(?:fits?|fts)(?:\.gz|\.fz)?)", re.IGNORECASE)

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
NEW_FOLDER = click.Path(path_type=Path)
POSITIVE = click.IntRange(min=1)

force_option = click.option("--force", is_flag=True, help="Replace a file that is there.")
id_column_option = click.option(
    "--id-column",
    metavar="NAME",
    help="Column of the galaxies' ids.  [default: id_str, dr7objid ...]",
)
n_votes_option = click.option(
    "--n-votes", type=POSITIVE, default=40, help="Volunteers who would be asked, N."
)
output_option = click.option("-o", "--output", type=NEW_FILE, help="CSV file.  [default: stdout]")
pool_crop_option = click.option(
    "--crop", type=POSITIVE, help="Central pixels of an image to keep.  [default: as in training]"
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Say only what is wrong.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of everything random."
)
store_option = click.option(
    "--store",
    type=NEW_FOLDER,
    help="Folder to keep the images in, packed: what is in it is not decoded again.  "
    "[default: a temporary one]",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Stop at a broken image. Else it is named and left out."
)


def examples(*lines):
    """Return the end of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def note(text, quiet=False):
    """Write a line to stderr."""
    if not quiet:
        click.echo(text, err=True)


def one_line(message):
    """Return a message, of a library perhaps, without line breaks."""
    return " ".join(str(message).splitlines())


@contextmanager
def hushed():
    """Import TensorFlow in this block: it greets on file descriptor 2, whatever it is told."""
    with open(os.devnull, "w") as null:
        stderr = os.dup(2)
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def check_new(path, force=False):
    """Refuse, before any work, to write where something is, or where there is no folder."""
    if path is None:
        return
    if path.exists() and not force:
        remedy = "choose another" if path.is_dir() else "choose another, or add --force"
        raise FileExistsError(f"Outputs must not exist yet. Got {str(path)!r}; {remedy}.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"Outputs must be in a folder that exists. Got {str(path)!r}; make it first."
        )


def write_csv(frame, path):
    """Write a table to a file, or to stdout if `path` is None."""
    from skgalaxy._files import complete_file

    text = frame.to_csv(index=False, lineterminator="\n")
    if path is None:
        sys.stdout.write(text)
        return
    with complete_file(path) as file:
        file.write(text.encode())


def list_images(folder):
    """Return the image files of a folder by the galaxies' ids, sorted."""
    files = {}
    for path in sorted(folder.iterdir()):
        match = IMAGE_FILE.fullmatch(path.name)
        if match is None:
            continue
        if not path.name.isprintable():
            raise ValueError(
                f"The names of images must be printable UTF-8. Got {str(path)!r}; rename it."
            )
        other = files.setdefault(match[1], path)
        if other != path:
            raise ValueError(
                f"`IMAGES` must hold one file of each galaxy. Got {other.name!r} and "
                f"{path.name!r} in {str(folder)!r}; remove one."
            )
    if not files:
        raise ValueError(
            "`IMAGES` must hold files called {id}.jpg, .jpeg, .png or .fits. "
            f"Got none in {str(folder)!r}."
        )
    return files


@contextmanager
def packed(paths, loader, store=None, *, strict, quiet):
    """Read image files as `loader` does; those that are broken are named, unless `strict`.

    Parameters
    ----------
    paths : iterable of path-like, length n_galaxies
    loader : ImageLoader
    store : path-like, default=None
        See `skgalaxy.images.pack_images`. None is a folder that goes when the block ends.
    strict, quiet : bool

    Yields
    ------
    images : uint8 memmap of shape (n_galaxies, ...)
        Those that are broken are black.
    readable : bool array of shape (n_galaxies,)
    """
    from skgalaxy.images import open_images, pack_images
    from skgalaxy.images._picture import Picture

    picture = {name: getattr(loader, name) for name in Picture._fields}
    how = {"on_error": "raise" if strict else "report", "verbose": not quiet}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        store = store or Path(scratch) / "images"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\d+ of \d+ files cannot be read")  # said below
            pack_images(paths, store, **picture, **how)
        images, files = open_images(store, return_files=True)
        readable = (files["reason"] == "").to_numpy()
        if not readable.any():
            raise ValueError(
                f"`IMAGES` must hold images that can be read. Got {len(files)} files, all broken; "
                f"the first: {files['reason'][0]}"
            )
        for reason in files["reason"][~readable]:
            note(f"skgalaxy: left out: {one_line(reason)}")
        yield images, readable
