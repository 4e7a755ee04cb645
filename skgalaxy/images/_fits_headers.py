"""Checks of FITS headers, which keep damaged files from this process before astropy reads them.

Astropy counts as many axes as a header claims, for ever if need be. And two of its decoders of
compressed tiles, HCOMPRESS_1 and PLIO_1, write wherever damaged data tell them to, which ends the
process. Files of these two, rare ones, are unpacked by a process of their own.
"""

import io
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

from skgalaxy.images._opening import read_limited

__all__ = ["safe_fits"]

BLOCK = 2880  # bytes; headers and data begin at multiples of it
CARD = re.compile(rb"([A-Z]+\d*) *= *(-?\d{1,40}) *(?:/|$)")
MOST = 999  # axes and columns that the standard allows; and blocks that a header may take
# Anything but the two decoders that are known to keep to their memory.
UNSAFE = re.compile(rb"ZCMPTYPE(?! *= *'(?:RICE_|GZIP_))")
UNPACK = """
import io, sys, warnings
from astropy.io import fits

warnings.simplefilter("ignore")
hdus = fits.open(io.BytesIO(sys.stdin.buffer.read()), uint=False)
for i, hdu in enumerate(hdus):
    if isinstance(hdu, fits.CompImageHDU):
        hdus[i] = fits.ImageHDU(hdu.data, hdu.header)
file = io.BytesIO()
hdus.writeto(file, output_verify="silentfix")
sys.stdout.buffer.write(file.getvalue())
"""
SECONDS = 60  # that unpacking one file may take


def safe_fits(file: IO[bytes]) -> IO[bytes]:
    """`file`, or an unpacked copy of it, if astropy can read it in this process."""
    is_unsafe = False
    for lines in _headers(file):
        cards = _numbers(lines)
        for key in ("NAXIS", "ZNAXIS", "TFIELDS"):
            if cards.get(key, 0) > MOST:
                raise ValueError(f"a header has {key} = {cards[key]}, and the most is {MOST}")
        is_unsafe |= any(map(UNSAFE.match, lines))
    file.seek(0)
    return io.BytesIO(_unpacked(read_limited(file))) if is_unsafe else file


def _unpacked(content: bytes) -> bytes:
    """Content of a FITS file with plain images in the place of compressed ones."""
    try:
        run = subprocess.run(
            [sys.executable, "-c", UNPACK], input=content, capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ValueError("its tiles cannot be unpacked") from None
    if run.returncode:
        last = run.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ValueError(f"its tiles cannot be unpacked ({''.join(last) or run.returncode})")
    return run.stdout


def _headers(file: IO[bytes]) -> Iterator[list[bytes]]:
    """Lines of every header of a FITS file, as far as it can be followed."""
    start = 0
    while True:
        file.seek(start)
        lines = _header(file)
        if not lines:
            return
        yield lines
        cards = _numbers(lines)
        axes = [cards.get(f"NAXIS{i + 1}", 0) for i in range(cards.get("NAXIS", 0))]
        n_values = cards.get("PCOUNT", 0) + (math.prod(axes) if axes else 0)
        n_bytes = abs(cards.get("BITPIX", 8)) // 8 * cards.get("GCOUNT", 1) * n_values
        start += len(lines) * 80 + max(-(-n_bytes // BLOCK), 0) * BLOCK


def _header(file: IO[bytes]) -> list[bytes]:
    """Lines of the header that begins here."""
    lines: list[bytes] = []
    for _ in range(MOST):
        block = file.read(BLOCK)
        if len(block) < BLOCK:  # the end of the file
            return lines
        lines += [block[i : i + 80] for i in range(0, BLOCK, 80)]
        if any(line.startswith(b"END     ") for line in lines[-BLOCK // 80 :]):
            return lines
    raise ValueError("a header has no end")


def _numbers(lines: list[bytes]) -> dict[str, int]:
    """Whole numbers in the lines of a header, by their keys."""
    return {m[1].decode(): int(m[2]) for m in map(CARD.match, lines) if m}
