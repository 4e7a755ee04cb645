"""Download a file once, go on where a download broke off, unpack an archive once.

What is under its own name is complete and checked: bytes on their way are in ``NAME.part``, where
the next attempt goes on, in this process or a later one. pooch compares checksums and moves files
into place. Where no checksum is known the first download is trusted and its SHA256 written to
``NAME.sha256``, as ``sha256sum --check`` reads it, and compared from then on.
"""

import logging
import os
import shutil
import time
import warnings
import zipfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from tqdm import tqdm

__all__ = ["download", "unpack"]

CHUNK = 1 << 16  # bytes
TIMEOUT = 60  # seconds without a byte
PASSING = (408, 425, 429, 500, 502, 503, 504)  # HTTP errors that may be over in a moment
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


class TransferError(OSError):
    """The server sent something else than it announced or was asked for."""


def download(file, folder, *, download_if_missing=True, n_retries=3, delay=1.0, verbose=True):
    """Return the path of `file` in `folder`, downloaded if it is not there or is damaged.

    Parameters
    ----------
    file : RemoteFile
        What to download, from where.
    folder : pathlib.Path
        Where to, made if need be.
    download_if_missing : bool, default=True
        If False, raise ``OSError`` instead of downloading.
    n_retries : int, default=3
        How often to try again after a failure that may pass.
    delay : float, default=1.0
        Seconds between these attempts.
    verbose : bool, default=True
        Show the progress of a download.

    Returns
    -------
    path : pathlib.Path
        A complete file with the right checksum, if one is known.

    Raises
    ------
    OSError
        If the file cannot be had, or is not what it should be.

    Warns
    -----
    UserWarning
        If a file is downloaded whose address nobody has verified.
    """
    path = folder / file.name
    problem = _problem(path, file)
    if problem and not download_if_missing:
        raise OSError(f"{problem}, and `download_if_missing` is False.")
    if problem:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if problem := _problem(path, file):  # no other process has brought it meanwhile
                _warn(file, problem if path.is_file() else "")
                _retrieve(file, path, _Resuming(path, n_retries, delay, verbose))
    _record(path, file)
    return path


def _problem(path, file):
    """Return what is wrong with the file on disk, or None."""
    import pooch

    if not path.is_file():
        return f"{str(path)!r} does not exist"
    expected = _expected(path, file)
    if expected is None:
        return None
    algorithm, _, digest = expected.partition(":")
    if pooch.file_hash(str(path), alg=algorithm) == digest:
        return None
    return f"{str(path)!r} is damaged: its checksum is not {expected}"


def _retrieve(file, path, downloader):
    """Let pooch download, check and move; say what went wrong in one sentence."""
    import pooch
    import requests

    expected = _expected(path, file)
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(file.url, expected, file.name, path.parent, downloader=downloader)
    except (requests.RequestException, TransferError) as error:
        kept = " What has come is kept: call again to go on." if downloader.has_part() else ""
        raise OSError(
            f"Could not download {file.url}: {_reason(error, file.url)}. Check the connection, or "
            f"put the file at {str(path)!r} by hand.{kept}"
        ) from error
    except ValueError as error:  # pooch's, for a wrong checksum
        raise OSError(
            f"The file at {file.url} must have the checksum {expected}, and has not: it was "
            f"deleted.{_remedy(path, file)}"
        ) from error
    except OSError as error:
        raise OSError(
            f"Could not write {str(path)!r}: {error.strerror or error}. What has come is kept: "
            "call again to go on."
        ) from error


def _remedy(path, file):
    """Say how to accept a file whose checksum is not the one expected."""
    record = str(_record_path(path))
    if file.verified and file.checksum:
        return ""
    if os.path.isfile(record):
        return f" If it was published anew, delete {record!r} to accept it."
    return (
        " That checksum was reported and not verified. If it is wrong, put the file at "
        f"{str(path)!r} by hand, and what sha256sum prints for it at {record!r}."
    )


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


class _Resuming:
    """A pooch downloader that goes on where the last attempt ended (HTTP range requests).

    A server says with an entity tag, or else a date, which version of the file it sends. That is
    kept beside the part, and sent back: another version is sent from its beginning.
    """

    def __init__(self, path, n_retries, delay, verbose):
        self.part = path.with_name(f"{path.name}.part")
        self.tag = path.with_name(f"{path.name}.part.tag")
        self.n_retries = n_retries
        self.delay = delay
        self.verbose = verbose

    def __call__(self, url, output_file, pooch):
        for left in reversed(range(self.n_retries + 1)):
            try:
                self._go_on(url)
                break
            except OSError as error:  # every error of requests is one, and TransferError
                if not left or not _may_pass(error):
                    raise
                time.sleep(self.delay)
        os.replace(self.part, output_file)
        self.tag.unlink(missing_ok=True)

    def has_part(self):
        """Say whether something has come."""
        return self.part.is_file() and self.part.stat().st_size > 0

    def _go_on(self, url):
        import requests

        done = self.part.stat().st_size if self.part.is_file() else 0
        version = self.tag.read_text() if self.tag.is_file() else ""
        headers = {"Accept-Encoding": "identity"}  # so that bytes counted are bytes of the file
        if done and version:
            headers |= {"Range": f"bytes={done}-", "If-Range": version}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            status = response.status_code
            if done and status == 416 and _total(response) == done:
                return  # all there: interrupted between the last byte and the move
            if done and (status == 416 or (status == 206 and _start(response) != done)):
                self.part.unlink()
                raise TransferError("the server sent another part of the file than asked for")
            response.raise_for_status()
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise TransferError("a web page came instead of the file, perhaps to sign in")
            if status != 206:
                done = self._begin(response)
            self._receive(response, done)

    def _begin(self, response):
        """Forget what is there, note the version of what comes; return 0, the bytes done."""
        self.tag.unlink(missing_ok=True)
        self.part.write_bytes(b"")
        tag = response.headers.get("ETag", "")
        strong = tag if not tag.startswith("W/") else ""
        self.tag.write_text(strong or response.headers.get("Last-Modified", ""))
        return 0

    def _receive(self, response, done):
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        self._check_space((total or 0) - done)
        progress = tqdm(
            desc=self.part.stem,
            initial=done,
            total=total,
            unit="B",
            unit_scale=True,
            disable=not self.verbose,
        )
        with progress, open(self.part, "ab") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                progress.update(len(chunk))
        size = self.part.stat().st_size
        if total is not None and size != total:
            raise TransferError(f"it broke off after {size:,} of {total:,} bytes")

    def _check_space(self, n_bytes):
        free = shutil.disk_usage(self.part.parent).free
        if n_bytes > free:
            raise OSError(f"{n_bytes:,} bytes are to come and {free:,} are free on the disk")


