"""Files of a published data set, which pooch fetches, checks and unpacks.

What is under its own name is whole and checked. Where no checksum is known the first download is
trusted and its SHA256 written to ``NAME.sha256``, as ``sha256sum --check`` reads it, and compared
from then on; such a record goes before a checksum that was only reported.
"""

import logging
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from skgalaxy._files import complete_file, complete_folder
from skgalaxy.datasets._registry import Published

__all__ = ["DataFolder"]

TIMEOUT = 60  # seconds without a byte
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class DataFolder:
    """A published data set in the data home, where its files come as they are needed."""

    published: Published
    path: Path
    download_if_missing: bool
    n_retries: int
    verbose: bool

    def fetch(self, name: str) -> Path:
        """Path of a file, whole and with the right checksum, downloaded if need be."""
        path, reported = self.path / name, self.published.registry[name]
        expected = _recorded(path) or reported
        problem = _problem(path, expected)
        if problem and not self.download_if_missing:
            raise OSError(f"{problem}, and `download_if_missing` is False.")
        if problem:
            self._warn(name, expected, problem if path.exists() else "")
            _retrieve(self.published.urls[name], path, expected, self.n_retries, self.verbose)
        if expected is None and os.access(self.path, os.W_OK):
            _record(path)
        return path

    def image_files(self) -> dict[str, str]:
        """Image files by their names without suffix; the archives are unpacked once."""
        folder = self.path / "images"
        if not folder.is_dir():
            _unpack([self.fetch(name) for name in self.published.images], folder)
        return {
            path.stem: str(path)
            for path in folder.rglob("[!.]*")  # not what macOS adds: __MACOSX/._1.jpg
            if path.suffix.lower() in IMAGE_SUFFIXES
        }

    def _warn(self, name, expected, damage):
        """Say that a damaged file is replaced, and what nobody has verified."""
        trust = (
            f"Its checksum is compared with {expected}."
            if expected
            else "No checksum is known: the first download is trusted, its SHA256 recorded."
        )
        source = f"{self.published.urls[name]} ({self.published.remarks[name]})"
        if damage:
            warnings.warn(f"{damage}. Downloading it again.", stacklevel=5)
        warnings.warn(f"skgalaxy has not verified {source}. {trust}", stacklevel=5)


def _record_path(path):
    return path.with_name(f"{path.name}.sha256")


def _recorded(path):
    """Checksum that was written down for a file, or None."""
    record = _record_path(path)
    return f"sha256:{record.read_text().partition(' ')[0].strip()}" if record.is_file() else None


def _record(path):
    """Write down the checksum of a file that is trusted on first use."""
    import pooch

    with complete_file(_record_path(path)) as file:
        file.write(f"{pooch.file_hash(str(path))}  {path.name}\n".encode())


def _problem(path, expected):
    """Words for what is wrong with a file on disk, or None."""
    from pooch.hashes import hash_matches

    if not path.is_file():
        return f"{str(path)!r} does not exist"
    if not hash_matches(str(path), expected):
        return f"{str(path)!r} is damaged: its checksum is not {expected}"
    return None


def _retrieve(url, path, expected, n_retries, verbose):
    """Let pooch download a file; say what went wrong in one sentence."""
    import pooch
    import requests

    pup = pooch.create(
        path=path.parent,
        base_url="",
        registry={path.name: expected},
        urls={path.name: url},
        retry_if_failed=n_retries,
    )
    try:
        with _log_level(pooch.get_logger(), logging.INFO if verbose else logging.ERROR):
            pup.fetch(path.name, downloader=_downloader(path, expected, verbose))
    except requests.RequestException as error:
        raise OSError(
            f"Could not download {url}: {_reason(error, url)}. Check the connection, or put the "
            f"file at {str(path)!r} by hand."
        ) from error
    except OSError as error:
        if error.errno is None:  # our own, below
            raise
        raise OSError(f"Could not write {str(path)!r}: {error.strerror}.") from error


def _downloader(path, expected, verbose):
    """HTTP download for pooch that refuses a web page, half a file, and a wrong one."""
    import pooch
    from pooch.hashes import hash_matches

    def check_answer(response, **_):
        response.raw.enforce_content_length = True  # urllib3 1 takes a break for the end
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
        headers={"Accept-Encoding": "identity"},  # else what is packed may come unpacked
        hooks={"response": check_answer},
    )

    def download_and_check(url, part, pup):
        download(url, part, pup)
        if not hash_matches(part, expected):  # pooch would fetch the same bytes again
            raise OSError(
                f"The file at {url} must have the checksum {expected}, and has not: it was "
                f"deleted. {_remedy(path)}"
            )

    return download_and_check


def _reason(error, url):
    import requests

    host = urlsplit(url).hostname
    if isinstance(error, requests.HTTPError):
        return f"{host} answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"{host} sent nothing for {TIMEOUT:g} s"
    if isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return f"the connection to {host} failed"
    return str(error)


def _remedy(path):
    """Words for how to accept a file whose checksum is not the one expected."""
    record = str(_record_path(path))
    if os.path.isfile(record):
        return f"If it was published anew, delete {record!r} to accept it."
    return (
        "That checksum was reported and not verified. If it is wrong, put the file at "
        f"{str(path)!r} by hand, and what sha256sum prints for it at {record!r}."
    )


@contextmanager
def _log_level(logger: logging.Logger, level: int) -> Iterator[None]:
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


def _unpack(archives, folder):
    """Unpack zip archives into a folder that appears when all of them are in it."""
    import pooch

    try:
        with complete_folder(folder) as partial:
            for archive in archives:
                pooch.Unzip(extract_dir=str(partial.absolute()))(str(archive), "download", None)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise OSError(
            f"{str(archive)!r} is damaged: {error}. Delete it to download it again."
        ) from error
    except OSError:
        if not folder.is_dir():  # else another process was quicker
            raise
