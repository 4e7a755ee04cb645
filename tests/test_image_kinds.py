"""Kinds of files that the field holds: bands, cubes, packed, deep, empty and unreadable ones."""

import bz2
import errno
import gzip
import itertools
import os
import struct
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skgalaxy.images import (
    ImageLoader,
    _cutouts,
    _opening,
    open_images,
    pack_images,
    read_cutouts,
    read_image,
    read_images,
)
from skgalaxy.zooniverse import write_manifest

fits = pytest.importorskip("astropy.io.fits")

LINEAR = {"flux_range": (0, 255), "softening": 1e6}
PLAIN = {"size": 16, "color": True, **LINEAR}


@pytest.fixture
def levels():
    """Return red, green and blue levels, (16, 16, 3) with the top row first."""
    return np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.float32)


@pytest.fixture
def save(tmp_path):
    """Return a function that writes planes (n, h, w), top row first, and returns the path."""

    def write(planes, name="galaxy.fits", last=False, **cards):
        flux = np.asarray(planes)[..., ::-1, :]
        hdu = fits.PrimaryHDU(np.moveaxis(flux, 0, -1) if last else flux)
        hdu.header.update(cards)
        hdu.writeto(tmp_path / name, overwrite=True)
        return tmp_path / name

    return write


def write_raw(path, stored, cards, unit):
    """Write the numbers of a FITS file as they are, and cards that say what they mean."""
    if unit == "plain":
        hdus = [fits.PrimaryHDU(stored)]
    else:
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(stored, compression_type=unit)]
    fits.HDUList(hdus).writeto(path)
    with fits.open(path, disable_image_compression=True, mode="update") as file:
        file[-1].header.update(cards)


def write_tiff(path, numbers):
    """Write a TIFF of one plane as `numbers` are in memory; Pillow does not write all kinds."""
    mark = ">" if numbers.dtype.str.startswith(">") else "<"
    height, width = numbers.shape
    n_bits, kind = 8 * numbers.itemsize, "_uif".index(numbers.dtype.kind)
    tags = {256: width, 257: height, 258: n_bits, 259: 1, 262: 1, 273: 0, 277: 1, 278: height}
    tags |= {279: numbers.nbytes, 339: kind}
    tags[273] = 8 + 2 + 12 * len(tags) + 4  # where the pixels begin
    head = {"<": b"II*\0", ">": b"MM\0*"}[mark] + struct.pack(f"{mark}IH", 8, len(tags))
    cards = [struct.pack(f"{mark}HHII", tag, 4, 1, value) for tag, value in tags.items()]
    path.write_bytes(head + b"".join(cards) + bytes(4) + numbers.tobytes())


def same(read, levels):
    np.testing.assert_allclose(read.astype(float), levels, atol=1)


# the wavelengths of a galaxy's bands, and names for them in the order blue, green, red
TRIPLES = ["grz", "gri", "BVR", "vri", "ugr", "JHK", "BGR"]
NAMES = [
    *TRIPLES,
    ("HSC-G", "HSC-R2", "HSC-I2"),
    ("g DECam SDSS c0001 4720.0 1520.0", "r DECam SDSS c0002", "z DECam c0004"),
    ("F435W", "F606W", "F814W"),
    ("F105W", "F125W", "F160W"),
    ("F277W", "F356W", "F444W"),
    ("g.00000", "r.00000", "i.00000"),
    ("u", "g*", "Ks"),
    ("w1", "w2", "w3"),
    ("blue", "green", "red"),
]