def _start(response):
    """Return the first byte of a partial answer: "bytes 100-199/200" starts at 100."""
    start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdigit() else None


def _total(response):
    """Return the size of the whole file: "bytes */200" is of 200."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _may_pass(error):
    import requests

    if isinstance(error, requests.HTTPError):
        return error.response.status_code in PASSING
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, (*broken, TransferError))


def _warn(file, problem):
    """Say that a damaged file is replaced, and what nobody has verified."""
    trust = (
        f"Its checksum is compared with the one reported, {file.checksum}."
        if file.checksum
        else "No checksum is known: the first download is trusted, its SHA256 recorded beside it."
    )
    if problem:
        warnings.warn(f"{problem}. Downloading it again.", UserWarning, stacklevel=6)
    if not file.verified:
        warnings.warn(
            f"skgalaxy has not verified {file.url} (found in {file.found_in}). {trust}",
            UserWarning,
            stacklevel=6,
        )


def _record_path(path):
    return path.with_name(f"{path.name}.sha256")


def _expected(path, file):
    """Return the checksum that the file must have, or None if nobody knows.

    What was recorded here goes before what was only reported.
    """
    record = _record_path(path)
    if record.is_file() and not (file.verified and file.checksum):
        return f"sha256:{record.read_text().partition(' ')[0].strip()}"
    return file.checksum


def _record(path, file):
    """Write down the checksum of a file trusted on first use."""
    import pooch

    record = _record_path(path)
    if file.checksum is None and not record.is_file() and os.access(path.parent, os.W_OK):
        written = record.with_name(f"{record.name}.tmp")
        written.write_text(f"{pooch.file_hash(str(path))}  {path.name}\n")
        os.replace(written, record)


@contextmanager
def _alone(path):
    """Let other processes that want the same file wait until it is there."""
    try:
        import fcntl
    except ImportError:  # Windows: whoever starts two downloads of one file has two
        yield
        return
    with open(path.with_name(f"{path.name}.lock"), "w") as lock:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _quiet(logger):
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def unpack(archives, folder, *, verbose=True):
    """Unpack the images of zip archives into `folder`, which appears when all are there.

    Until then they are in ``FOLDER.part``, and a later call goes on. Folders within an archive
    are left out, so an image is ``folder / name``.

    Parameters
    ----------
    archives : sequence of pathlib.Path
        The zip archives.
    folder : pathlib.Path
        Where the images go. If it exists nothing is done.
    verbose : bool, default=True
        Show the progress.

    Returns
    -------
    folder : pathlib.Path
        The folder of images.

    Raises
    ------
    OSError
        If an archive is damaged, or the disk is full.
    """
    if folder.is_dir():
        return folder
    part = folder.with_name(f"{folder.name}.part")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if folder.is_dir():  # unpacked by another process meanwhile
            return folder
        part.mkdir(exist_ok=True)
        for archive in archives:
            try:
                _unpack(archive, part, verbose)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise OSError(
                    f"{str(archive)!r} is damaged: {error}. Delete it to download it again."
                ) from error
            except OSError as error:
                raise OSError(
                    f"Could not unpack {str(archive)!r} into {str(part)!r}: "
                    f"{error.strerror or error}. What is there is kept: call again to go on."
                ) from error
        os.replace(part, folder)
    return folder


def _unpack(archive, folder, verbose):
    with zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if _is_image(member)]
        for member in tqdm(members, desc=f"unpacking {archive.name}", disable=not verbose):
            target = folder / PurePosixPath(member.filename).name
            if target.is_file() and target.stat().st_size == member.file_size:
                continue
            written = target.with_name(f"{target.name}.tmp")
            with opened.open(member) as source, open(written, "wb") as copy:
                shutil.copyfileobj(source, copy)
            os.replace(written, target)


def _is_image(member):
    """Leave out folders, notes, and what macOS adds (``__MACOSX/._1.jpg``)."""
    name = PurePosixPath(member.filename)
    return name.suffix.lower() in IMAGE_SUFFIXES and not name.name.startswith(".")
