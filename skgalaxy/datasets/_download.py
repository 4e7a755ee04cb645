"""Files of a published data set, which pooch fetches, checks and unpacks.

A file under its own name is whole and checked. If no checksum is known, the first download is
trusted. Its SHA256 is written to ``NAME.sha256``, which you can check with ``sha256sum --check``,
and later downloads must match it. Such a record takes precedence over a checksum that was only
reported.
"""

import logging
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from skgalaxy._files import complete_file, complete_folder, partial_folder, put_in_place
from skgalaxy.datasets._registry import Published

__all__ = ["IMAGES", "DataFolder", "record_path"]

TIMEOUT = 60  # seconds without a byte
IMAGES = "images"  # the folder that archives of images are unpacked into
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class DataFolder:
    """A published data set in the data home. Its files are downloaded when they are needed."""

    published: Published
    path: Path
    download_if_missing: bool
    n_retries: int
    verbose: bool

    def fetch(self, name: str) -> Path:
        """Path of a file, whole and with the right checksum. It is downloaded if need be."""
        path, reported = self.path / name, self.published.registry[name]
        # A record first: with one you accept a file that is not the one reported.
        expected = _recorded(path) or reported
        problem = _problem(path, expected)
        if problem and not self.download_if_missing:
            raise OSError(f"{problem}, and `download_if_missing` is False.")
        if problem:
            self._warn(name, expected, problem if path.exists() else "")
            _retrieve(self.published.urls[name], path, expected, self.n_retries, self.verbose)
        if expected is None and os.access(self.path, os.W_OK):  # a shared home may be read-only
            _record(path)
        return path

    def image_files(self) -> dict[str, str]:
        """Image files by their names without suffix. The archives are unpacked once."""
        folder = self.path / IMAGES
        if not folder.is_dir():  # it appears only when all archives are in it
            _unpack([self.fetch(name) for name in self.published.images], folder)
        return {
            path.stem: str(path)
            for path in folder.rglob("[!.]*")  # not what macOS adds: __MACOSX/._1.jpg
            if path.suffix.lower() in IMAGE_SUFFIXES
        }

    def _warn(self, name: str, expected: str | None, damage: str) -> None:
        """Warn of a damaged file, and of an address that nobody has verified."""
        trust = (
            f"Its checksum is compared with {expected}."
            if expected
            else "No checksum is known: the first download is trusted, its SHA256 recorded."
        )
        source = f"{self.published.urls[name]} ({self.published.remarks[name]})"
        # For a table, five levels up is the line that calls the public fetcher.
        if damage:
            warnings.warn(f"{damage}. Downloading it again.", stacklevel=5)
        warnings.warn(f"skgalaxy has not verified {source}. {trust}", stacklevel=5)


def record_path(path: Path) -> Path:
    """Path of the record of a file's checksum."""
    return path.with_name(f"{path.name}.sha256")


def _recorded(path: Path) -> str | None:
    """Checksum in the record of a file, or None."""
    record = record_path(path)
    return f"sha256:{record.read_text().partition(' ')[0].strip()}" if record.is_file() else None


def _record(path: Path) -> None:
    """Write down the checksum of a file that is trusted on first use."""
    import pooch  # optional: the fetchers have asked for it by now

    with complete_file(record_path(path)) as file:
        # two blanks, as sha256sum writes it
        file.write(f"{pooch.file_hash(str(path))}  {path.name}\n".encode())


def _problem(path: Path, expected: str | None) -> str | None:
    """Words for a missing or damaged file, or None for a good one."""
    from pooch.hashes import hash_matches

    if not path.is_file():
        return f"{str(path)!r} does not exist"
    if not hash_matches(str(path), expected):  # never so for None
        return f"{str(path)!r} is damaged: its checksum is not {expected}"
    return None


def _retrieve(url: str, path: Path, expected: str | None, n_retries: int, verbose: bool) -> None:
    """Let pooch download a file. Errors are one sentence with a remedy."""
    import pooch
    import requests

    path.parent.mkdir(parents=True, exist_ok=True)
    level = logging.INFO if verbose else logging.ERROR
    try:
        # in a folder of its own: what a killed download leaves is found by the next one
        with partial_folder(path) as folder, _log_level(pooch.get_logger(), level):
            pup = pooch.create(
                path=folder,
                base_url="",
                registry={path.name: expected},
                urls={path.name: url},
                retry_if_failed=n_retries,
            )
            pup.fetch(path.name, downloader=_downloader(path, expected, verbose))
            put_in_place(folder / path.name, path)
    except requests.RequestException as error:
        raise OSError(
            f"Could not download {url}: {_reason(error, url)}. Check the connection, or put the "
            f"file at {str(path)!r} by hand."
        ) from error
    except OSError as error:
        if error.errno is None:  # our own, of `_downloader`
            raise
        raise OSError(f"Could not write {str(path)!r}: {error.strerror}.") from error


def _downloader(path: Path, expected: str | None, verbose: bool) -> Callable[[str, Any, Any], None]:
    """HTTP download for pooch that refuses a web page, half a file, and a wrong one."""
    import pooch
    from pooch.hashes import hash_matches

    def check_answer(response: Any, **_: Any) -> None:
        # urllib3 1 takes a broken connection for the end of the file.
        response.raw.enforce_content_length = True
        kind = response.headers.get("Content-Type", "")
        if response.status_code == 200 and kind.startswith("text/html"):
            response.close()
            raise OSError(
                f"Could not download {response.url}: a web page came instead of the file, "
                f"perhaps to sign in. Put the file at {str(path)!r} by hand."
            )

    download = pooch.HTTPDownloader(
        progressbar=verbose,
        timeout=TIMEOUT,
        # otherwise a packed file may come unpacked, with another checksum
        headers={"Accept-Encoding": "identity"},
        hooks={"response": check_answer},
    )

    def download_and_check(url: str, part: Any, pup: Any) -> None:
        download(url, part, pup)
        if not hash_matches(part, expected):  # checked here: pooch would retry
            raise OSError(
                f"The file at {url} must have the checksum {expected}. It has another one, and was "
                f"deleted. {_remedy(path)}"
            )

    return download_and_check


def _reason(error: Exception, url: str) -> str:
    """Short words for an error of the network."""
    import requests

    host = urlsplit(url).hostname
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{host} answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"{host} sent nothing for {TIMEOUT:g} s"
    if isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return f"the connection to {host} failed"
    return str(error)


def _remedy(path: Path) -> str:
    """Words for accepting a file in spite of another checksum."""
    record = str(record_path(path))
    if os.path.isfile(record):
        return f"If it was published anew, delete {record!r} to accept it."
    return (
        "That checksum was reported and not verified. If it is wrong, put the file at "
        f"{str(path)!r} by hand, and the output of sha256sum for it at {record!r}."
    )


@contextmanager
def _log_level(logger: logging.Logger, level: int) -> Iterator[None]:
    """Set the level of a logger for a while: pooch announces every download."""
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


def _unpack(archives: Sequence[Path], folder: Path) -> None:
    """Unpack zip archives into a folder, which appears when all of them are unpacked."""
    try:
        with complete_folder(folder) as partial:
            for archive in archives:
                _unzip(archive, partial)
    except OSError:
        if not folder.is_dir():  # otherwise another process was faster
            raise


def _unzip(archive: Path, folder: Path) -> None:
    import pooch

    try:
        pooch.Unzip(extract_dir=str(folder.absolute()))(str(archive), "download", None)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise OSError(
            f"{str(archive)!r} is damaged: {error}. Delete it to download it again."
        ) from error