class TestBands:
    """The longest wavelength is red, whatever the order of the file."""

    @pytest.mark.parametrize("names", NAMES, ids=str)
    @pytest.mark.parametrize("last", [False, True])
    def test_header(self, save, levels, names, last):
        for order in itertools.permutations(range(3)):
            planes = np.stack([levels[..., 2 - i] for i in order])
            named = [names[i] for i in order]
            numbered = {f"BAND{i}": name for i, name in enumerate(named)}
            same(read_image(save(planes, last=last, **numbered), **PLAIN), levels)
            filters = {f"FILTER{i}": name for i, name in enumerate(named, start=1)}
            same(read_image(save(planes, last=last, **filters), **PLAIN), levels)
            together = "".join(named) if isinstance(names, str) else ",".join(named)
            if not any(" " in name for name in named):
                same(read_image(save(planes, last=last, BANDS=together), **PLAIN), levels)

    @pytest.mark.parametrize("names", NAMES, ids=str)
    def test_caller(self, save, levels, names):
        for order in itertools.permutations(range(3)):
            planes, named = np.stack([levels[..., 2 - i] for i in order]), [names[i] for i in order]
            bands = "".join(named) if isinstance(names, str) else tuple(named)
            for cards in ({}, {"BANDS": bands} if isinstance(bands, str) else {}):
                path = save(planes, **cards)
                same(read_image(path, bands=bands, **PLAIN), levels)
                loader = ImageLoader(**PLAIN, bands=bands)
                same(loader.transform([path])[0], levels)
            same(read_cutouts(path, [(7.5, 7.5)], 16, bands=bands, **PLAIN)[0], levels)

    @pytest.mark.parametrize("bands", [(480, 625, 905), [0.48, 0.625, 0.9], np.arange(1, 4)])
    def test_wavelengths(self, save, levels, bands):
        path = save(np.moveaxis(levels[..., ::-1], -1, 0))
        same(read_image(path, bands=bands, **PLAIN), levels)
        same(read_image(path, bands=[-value for value in bands], **PLAIN), levels[..., ::-1])

    @pytest.mark.parametrize(
        "axis",
        [
            {"CTYPE3": "WAVE", "CRVAL3": 480.0, "CRPIX3": 1.0, "CDELT3": 150.0},
            {"CTYPE3": "FREQ", "CRVAL3": 9e14, "CRPIX3": 1.0, "CDELT3": -1e14},
        ],
    )
    def test_spectral_axis(self, save, levels, axis):
        same(read_image(save(np.moveaxis(levels[..., ::-1], -1, 0), **axis), **PLAIN), levels)
        axis["CDELT3"] *= -1
        same(read_image(save(np.moveaxis(levels, -1, 0), **axis), **PLAIN), levels)

    def test_nobody_says(self, save, levels):
        same(read_image(save(np.moveaxis(levels, -1, 0)), **PLAIN), levels)
        # two wheels of filters, and one plane
        same(
            read_image(save(levels[None, ..., 0], FILTER1="CLEAR1L", FILTER2="F814W"), **PLAIN),
            np.dstack([levels[..., 0]] * 3),
        )

    def test_more_than_three(self, save, levels):
        """Of griz, those that are asked for; without a word, none is taken by chance."""
        planes = np.stack([levels[..., 2], levels[..., 1], 0 * levels[..., 0], levels[..., 0]])
        path = save(planes, BANDS="griz")
        with pytest.raises(ValueError, match=r"4 planes \(g, r, i, z\).*by `bands`.*\(4, 16, 16\)"):
            read_image(path, **PLAIN)
        for bands in ("grz", "zrg", ("g", "r", None, "z"), (1, 2, None, 4)):
            same(read_image(path, bands=bands, **PLAIN), levels)
        same(read_image(path, bands="z", size=16, **LINEAR), levels[..., 0])
        unnamed = save(planes)
        same(read_image(unnamed, bands=("g", "r", None, "z"), **PLAIN), levels)
        same(read_image(unnamed, bands=(None, None, None, "z"), size=16, **LINEAR), levels[..., 0])
        with pytest.raises(ValueError, match=r"4 planes are not those of bands=\('g', 'r', 'z'\)"):
            read_image(unnamed, bands="grz", **PLAIN)

    def test_order_that_nobody_knows(self, save, levels):
        planes = np.moveaxis(levels, -1, 0)
        path = save(planes, FILTER1="Ha", FILTER2="OIII", FILTER3="SII")
        with pytest.raises(ValueError, match=r"\(Ha, OIII, SII\) is not known; give"):
            read_image(path, **PLAIN)
        same(read_image(path, bands=(656, 501, 672), **PLAIN), levels[..., [2, 0, 1]])
        grey = read_image(path, size=16, **LINEAR)  # their mean needs no order
        same(grey, levels.mean(axis=-1))
        # Webb's 1.6 and 4.4 µm, or Hubble's 1.6 µm and 444 nm?
        ambiguous = save(planes, FILTER1="F150W", FILTER2="F277W", FILTER3="F444W")
        with pytest.raises(ValueError, match="is not known"):
            read_image(ambiguous, **PLAIN)

    @pytest.mark.parametrize(
        ("bands", "error"),
        [("gr", ValueError), ((), ValueError), ((None,) * 3, ValueError), ("rrg", ValueError),
         (("Ha", "OIII", "SII"), ValueError), ((1, 2, "r"), ValueError), (3, TypeError),
         ((True, 1, 2), TypeError), (([], 1, 2), TypeError), ((np.nan, 1, 2), ValueError)],
    )  # fmt: skip
    def test_refused(self, bands, error):
        with pytest.raises(error, match="`bands` must be None or the bands of the planes"):
            read_image("nowhere.fits", bands=bands)

    def test_volunteers_see_the_same(self, save, levels, tmp_path):
        path = save(np.moveaxis(levels[..., ::-1], -1, 0))
        write_manifest(tmp_path / "m", ["a"], [path], bands="grz", size=16, flux_range=(0, 255))
        shown = np.asarray(Image.open(tmp_path / "m" / "images" / "a.png"))
        expected = read_image(path, bands="grz", size=16, color=True, flux_range=(0, 255))
        np.testing.assert_array_equal(shown, expected)

    def test_a_store_knows_them(self, save, levels, tmp_path):
        path = save(np.moveaxis(levels, -1, 0))
        for _ in range(2):
            pack_images([path], tmp_path / "store", bands=("z", "r", "g"), **PLAIN)
        same(open_images(tmp_path / "store", verify=True)[0], levels)
        with pytest.raises(ValueError, match="`bands` must be "):
            pack_images([path], tmp_path / "store", bands="grz", **PLAIN)


