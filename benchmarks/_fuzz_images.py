"""Damaged pictures of every format that is read: each must be read or reported, and never raise."""

import bz2
import gzip
import io
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from PIL import Image

from skgalaxy.images import read_cutouts, read_images

# Cards of a FITS header that say how the rest is to be read, and values that lie.
CARDS = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT")
PACKED_CARDS = ("TFIELDS", "TTYPE1", "TFORM1", "ZCMPTYPE", "ZBITPIX", "ZNAXIS", "ZNAXIS1", "ZTILE1")
# Unpacked by a process of its own, which takes a second: fewer of these.
APART = ("fits, HCOMPRESS_1", "fits, PLIO_1")
LIMIT = 90  # seconds
LIES = ("0", "-1", "1", "3", "7", "8", "999", "1000000", "99999999999999999999", "T", "'x'", "1.5")


def pictures() -> dict[str, bytes]:
    """Return the bytes of a whole file of every kind, by its name."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 256, (24, 20), dtype=np.uint8)
    colour = Image.fromarray(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    grey, deep = Image.fromarray(level), Image.fromarray(level.astype(np.uint16) * 257)
    pages = {"save_all": True, "append_images": [colour.rotate(90), colour]}
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "bmp": _saved(colour, "BMP"),
        "gif": _saved(colour.quantize(), "GIF"),
        "gif, moving": _saved(colour, "GIF", **pages),
        "jpeg": _saved(colour, "JPEG", exif=exif),
        "jpeg, progressive": _saved(colour, "JPEG", progressive=True),
        "jpeg, CMYK": _saved(colour.convert("CMYK"), "JPEG"),
        "jpeg 2000": _saved(colour, "JPEG2000"),
        "png": _saved(colour, "PNG", exif=exif),
        "png, palette": _saved(colour.quantize(), "PNG", transparency=3),
        "png, transparent": _saved(colour.convert("RGBA"), "PNG"),
        "png, 16 bits": _saved(deep, "PNG"),
        "pgm": _saved(grey, "PPM"),
        "pgm, 16 bits": b"P5 20 24 4095\n" + (level * np.uint16(16)).astype(">u2").tobytes(),
        "ppm, text": b"P3 4 4 255\n" + b" ".join(b"%d" % v for v in level.ravel()[:48]) + b"\n",
        "tiff": _saved(colour, "TIFF"),
        "tiff, LZW": _saved(colour, "TIFF", compression="tiff_lzw"),
        "tiff, deflated": _saved(grey, "TIFF", compression="tiff_adobe_deflate"),
        "tiff, JPEG": _saved(colour, "TIFF", compression="jpeg"),
        "tiff, 16 bits": _saved(deep, "TIFF"),
        "tiff, float": _saved(Image.fromarray(level.astype(np.float32)), "TIFF"),
        "tiff, pages": _saved(colour, "TIFF", **pages),
        "webp": _saved(colour, "WEBP"),
        "webp, lossless": _saved(colour.convert("RGBA"), "WEBP", lossless=True),
        "webp, moving": _saved(colour, "WEBP", **pages),
    }
    return files | _fits_files(level)


def _saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def _fits_files(level: NDArray[Any]) -> dict[str, bytes]:
    """Return the bytes of FITS files of every kind."""
    flux = level.astype(np.float32)
    cube = fits.PrimaryHDU(np.stack([flux, 2 * flux, 3 * flux]))
    cube.header["BANDS"] = "grz"
    columns = [fits.Column("a", "E", array=np.ones(3)), fits.Column("b", "3A", array=["x"] * 3)]
    parts = [
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns(columns),
        fits.ImageHDU(level.astype(np.int16), name="DQ"),
        fits.ImageHDU(flux, name="SCI"),
    ]
    files = {
        "fits": _written(fits.PrimaryHDU(flux)),
        "fits, uint16": _written(fits.PrimaryHDU(level.astype(np.uint16))),
        "fits, cube": _written(cube),
        "fits, (h, w, 3)": _written(fits.PrimaryHDU(np.stack([flux] * 3, axis=-1))),
        "fits, parts": _written(*parts),
    }
    for kind in ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"):
        hdu = fits.CompImageHDU(level.astype(np.int16), compression_type=kind)
        files[f"fits, {kind}"] = _written(fits.PrimaryHDU(), hdu)
    files["fits, quantised"] = _written(fits.PrimaryHDU(), fits.CompImageHDU(flux))
    files["fits, gzip"] = gzip.compress(files["fits"])
    files["fits, bzip2"] = bz2.compress(files["fits, cube"])
    return files


def _written(*hdus: Any) -> bytes:
    file = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(file)
    return file.getvalue()


def mutated(content: Any, rng: np.random.Generator, is_fits: bool) -> bytes:
    """Return a file of which something is changed, in one of many ways."""
    content = bytearray(content)
    if is_fits and rng.random() < 0.5:
        return _lying(content, rng)
    start = int(rng.integers(len(content)))
    # Most of what a reader trusts stands at the beginning.
    start = start if rng.random() < 0.5 else start % min(len(content), 200)
    n = int(rng.integers(1, 65))
    match int(rng.integers(6)):
        case 0:
            content[start] ^= 1 << int(rng.integers(8))
        case 1:
            content[start : start + n] = rng.bytes(n)
        case 2:
            content[start : start + n] = bytes([int(rng.choice([0, 1, 127, 128, 255]))]) * n
        case 3:
            del content[start:]
        case 4:
            del content[start : start + n]
        case 5:
            content[start:start] = content[start : start + 4 * n]
    return bytes(content)


def _lying(content: bytearray, rng: np.random.Generator) -> bytes:
    """Return a FITS file with one or two cards that say something else, or are gone."""
    for _ in range(int(rng.integers(1, 3))):
        key = str(rng.choice(CARDS + PACKED_CARDS)).ljust(8).encode()
        places = [i for i in range(0, len(content), 80) if content[i : i + 8] == key]
        if not places:
            continue
        place = int(rng.choice(places))
        if rng.random() < 0.2:
            content[place : place + 8] = b"COMMENT "
        else:
            content[place + 8 : place + 80] = f"= {rng.choice(LIES)!s:>20}".ljust(72).encode()
    return bytes(content)


def fuzz(n: int, rng: np.random.Generator, folder: Path) -> tuple[Any, list[Any]]:
    """Read `n` damaged pictures.

    Returns
    -------
    counts : dict of str to Counter
        For each kind of file how many were "read", "reported", or an "escape".
    escapes : list of str
        What was raised, and the seconds of what took longer than `LIMIT`.
    """
    whole, counts, escapes = pictures(), {}, []
    kinds = list(whole)
    for number in range(n):
        turn, place = divmod(number, len(kinds))
        kind = kinds[place] if turn % 8 == 0 or kinds[place] not in APART else "fits, RICE_1"
        path = folder / "picture"
        path.write_bytes(mutated(whole[kind], rng, kind.startswith("fits")))
        as_mosaic = kind.startswith("fits") and turn % 4 == 3
        start = time.perf_counter()
        outcome = _outcome(path, as_mosaic)
        if time.perf_counter() - start > LIMIT:
            outcome = f"escape: took {time.perf_counter() - start:.0f} s"
        if outcome.startswith("escape"):
            (folder / f"escape_{len(escapes)}").write_bytes(path.read_bytes())
            escapes.append(f"{kind}: {outcome}")
        counts.setdefault(kind, Counter())[outcome.partition(":")[0]] += 1
    return counts, escapes


def _outcome(path: Path, as_mosaic: bool) -> str:
    """Outcome of one file: read, reported, or an escape."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astropy says much of damaged headers
            if as_mosaic:
                _, broken = read_cutouts(str(path), [(10, 10)], 4, size=4, on_error="report")
            else:
                _, broken = read_images([path], size=8, color=True, on_error="report", n_jobs=1)
    except ValueError as error:
        # A mosaic that cannot be opened has no rows to report.
        if as_mosaic and str(path) in str(error):
            return "reported"
        return f"escape: {type(error).__name__}: {error}"
    except Exception as error:
        return f"escape: {type(error).__name__}: {error}"
    return "reported" if len(broken) else "read"
