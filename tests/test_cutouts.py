"""Cutouts of a mosaic: the right pixels, by pixel or sky, at the edges and in holes."""

import os
import tracemalloc

import numpy as np
import pytest

from skgalaxy.images import read_cutouts, read_image

fits = pytest.importorskip("astropy.io.fits")
units = pytest.importorskip("astropy.units")
coordinates = pytest.importorskip("astropy.coordinates")
nddata = pytest.importorskip("astropy.nddata")
wcs = pytest.importorskip("astropy.wcs")

HEIGHT, WIDTH = 120, 170
ARCSEC_PER_PIXEL = 0.4
RANGE = {"flux_range": (0, 1), "softening": 1e6}  # all but linear


@pytest.fixture(scope="module")
def world():
    """Return a tangent plane, turned by 30 degrees, east to the left."""
    world = wcs.WCS(naxis=2)
    angle, scale = np.radians(30), ARCSEC_PER_PIXEL / 3600
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    world.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    world.wcs.crval = [150.1, 2.2]
    world.wcs.crpix = [80, 60]
    world.wcs.cd = np.array(turn) * [[-scale], [scale]]
    return world


@pytest.fixture(scope="module")
def field():
    """Return flux in [0, 1] that differs from pixel to pixel, in 1/255."""
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH)) / 255.0


@pytest.fixture
def save(tmp_path, world):
    def write(flux, name="field.fits", header=None, unit=fits.PrimaryHDU):
        hdu = unit(flux, header=world.to_header() if header is None else header)
        hdus = [hdu] if unit is fits.PrimaryHDU else [fits.PrimaryHDU(), hdu]
        fits.HDUList(hdus).writeto(tmp_path / name)
        return tmp_path / name

    return write


def pixels(flux):
    """Return flux in [0, 1] as `RANGE` shows it, the last row on top."""
    return np.rint(255 * flux)[::-1].astype(np.uint8)


class TestPlaces:
    @pytest.mark.parametrize("width", [1, 8, 9])
    @pytest.mark.parametrize("sky", [False, True])
    def test_is_cutout2d(self, save, field, world, width, sky):
        """Astropy's own cutout of the whole array, flipped."""
        xy = np.random.default_rng(1).uniform([5, 5], [WIDTH - 6, HEIGHT - 6], (20, 2))
        positions = world.pixel_to_world(*xy.T) if sky else xy
        read = read_cutouts(save(field), positions, width, size=width, **RANGE)
        expected = [
            pixels(nddata.Cutout2D(field, where, width, wcs=world, mode="strict").data)
            for where in (positions if sky else map(tuple, xy))
        ]
        np.testing.assert_allclose(read, np.array(expected).astype(float), atol=1)

    def test_x_and_y(self, save):
        flux = np.zeros((HEIGHT, WIDTH))
        flux[20, 100] = 1
        read = read_cutouts(save(flux), [(100, 20), (101, 22)], 7, size=7, flux_range=(0, 1))
        assert read[0, 3, 3] == 255
        assert read[1, 5, 2] == 255  # two rows below the middle, one column to the left
        assert np.count_nonzero(read) == 2

    def test_the_whole_mosaic_is_the_image(self, save, field):
        path = save(field[:100, :100])
        read = read_cutouts(path, [(49.5, 49.5)], 100, size=64)
        np.testing.assert_array_equal(read[0], read_image(path, size=64))

    def test_an_angle_is_a_width(self, save, field, world):
        path, xy = save(field), [(60, 60), (90.3, 50.8)]
        expected = read_cutouts(path, xy, 25, size=16)
        for angle in (10 * units.arcsec, 10 / 60 * units.arcmin, 10.1 * units.arcsec):
            np.testing.assert_array_equal(read_cutouts(path, xy, angle, size=16), expected)
        places = world.pixel_to_world(*np.transpose(xy)).galactic
        read = read_cutouts(path, places, 10 * units.arcsec, size=16)
        np.testing.assert_array_equal(read, expected)

    def test_nowhere(self, save, field):
        assert read_cutouts(save(field), np.empty((0, 2)), 9, size=8).shape == (0, 8, 8)