class TestEntries:
    """Files of several entries, and cubes of several shapes."""

    @pytest.fixture
    def flux(self, levels):
        return levels[..., 0]

    def write(self, path, *entries):
        hdus = [fits.ImageHDU(flux[::-1], name=name) for name, flux in entries]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
        return path

    @pytest.mark.parametrize("by", ["FILTER", "BAND", "EXTNAME"])
    def test_bands_in_entries_of_their_own_are_no_colours(self, tmp_path, flux, by):
        hdus = [fits.ImageHDU(flux[::-1] * factor) for factor in (1, 2, 3)]
        for hdu, band in zip(hdus, "grz", strict=True):
            hdu.header[by] = band
        path = tmp_path / "a.fits"
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
        same(read_image(path, size=16, **LINEAR), flux)  # the first
        for options in ({"color": True}, {"bands": "grz"}):
            with pytest.raises(ValueError, match=r"(?i)its bands g, r, z are entries of their own"):
                read_image(path, **options)
            with pytest.raises(ValueError, match=r"(?i)its bands g, r, z are entries of their own"):
                read_cutouts(path, [(7.5, 7.5)], 9, **options)
        for hdu in hdus:  # of one band: an image, and its model
            hdu.header[by] = "r"
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
        assert read_image(path, color=True).shape == (64, 64, 3)

    @pytest.mark.parametrize("other", ["DQ", "ERR", "WHT", "MASK", "VARIANCE", "invvar"])
    def test_science_is_shown(self, tmp_path, flux, other):
        entries = [(other, 0 * flux + np.eye(16)), ("SCI", flux)]
        for i, order in enumerate((entries, entries[::-1])):
            path = self.write(tmp_path / f"{i}.fits", *order)
            same(read_image(path, size=16, **LINEAR), flux)
            same(read_cutouts(path, [(7.5, 7.5)], 16, size=16, **LINEAR)[0], flux)
        only = self.write(tmp_path / "only.fits", entries[0])
        with pytest.raises(ValueError, match=f"only {other.upper()}"):
            read_image(only)

    @pytest.mark.parametrize("unit", ["plain", "RICE_1", "HCOMPRESS_1"])
    @pytest.mark.parametrize("bits", [16, 32])
    def test_unsigned_pixels_without_a_value(self, tmp_path, flux, unit, bits):
        """They were the brightest: BLANK is the number in the file, before BZERO is added."""
        zero = 2 ** (bits - 1)
        stored = (np.rint(100 * flux[::-1]).astype(np.int64) - zero).astype(f"i{bits // 8}")
        stored[:4] = zero - 1
        path, cards = tmp_path / "a.fits", {"BSCALE": 1, "BZERO": zero, "BLANK": zero - 1}
        write_raw(path, stored, cards, unit)
        holes = flux[::-1].copy() * 100
        holes[:4] = np.nan
        fits.writeto(tmp_path / "b.fits", np.rint(holes))
        np.testing.assert_array_equal(*read_images([path, tmp_path / "b.fits"], size=16))
        cuts = [
            read_cutouts(name, [(7.5, 7.5)], 16, size=16) for name in (path, tmp_path / "b.fits")
        ]
        np.testing.assert_array_equal(*cuts)

    @pytest.mark.parametrize("kind", ["u2", "u4"])
    def test_unsigned_pixels(self, tmp_path, flux, kind):
        top = np.iinfo(kind).max
        fits.writeto(tmp_path / "a.fits", np.rint(flux[::-1] * (top // 256)).astype(kind))
        fits.writeto(tmp_path / "b.fits", np.rint(flux[::-1] * (top // 256)))
        np.testing.assert_array_equal(
            *read_images([tmp_path / "a.fits", tmp_path / "b.fits"], size=16)
        )

    @pytest.mark.parametrize("other", ["ERR_G", "sci_err", "G-WHT", "MASK 2", "MODEL", "RESIDUAL"])
    @pytest.mark.parametrize("name", ["G", "DATA", "", "PSF_MATCHED", "SERENDIP", "UNCERTAIN"])
    def test_other_names(self, tmp_path, flux, other, name):
        path = self.write(tmp_path / "a.fits", (other, 0 * flux + np.eye(16)), (name, flux))
        same(read_image(path, size=16, **LINEAR), flux)
        same(read_cutouts(path, [(7.5, 7.5)], 16, size=16, **LINEAR)[0], flux)

    def test_a_model_alone_is_an_image(self, tmp_path, flux):
        path = self.write(tmp_path / "a.fits", ("MODEL", flux), ("ERR_MODEL", 0 * flux))
        same(read_image(path, size=16, **LINEAR), flux)

    def test_science_before_a_preview(self, tmp_path, flux):
        path = self.write(tmp_path / "a.fits", ("", np.eye(16)), ("SCI", flux))
        same(read_image(path, size=16, **LINEAR), flux)
        unnamed = self.write(tmp_path / "b.fits", ("WHT", np.eye(16)), ("", flux))
        same(read_image(unnamed, size=16, **LINEAR), flux)

    @pytest.mark.parametrize(
        "shape", [(1, 16, 16), (16, 16, 1), (1, 1, 16, 16), (1, 16, 16, 1)], ids=str
    )
    def test_axes_of_one(self, tmp_path, flux, shape):
        fits.writeto(tmp_path / "a.fits", flux[::-1].reshape(shape))
        same(read_image(tmp_path / "a.fits", size=16, **LINEAR), flux)
        same(read_cutouts(tmp_path / "a.fits", [(7.5, 7.5)], 16, size=16, **LINEAR)[0], flux)

    @pytest.mark.parametrize("shape", [(3, 1, 16, 16), (1, 3, 16, 16), (1, 16, 16, 3)], ids=str)
    def test_planes_among_axes_of_one(self, tmp_path, levels, shape):
        planes = levels[::-1] if shape[-1] == 3 else np.moveaxis(levels[::-1], -1, 0)
        fits.writeto(tmp_path / "a.fits", planes.reshape(shape))
        same(read_image(tmp_path / "a.fits", **PLAIN), levels)
        same(read_cutouts(tmp_path / "a.fits", [(7.5, 7.5)], 16, **PLAIN)[0], levels)

    @pytest.mark.parametrize(
        "shape", [(5, 16, 16), (16, 16, 5), (40, 16, 16), (2, 16, 16), (2, 3, 16, 16), (99,)]
    )
    def test_a_shape_that_cannot_be_shown_is_named(self, tmp_path, shape):
        fits.writeto(tmp_path / "a.fits", np.random.default_rng(0).random(shape))
        with pytest.raises(ValueError, match=r"shape|holds no image") as caught:
            read_image(tmp_path / "a.fits")
        assert "damaged" not in str(caught.value)  # it is whole

    @pytest.mark.parametrize("name", ["a.fit", "a.fts", "a", "a.dat", "a.FITS", "a.fits.fz"])
    @pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress])
    def test_known_by_content(self, tmp_path, flux, name, pack):
        fits.writeto(tmp_path / "whole.fits", flux[::-1])
        content = (tmp_path / "whole.fits").read_bytes()
        (tmp_path / name).write_bytes(pack(content) if pack else content)
        same(read_image(tmp_path / name, size=16, **LINEAR), flux)

    def test_other_pictures_are_known_by_content_too(self, tmp_path, flux):
        image = Image.fromarray(flux.astype(np.uint8))
        image.save(tmp_path / "a.png")
        (tmp_path / "a.fits").write_bytes((tmp_path / "a.png").read_bytes())
        (tmp_path / "a.png.gz").write_bytes(gzip.compress((tmp_path / "a.png").read_bytes()))
        for name in ("a.fits", "a.png.gz"):
            np.testing.assert_array_equal(read_image(tmp_path / name, size=16), image)


class TestDeepPictures:
    """More than eight bits: levels up to 65535, or flux."""

    def test_levels(self, tmp_path):
        levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
        for name in ("a.png", "a.tif"):
            Image.fromarray(levels * 257).save(tmp_path / name)
        (tmp_path / "a.pgm").write_bytes(
            b"P5 16 16 65535\n" + (levels * 257).astype(">u2").tobytes()
        )
        (tmp_path / "b.pgm").write_bytes(b"P5 16 16 4095\n" + (levels * 16).astype(">u2").tobytes())
        for name, atol in (("a.png", 0), ("a.tif", 0), ("a.pgm", 0), ("b.pgm", 1)):
            read = read_image(tmp_path / name, size=16).astype(int)
            np.testing.assert_allclose(read, levels, atol=atol, err_msg=name)

    def test_white_is_zero(self, tmp_path):
        levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
        Image.fromarray(levels * 257).save(tmp_path / "a.tif", tiffinfo={262: 0})
        with Image.open(tmp_path / "a.tif") as image:
            if image.tag_v2[262] != 0:
                pytest.skip("Pillow writes black as 0")
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif", size=16), 255 - levels)

    @pytest.mark.parametrize("kind", [np.float32, np.int32])
    def test_flux(self, tmp_path, levels, kind):
        """A TIFF of 32 bits is what a FITS file of the same pixels is."""
        flux = (levels[..., 0] * 100 - 500).astype(kind)
        Image.fromarray(flux).save(tmp_path / "a.tif")
        fits.writeto(tmp_path / "a.fits", flux[::-1])
        for how in ({}, {"flux_range": (0, 2e4)}, {"crop": 9, "softening": 0.01}):
            read = read_images([tmp_path / "a.tif", tmp_path / "a.fits"], size=9, **how)
            np.testing.assert_array_equal(*read)

    @pytest.mark.parametrize("kind", ["i1", "<i2", ">i2", "<i4", ">i4", "<u4"])
    def test_whole_numbers_of_tiff(self, tmp_path, kind):
        """Pillow gives int8 as uint8, and uint32 as int32."""
        limits = np.iinfo(kind)
        flux = np.linspace(limits.min, limits.max, 256).reshape(16, 16).astype(kind)
        write_tiff(tmp_path / "a.tif", flux)
        fits.writeto(tmp_path / "a.fits", flux[::-1].astype(np.float64))
        np.testing.assert_array_equal(
            *read_images([tmp_path / "a.tif", tmp_path / "a.fits"], size=16)
        )

    def test_tiff_that_pillow_does_not_read(self, tmp_path):
        write_tiff(tmp_path / "a.tif", np.eye(9))
        with pytest.raises(
            ValueError, match=r"a\.tif' cannot be read .*64 bits.*; save it as FITS\."
        ):
            read_image(tmp_path / "a.tif")


class TestNothingToSee:
    @pytest.fixture
    def paths(self, tmp_path, levels):
        """Return paths of which the first shows something."""
        fits.writeto(tmp_path / "good.fits", levels[..., 0])
        fits.writeto(tmp_path / "zero.fits", np.zeros((16, 16)))
        fits.writeto(tmp_path / "seven.fits", np.full((3, 16, 16), 7))
        holes = np.full((16, 16), np.nan)
        holes[3] = 2
        fits.writeto(tmp_path / "holes.fits", holes)
        Image.new("L", (16, 16)).save(tmp_path / "black.png")
        Image.new("RGB", (16, 16), (10, 20, 30)).save(tmp_path / "colour.png")
        Image.new("RGBA", (16, 16), (10, 20, 30, 0)).save(tmp_path / "clear.png")
        Image.new("L", (16, 16), 255).save(tmp_path / "white.jpg")
        names = ["good.fits", "zero.fits", "seven.fits", "holes.fits"]
        names += ["black.png", "colour.png", "clear.png", "white.jpg"]
        return [tmp_path / name for name in names]

    @pytest.mark.parametrize("color", [False, True])
    def test_is_named_and_left_out(self, paths, tmp_path, color):
        images, broken = read_images(paths, color=color, on_error="report")
        assert broken["row"].to_list() == [*range(1, len(paths))]
        assert broken["reason"].str.contains("is empty: all of its 16 x 16 pixels are").all()
        assert not images[1:].any()
        for row, path in enumerate(paths[1:], start=1):
            for read in (read_image, lambda path: read_images([path])):
                with pytest.raises(ValueError, match="is empty"):
                    read(path)
            with pytest.raises(ValueError, match=rf"is empty.* row {row} of `X`"):
                ImageLoader(color=color).transform([paths[0]] * row + [path])
        with pytest.warns(UserWarning, match="7 of 8 files are left out"):
            packed = pack_images(paths, tmp_path / "store", color=color)
        pd.testing.assert_frame_equal(packed, broken)

    def test_what_is_kept_decides(self, tmp_path):
        """A star at the edge makes no galaxy of an empty middle."""
        flux = np.zeros((16, 16))
        flux[0, 0] = 1
        fits.writeto(tmp_path / "edge.fits", flux)
        assert read_image(tmp_path / "edge.fits").any()
        with pytest.raises(ValueError, match="all of its 8 x 8 pixels"):
            read_image(tmp_path / "edge.fits", crop=8)

    def test_a_range_that_shows_nothing(self, paths):
        with pytest.raises(ValueError, match="is empty"):
            read_image(paths[0], flux_range=(1e6, 1e7))

    def test_off_the_footprint_of_a_mosaic(self, tmp_path):
        flux = np.zeros((64, 64))
        flux[:32] = np.random.default_rng(0).random((32, 64))
        fits.writeto(tmp_path / "field.fits", flux)
        _, broken = read_cutouts(
            tmp_path / "field.fits", [(20, 20), (20, 50)], 9, size=9, on_error="report"
        )
        assert broken["row"].to_list() == [1]
        assert "is empty" in broken["reason"][0]

    def test_no_request_to_volunteers(self, paths, tmp_path):
        with pytest.raises(ValueError, match=r"is empty.* row 1 of `images`"):
            write_manifest(tmp_path / "m", ["a", "b"], [paths[0], paths[4]])


ERRORS = ["EMFILE", "ENFILE", "EACCES", "EPERM", "EIO", "ENOMEM", "ESTALE", "ETIMEDOUT", "EBUSY"]


class TestErrorsOfTheSystem:
    """They say nothing about a file: never a black picture, never damage."""

    @pytest.fixture
    def paths(self, tmp_path, levels):
        fits.writeto(tmp_path / "a.fits", levels[..., 0])
        Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "b.png")
        return [tmp_path / "a.fits", tmp_path / "b.png"]

    @pytest.mark.parametrize("name", ERRORS)
    @pytest.mark.parametrize("when", ["open", "stat", "read"])
    def test_raised(self, paths, monkeypatch, name, when):
        error = OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

        def fail(*args, **how):
            raise error

        @contextmanager
        def unreadable(*args):
            with open(*args) as file:
                yield SimpleNamespace(read=fail, seek=file.seek)

        for path in paths:
            for read in (
                lambda path: read_images([path], on_error="report"),
                lambda path: ImageLoader().transform([path]),
                read_image,
                lambda path: read_cutouts(path, [(8, 8)], 8, on_error="report"),
            ):
                with monkeypatch.context() as patch:
                    if when == "stat":
                        patch.setattr(os, "stat", fail)
                    else:
                        opens = fail if when == "open" else unreadable
                        patch.setattr(_opening, "open", opens, raising=False)
                        patch.setattr(_cutouts, "open", opens, raising=False)
                    with pytest.raises(OSError, match=r"cannot be read now.* nothing about") as got:
                        read(path)
                assert got.value.errno == error.errno

    @pytest.mark.skipif(sys.platform == "win32", reason="no limits of a process")
    def test_too_many_open_files(self, paths, tmp_path):
        """What is packed after it is what would have been packed without it."""
        import resource

        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        pack_images(paths * 3, tmp_path / "whole", n_jobs=1)
        lowest_free = os.open(os.devnull, os.O_RDONLY)  # all numbers below it are taken
        os.close(lowest_free)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
            with pytest.raises(OSError, match="Too many open files"):
                pack_images(paths * 3, tmp_path / "whole")
            with pytest.raises(OSError, match="Too many open files"):
                open_images(tmp_path / "whole")
            with pytest.raises(OSError, match="Too many open files"):
                read_images(paths, on_error="report", n_jobs=1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert open_images(tmp_path / "whole", verify=True).any()


class TestRefusedWithoutReading:
    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
    def test_pipes_and_devices(self, tmp_path):
        os.mkfifo(tmp_path / "a.fits")
        os.symlink("/dev/zero", tmp_path / "b.fits")
        os.symlink("/dev/zero", tmp_path / "c.jpg")
        paths = [tmp_path / "a.fits", tmp_path / "b.fits", tmp_path / "c.jpg", tmp_path]
        _, broken = read_images(paths, on_error="report")
        assert broken["row"].to_list() == [0, 1, 2, 3]
        assert broken["reason"][:3].str.contains("it is no regular file").all()
        assert "it is a folder" in broken["reason"][3]
        for path in paths:
            with pytest.raises(ValueError, match=r"it is (no regular file|a folder)"):
                read_cutouts(path, [(1, 1)], 1)

    def test_a_picture_that_claims_too_many_pixels(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_opening, "MAX_PIXELS", 99)
        Image.linear_gradient("L").save(tmp_path / "a.png")
        with pytest.raises(ValueError, match="256 x 256 pixels, and the most"):
            read_image(tmp_path / "a.png")

    @pytest.mark.filterwarnings("ignore:File may have been truncated")
    def test_a_header_that_claims_terabytes(self, tmp_path):
        fits.writeto(tmp_path / "a.fits", np.eye(16))
        content = (tmp_path / "a.fits").read_bytes()
        for axis in (1, 2):
            old, new = f"NAXIS{axis}  = {16:>20}", f"NAXIS{axis}  = {10**6:>20}"
            content = content.replace(old.encode(), new.encode())
        (tmp_path / "a.fits").write_bytes(content)
        with pytest.raises(ValueError, match="1000000 x 1000000 pixels"):
            read_image(tmp_path / "a.fits")

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
    def test_a_small_file_that_unpacks_to_a_large_one(self, tmp_path, monkeypatch, pack):
        monkeypatch.setattr(_opening, "MAX_BYTES", 10**6)
        (tmp_path / "a.fits.gz").write_bytes(pack(bytes(10**6 + 1)))
        with pytest.raises(ValueError, match="more than 1000000 bytes"):
            read_image(tmp_path / "a.fits.gz")

    @pytest.mark.parametrize("kind", ["EPS", "PDF", "TGA", "ICO", "PCX"])
    def test_other_formats_of_pillow(self, tmp_path, kind):
        Image.linear_gradient("L").resize((64, 64)).save(tmp_path / "a.jpg", kind)
        with pytest.raises(ValueError, match="not FITS, nor a kind of BMP, GIF, JPEG"):
            read_image(tmp_path / "a.jpg")

    @pytest.mark.parametrize("path", [None, 3, b"a.png", 1.5, ["a.png"]])
    def test_what_is_no_path(self, path, tmp_path):
        for use, name in ((read_image, "path"), (open_images, "store")):
            with pytest.raises(TypeError, match=f"`{name}` must be a path, str or path-like. Got"):
                use(path)
        with pytest.raises(TypeError, match="`store` must be a path"):
            pack_images(["a.png"], path)

    def test_nul(self, tmp_path):
        for use in (read_image, open_images, lambda path: pack_images(["a"], path)):
            with pytest.raises(ValueError, match="without the character NUL"):
                use("a\0b")

    @pytest.mark.parametrize(
        "paths", [None, 7, {"a.png"}, {"a.png": 1}, pd.DataFrame({"path": ["a.png"]})], ids=str
    )
    def test_what_is_no_sequence(self, paths, tmp_path):
        for use in (read_images, lambda paths: pack_images(paths, tmp_path / "s")):
            with pytest.raises(TypeError, match="`paths` must be a sequence of paths"):
                use(paths)

    def test_masked_paths(self, tmp_path):
        paths = np.ma.array(["a.png", "b.png"], mask=[False, True])
        with pytest.raises(ValueError, match="`paths` must have no masked value"):
            read_images(paths)

    @pytest.mark.parametrize("size", [8193, 2**31, 10**30])
    def test_size(self, size):
        with pytest.raises(ValueError, match="`size` must be at most 8192 pixels"):
            read_image("a.png", size=size)

    @pytest.mark.parametrize("key", ["NAXIS", "TFIELDS"])
    @pytest.mark.parametrize("pack", [None, gzip.compress])
    @pytest.mark.timeout(20)
    def test_a_header_that_counts_for_ever(self, tmp_path, key, pack):
        table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.ones(3))])
        hdus = [fits.PrimaryHDU(), table, fits.ImageHDU(np.eye(16))]
        fits.HDUList(hdus).writeto(tmp_path / "a.fits")
        content = (tmp_path / "a.fits").read_bytes()
        number = {"NAXIS": "2", "TFIELDS": "1"}[key]
        old, new = (f"{key:8}= {value:>20}".encode() for value in (number, "9" * 20))
        assert old in content
        content = content.replace(old, new)
        (tmp_path / "a.fits").write_bytes(pack(content) if pack else content)
        for read in (read_image, lambda path: read_cutouts(path, [(8, 8)], 4)):
            with pytest.raises(ValueError, match=f"a header has {key} = 9999"):
                read(tmp_path / "a.fits")

    def test_a_header_without_an_end(self, tmp_path):
        (tmp_path / "a.fits").write_bytes(b"SIMPLE  =                    T".ljust(2880) * 1100)
        with pytest.raises(ValueError, match="a header has no end"):
            read_image(tmp_path / "a.fits")

    @pytest.mark.parametrize("kind", ["HCOMPRESS_1", "PLIO_1"])
    def test_a_decoder_that_may_crash_runs_apart(self, tmp_path, kind):
        """A tile larger than its place would be written over memory that is not its own."""
        levels = np.random.default_rng(0).integers(0, 200, (24, 20)).astype(np.int16)
        packed = fits.CompImageHDU(levels, compression_type=kind)
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "a.fz")
        fits.writeto(tmp_path / "a.fits", levels)
        read = read_images([tmp_path / "a.fz", tmp_path / "a.fits"], size=20)
        np.testing.assert_array_equal(*read)
        content = (tmp_path / "a.fz").read_bytes()
        old, new = (f"ZNAXIS1 = {value:>20}".encode() for value in (20, 7))
        assert old in content
        (tmp_path / "b.fz").write_bytes(content.replace(old, new))
        _, broken = read_images([tmp_path / "b.fz"], on_error="report")
        if kind == "HCOMPRESS_1":
            assert "its tiles cannot be unpacked" in broken["reason"][0]