class TestKindsOfMosaics:
    """All are the same picture."""

    POSITIONS = ((40.2, 30.9), (100, 60))

    @pytest.fixture
    def counts(self, field):
        return np.rint(255 * field).astype(np.int16)

    @pytest.fixture
    def expected(self, counts):
        return [
            pixels(nddata.Cutout2D(counts / 255, where, 9).data).astype(float)
            for where in self.POSITIONS
        ]

    @pytest.mark.parametrize("kind", ["float32", "float64", "int16", "uint16", "uint8"])
    def test_numbers(self, save, counts, expected, kind):
        path = save(counts.astype(kind))  # uint16 is kept with BZERO
        read = read_cutouts(path, self.POSITIONS, 9, size=9, flux_range=(0, 255), softening=1e6)
        np.testing.assert_allclose(read, expected, atol=1)

    @pytest.mark.parametrize("name", ["field.fits.gz", "field.fz", "second.fits", "axes.fits"])
    def test_files(self, save, counts, expected, name):
        unit = {"field.fz": fits.CompImageHDU, "second.fits": fits.ImageHDU}.get(name)
        flux = counts[None, None] if name == "axes.fits" else counts
        path = save(flux, name, unit=unit or fits.PrimaryHDU)
        read = read_cutouts(path, self.POSITIONS, 9, size=9, flux_range=(0, 255), softening=1e6)
        np.testing.assert_allclose(read, expected, atol=1)

    @pytest.mark.parametrize("stretch", ["asinh", "lupton"])
    @pytest.mark.parametrize("color", [False, True])
    def test_three_bands(self, save, field, stretch, color):
        bands = np.stack([field, field / 2, field[::-1] / 3])
        how = {"color": color, "flux_range": (0, 0.6), "stretch": stretch, "size": 9}
        files = [save(band, f"{i}.fits") for i, band in enumerate(bands)]
        read = read_cutouts(files, self.POSITIONS, 9, **how)
        cube = read_cutouts(save(bands, "cube.fits"), self.POSITIONS, 9, **how)
        np.testing.assert_array_equal(read, cube)
        for i, (x, y) in enumerate(self.POSITIONS):
            rows, columns = slice(round(y) - 4, round(y) + 5), slice(round(x) - 4, round(x) + 5)
            path = save(bands[:, rows, columns], f"one{i}.fits")
            np.testing.assert_array_equal(read[i], read_image(path, **how))

    @pytest.mark.parametrize("kind", ["float32", "uint16"])
    def test_a_large_mosaic_is_not_read_whole(self, save, kind):
        path = save(np.eye(3000, dtype=kind))
        tracemalloc.start()
        read_cutouts(path, [(1500, 1500)], 64)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < os.path.getsize(path) / 4


class TestEdges:
    @pytest.mark.parametrize("where", [(4, 60), (60, 4), (166, 60), (60, 116), (60, -3)])
    def test_sticking_out_is_refused(self, save, field, where):
        with pytest.raises(
            ValueError,
            match=r"be on the mosaic\. Got x=\S+, y=\S+ with a square of 11 for "
            r"'.*field\.fits' of 170 x 120 pixels; .*`fill_edges`\. It is row 2 of `positions`",
        ):
            read_cutouts(save(field), [(50, 50), (5, 5), where], 11)

    @pytest.mark.parametrize("where", [(-40, 60), (60, 400), (np.nan, 60), (60, np.inf)])
    @pytest.mark.parametrize("fill_edges", [False, True])
    def test_off_the_mosaic_is_refused(self, save, field, where, fill_edges):
        with pytest.raises(ValueError, match=r"on the mosaic.* leave it out\. It is row 1 of"):
            read_cutouts(save(field), [(50, 50), where], 11, fill_edges=fill_edges)

    def test_the_other_side_of_the_sky(self, save, field):
        places = coordinates.SkyCoord([150.1, 330.1], [2.2, -2.2], unit="deg")
        with pytest.raises(ValueError, match=r"on the mosaic.* leave it out\. It is row 1"):
            read_cutouts(save(field), places, 11, fill_edges=True)

    def test_filled_with_the_median_of_the_rest(self, save, field):
        read = read_cutouts(save(field), [(2, 60)], 11, size=11, fill_edges=True, **RANGE)[0]
        kept = field[55:66, :8]
        np.testing.assert_allclose(read[:, 3:], pixels(kept).astype(float), atol=1)
        assert (read[:, :3] == np.rint(255 * np.median(kept))).all()

    def test_inside_nothing_is_filled(self, save, field):
        path, positions = save(field), [(5, 5), (164, 114), (50, 60)]
        np.testing.assert_array_equal(
            read_cutouts(path, positions, 11, fill_edges=True), read_cutouts(path, positions, 11)
        )

    @pytest.mark.parametrize("files", [1, 3])
    def test_reported(self, save, field, files):
        field = field.copy()
        field[80:, 100:] = np.nan
        paths = [save(field, f"{i}.fits") for i in range(files)]
        positions = [(50, 50), (0, 0), (130, 100), (900, 0), (100, 80)]
        images, broken = read_cutouts(
            paths if files == 3 else paths[0], positions, 11, size=11, on_error="report"
        )
        assert broken["row"].to_list() == [1, 2, 3]
        assert set(broken["path"]) == {str(paths[0])}
        for reason, part in zip(
            broken["reason"], ["fill_edges", "Got only NaN in", "leave it out"], strict=True
        ):
            assert part in reason
        assert not images[1:4].any()
        assert images[0].any()
        assert images[4].any()


class TestRefused:
    @pytest.mark.parametrize(
        ("positions", "error", "message"),
        [
            ([1, 2], ValueError, r"`positions` must be \(x, y\) in pixels.* Got shape \(2,\)"),
            ([(1, 2, 3)], ValueError, r"Got shape \(1, 3\)"),
            ([("a", "b")], TypeError, "`positions` must be .* Got could not convert"),
            (coordinates.SkyCoord(150, 2, unit="deg"), ValueError, r"SkyCoord.* Got shape \(\)"),
        ],
    )
    def test_positions(self, save, field, positions, error, message):
        with pytest.raises(error, match=message):
            read_cutouts(save(field), positions, 9)

    @pytest.mark.parametrize(
        ("width", "message"),
        [
            (0, "`width` must be an integer >= 1. Got 0"),
            (9.5, "`width` must be an integer >= 1. Got 9.5"),
            (9 * units.m, "`width` must be pixels or one angle. Got <Quantity 9. m>"),
            ([9, 8] * units.arcsec, "`width` must be pixels or one angle"),
            (0.01 * units.arcsec, "`width` must be a pixel or more. Got .*, 0.025 pixels"),
            (-9 * units.arcsec, "`width` must be a pixel or more"),
            (np.nan * units.arcsec, "`width` must be a pixel or more"),
        ],
    )
    def test_width(self, save, field, width, message):
        with pytest.raises((TypeError, ValueError), match=message):
            read_cutouts(save(field), [(50, 50)], width)

    def test_no_world_coordinates(self, save, field):
        path = save(field, header=fits.Header())
        message = r"celestial coordinates \(WCS\)\. Got '.*field\.fits', and its header"
        with pytest.raises(ValueError, match=message):
            read_cutouts(path, coordinates.SkyCoord([150], [2], unit="deg"), 9)
        with pytest.raises(ValueError, match=message):
            read_cutouts(path, [(50, 50)], 9 * units.arcsec)
        assert read_cutouts(path, [(50, 50)], 9).shape == (1, 64, 64)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"fill_edges": 1}, "`fill_edges` must be True or False. Got 1"),
            ({"on_error": "skip"}, "`on_error` must be one of"),
            ({"size": 0}, "`size` must be"),
        ],
    )
    def test_parameters(self, parameters, message):
        with pytest.raises((TypeError, ValueError), match=message):
            read_cutouts("nowhere.fits", [(50, 50)], 9, **parameters)

    def test_mosaics(self, save, field, tmp_path):
        path = save(field)
        with pytest.raises(FileNotFoundError, match=r"No image file 'nowhere\.fits'"):
            read_cutouts("nowhere.fits", [(50, 50)], 9)
        with pytest.raises(ValueError, match=r"red, green and blue band\. Got 2 paths"):
            read_cutouts([path, path], [(50, 50)], 9)
        small = save(field[1:], "small.fits")
        with pytest.raises(ValueError, match=r"of one size\. Got the shapes \[\(1, 120, 170\)"):
            read_cutouts([path, path, small], [(50, 50)], 9)
        (tmp_path / "notes.fits").write_text("not a mosaic")
        with pytest.raises(ValueError, match=r"notes\.fits' cannot be read as an image"):
            read_cutouts(tmp_path / "notes.fits", [(50, 50)], 9)
        fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
        with pytest.raises(ValueError, match=r"empty\.fits' cannot.*: it holds no image"):
            read_cutouts(tmp_path / "empty.fits", [(50, 50)], 9)

    @pytest.mark.parametrize(
        ("card", "change", "apart"),
        [("CRPIX1", 20, "20"), ("PC1_1", 1e-6, r"\d"), ("CRVAL2", 1, "")],
    )
    def test_bands_of_another_grid(self, save, field, world, card, change, apart):
        """Each was cut at the pixels of the first, another place on the sky."""
        header, nothing = world.to_header(), fits.Header()
        other = header.copy()
        other[card] += change
        paths = [save(field, f"{i}.fits", header=h) for i, h in enumerate((header, header, other))]
        message = rf"0\.fits' and '.*2\.fits', {apart}.* pixels apart by their WCS; put them on one"
        with pytest.raises(ValueError, match=message):
            read_cutouts(paths, [(50, 50)], 9, color=True)
        other[card] = header[card] * (1 + 1e-9)  # rounded otherwise
        paths[2] = save(field, "near.fits", header=other)
        read_cutouts(paths, [(50, 50)], 9, color=True)
        paths[2] = save(field, "bare.fits", header=nothing)
        read_cutouts(paths, [(50, 50)], 9, color=True)
        paths[0] = paths[2]
        read_cutouts(paths, [(50, 50)], 9, color=True)

    def test_a_header_that_nobody_uses(self, save, field, world):
        """Positions in pixels need no world coordinates that astropy understands."""
        header = world.to_header()
        header["CTYPE1"] = "RA---XXX"
        paths = [save(field, f"{i}.fits", header=header) for i in range(3)]
        read_cutouts(paths, [(50, 50)], 9, color=True)

    @pytest.mark.filterwarnings("ignore:File may have been truncated")
    def test_unfinished(self, save, field):
        path = save(field)
        path.write_bytes(path.read_bytes()[: os.path.getsize(path) // 2])
        with pytest.raises(ValueError, match=r"field\.fits' cannot be read as an image"):
            read_cutouts(path, [(50, 50), (50, 110)], 9)
