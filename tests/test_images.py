"""Reading image files: geometry, colour, depth, order, and what is said of bad files."""

import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from skgalaxy.images import ImageLoader, read_image, read_images
from skgalaxy.images._picture import Picture, PictureOptions


@pytest.fixture
def save(tmp_path):
    """Return a function that writes an array or a Pillow image and returns the path."""

    def write(image, name="galaxy.png"):
        if isinstance(image, np.ndarray):
            image = Image.fromarray(image)
        image.save(tmp_path / name)
        return tmp_path / name

    return write


def blob(size, sigma, amplitude=200.0):
    """Return a round galaxy in the middle, uint8 of shape (size, size)."""
    axis = np.arange(size) - (size - 1) / 2
    r2 = axis[:, None] ** 2 + axis[None, :] ** 2
    return np.rint(amplitude * np.exp(-r2 / (2 * sigma**2))).astype(np.uint8)


def test_the_whole_image_at_its_own_size_is_unchanged(save):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_image(save(pixels), size=40, color=True), pixels)


def test_crop_is_central(save):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    read = read_image(save(pixels), size=20, crop=20, color=False)
    np.testing.assert_array_equal(read, pixels[10:30, 20:40])


def test_default_crop_is_the_largest_central_square(save):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    path = save(pixels)
    np.testing.assert_array_equal(read_image(path, size=40, color=False), pixels[:, 10:50])
    np.testing.assert_array_equal(read_image(path), read_image(path, crop=40))


def test_shrinking_averages_and_does_not_skip(save):
    # A pattern finer than the new pixels must turn to grey. Skipping pixels would alias it.
    pixels = np.indices((256, 256)).sum(axis=0) % 2 * np.uint8(200)
    read = read_image(save(pixels.astype(np.uint8)), size=64, color=False).astype(float)
    np.testing.assert_allclose(read, 100, atol=2)


def test_shrinking_keeps_light_and_place(save):
    pixels = blob(256, sigma=30)
    read = read_image(save(pixels), size=64, color=False).astype(float)
    assert read.mean() == pytest.approx(pixels.mean(), rel=0.02)
    np.testing.assert_array_equal(read, read[::-1, ::-1])


@pytest.mark.parametrize(("color", "shape"), [(True, (32, 32, 3)), (False, (32, 32))])
def test_shape_and_type(save, color, shape):
    read = read_image(save(blob(50, 8)), size=32, color=color)
    assert read.shape == shape
    assert read.dtype == np.uint8


def test_grey_is_the_mean_of_the_colours(save):
    """A blue arm is as bright as a red one."""
    pixels = np.zeros((20, 20, 3), dtype=np.uint8)
    pixels[:9, :10, 0] = pixels[:9, 10:, 2] = 90
    expected = np.repeat([30, 0], [9, 11])[:, None] * np.ones(20)
    np.testing.assert_array_equal(read_image(save(pixels), size=20), expected)


def test_grey_file_has_three_equal_channels(save):
    read = read_image(save(blob(50, 8)), size=50, color=True)
    np.testing.assert_array_equal(read, np.repeat(blob(50, 8)[:, :, None], 3, axis=2))


def test_sixteen_bits_are_scaled_not_clipped(save):
    deep = blob(50, 8).astype(np.uint16) * 257
    np.testing.assert_array_equal(read_image(save(deep), size=50, color=False), blob(50, 8))


def deep_png(kind, *channels):
    """Return the bytes of a 16-bit PNG, which Pillow does not write.

    Its 4 x 4 pixels are equal, but for the last row, which is black.
    """

    def chunk(name, content):
        crc = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + crc

    row = struct.pack(f">{len(channels)}H", *channels) * 4
    rows = (b"\0" + row) * 3 + bytes(1 + len(row))
    head = struct.pack(">IIBBBBB", 4, 4, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("kind", "channels", "expected"),
    [
        pytest.param(0, (200,), (200, 200, 200), id="grey"),
        pytest.param(2, (200, 100, 50), (200, 100, 50), id="colour"),
        pytest.param(4, (200, 255), (200, 200, 200), id="grey with alpha"),
        pytest.param(6, (200, 100, 50, 255), (200, 100, 50), id="colour with alpha"),
    ],
)
def test_sixteen_bits_of_every_kind(tmp_path, kind, channels, expected):
    (tmp_path / "deep.png").write_bytes(deep_png(kind, *(257 * c for c in channels)))
    read = read_image(tmp_path / "deep.png", size=4, color=True)
    np.testing.assert_array_equal(read[:3], np.broadcast_to(expected, (3, 4, 3)))
    assert not read[3].any()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_was_turned(save, tmp_path, orientation):
    """Pixels come as a viewer shows them, as numpy turns them."""
    upright = np.arange(0, 240, 15, dtype=np.uint8).reshape(4, 4)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: np.rot90(upright.T, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "camera.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "camera.png", size=4), upright)


def test_damaged_notes_of_a_camera_do_no_harm(tmp_path):
    image = shaded("L", (8, 8), 70)
    image.save(tmp_path / "camera.jpg", exif=b"Exif\0\0nonsense, and more of it")
    np.testing.assert_allclose(read_image(tmp_path / "camera.jpg", size=8)[0], 70, atol=2)


def shaded(mode, size, colour):
    """Return an image of one colour, but for its last row, which is black."""
    image = Image.new(mode, size, colour)
    if image.height > 1:
        image.paste(0, (0, image.height - 1, *size))
    return image


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "pages.tif"])
def test_of_several_pictures_the_first(tmp_path, name):
    first, *rest = [shaded("L", (8, 8), grey) for grey in (50, 100, 150)]
    first.save(tmp_path / name, save_all=True, append_images=rest)
    np.testing.assert_array_equal(read_image(tmp_path / name, size=8), first)


def test_images_of_many_sizes(save):
    paths = [save(shaded("L", s, 80), f"{s}.png") for s in [(9, 9), (300, 200), (1, 7)]]
    read = read_images(paths, size=16)
    np.testing.assert_array_equal(read[:, 0], np.full((3, 16), 80))


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names must be UTF-8")
@pytest.mark.parametrize("kind", ["png", "fits"])
def test_names_that_are_not_utf_8(tmp_path, kind):
    name = os.fsdecode(b"caf\xe9." + kind.encode())
    path = str(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"caf\\udce9.*is row 0 of `paths`"):
        read_images([path])
    _, broken = read_images([path], on_error="report")
    assert os.fsencode(broken["path"][0]) == os.fsencode(path)
    if kind == "png":
        shaded("L", (8, 8), 70).save(path)
    else:
        pytest.importorskip("astropy.io.fits").PrimaryHDU(np.eye(8)).writeto(path)
    assert read_images([path], size=8).any()


@pytest.mark.parametrize("mode", ["P", "CMYK"])
def test_palette_and_cmyk_read_as_their_colours(save, mode):
    image = shaded("RGB", (20, 20), (200, 100, 50))
    image = image.quantize() if mode == "P" else image.convert(mode)
    read = read_image(save(image, "galaxy.tif"), size=20, color=True)
    np.testing.assert_allclose(read[:19], np.broadcast_to([200, 100, 50], (19, 20, 3)), atol=2)


def test_transparent_pixels_are_sky(save):
    pixels = np.full((20, 20, 4), 255, dtype=np.uint8)
    pixels[:10, :, 3] = 0  # white, but not there
    read = read_image(save(pixels), size=20)
    assert read[:10].max() == 0
    assert read[10:].min() == 255


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_many_images_are_each_image_in_order(save, n_jobs):
    paths = [save(shaded("L", (9, 9), 5 * i + 1), f"{i}.png") for i in range(50)]
    images = read_images(paths, size=4, color=False, n_jobs=n_jobs)
    np.testing.assert_array_equal(images, [read_image(p, size=4, color=False) for p in paths])
    np.testing.assert_array_equal(images[:, 0, 0], 5 * np.arange(50) + 1)


def test_no_images_is_an_empty_array():
    assert read_images([], size=8).shape == (0, 8, 8)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No image file '.*nowhere\.jpg'"):
        read_image(tmp_path / "nowhere.jpg")


def test_what_is_not_an_image_is_named(tmp_path):
    (tmp_path / "notes.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"notes\.jpg' cannot be read as an image.*damaged"):
        read_image(tmp_path / "notes.jpg")
    with pytest.raises(ValueError, match="cannot be read as an image"):
        read_image(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_unfinished_file_is_named(save, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(noise, f"half.{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"half\.{suffix}' cannot be read as an image"):
        read_images([path], n_jobs=2)


class TestBrokenFiles:
    @pytest.fixture
    def paths(self, save, tmp_path):
        """Return paths of which rows 1, 3 and 4 cannot be read."""
        (tmp_path / "notes.jpg").write_text("not a picture")
        good = save(shaded("L", (9, 9), 50))
        small = save(shaded("L", (4, 4), 50), "small.png")
        return [good, tmp_path / "notes.jpg", good, tmp_path / "nowhere.jpg", small]

    @pytest.mark.parametrize(
        ("rows", "error", "message"),
        [
            ([0, 1], ValueError, r"notes\.jpg' cannot be read.* It is row 1 of `paths`\."),
            ([0, 2, 3], FileNotFoundError, r"nowhere\.jpg'.* It is row 2 of `paths`\."),
            ([4], ValueError, r"crop=9 for '.*small\.png'.* It is row 0 of `paths`\."),
        ],
    )
    def test_file_and_row_are_named(self, paths, rows, error, message):
        with pytest.raises(error, match=message):
            read_images([paths[row] for row in rows], crop=9)

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_reported_and_not_fatal(self, paths, n_jobs):
        images, broken = read_images(paths, size=9, crop=9, on_error="report", n_jobs=n_jobs)
        np.testing.assert_array_equal(images[:, 0, 0], [50, 0, 50, 0, 0])
        assert not images[[1, 3, 4]].any()
        assert broken.columns.to_list() == ["row", "path", "reason"]
        assert broken["row"].to_list() == [1, 3, 4]
        assert broken["path"].to_list() == [str(paths[row]) for row in (1, 3, 4)]
        for reason, part in zip(broken["reason"], ["damaged", "No image", "crop=9"], strict=True):
            assert part in reason
            assert "row" not in reason

    def test_nothing_to_report(self, paths):
        images, broken = read_images(paths[:1], size=9, on_error="report")
        assert (images[0, 0] == 50).all()
        assert broken.columns.to_list() == ["row", "path", "reason"]
        assert broken["row"].dtype == np.int64
        assert len(broken) == 0

    def test_what_is_missing_here_is_no_broken_file(self, tmp_path, monkeypatch):
        (tmp_path / "galaxy.fits").write_bytes(b"SIMPLE  =                    T")
        monkeypatch.setitem(sys.modules, "astropy.io.fits", None)
        with pytest.raises(ImportError, match="needs astropy"):
            read_images([tmp_path / "galaxy.fits"], on_error="report")

    @pytest.mark.parametrize("path", [None, 1.5, b"galaxy.png", np.nan])
    def test_what_is_no_path(self, path):
        with pytest.raises(TypeError, match=r"`paths` must hold paths.* Got .* in row 1\."):
            read_images(["galaxy.png", path], on_error="report")


def test_crop_larger_than_the_image_is_refused(save):
    path = save(blob(50, 8))
    with pytest.raises(ValueError, match=r"crop=256 for '.*galaxy\.png' of 50 x 50 pixels"):
        read_image(path, crop=256)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"size": 0}, "`size` must be an integer >= 1. Got 0"),
        ({"size": 6.5}, "`size` must be an integer >= 1. Got 6.5"),
        ({"crop": -1}, "`crop` must be an integer >= 1. Got -1"),
        ({"color": "grey"}, "`color` must be True or False. Got 'grey'"),
        ({"stretch": "log"}, "`stretch` must be one of 'asinh', 'lupton'. Got 'log'"),
        ({"softening": 0}, r"`softening` must be a number in \(0, inf\). Got 0"),
        ({"on_error": "skip"}, "`on_error` must be one of 'raise', 'report'. Got 'skip'"),
        ({"n_jobs": 0}, "`n_jobs` must be None or an integer other than 0. Got 0"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        read_images([], **parameters)


def test_one_path_is_not_a_sequence_of_paths():
    with pytest.raises(TypeError, match="`paths` must be a sequence of paths"):
        read_images("galaxy.jpg")


class TestFITS:
    """FITS as astronomers keep it: flux, rows from the bottom, planes, compression, holes."""

    @pytest.fixture
    def fits(self):
        return pytest.importorskip("astropy.io.fits")

    @pytest.fixture
    def save_fits(self, fits, tmp_path):
        """Return a function that writes a FITS file of one image and returns the path."""

        def write(flux, name="galaxy.fits"):
            fits.PrimaryHDU(flux).writeto(tmp_path / name)
            return tmp_path / name

        return write

    @pytest.fixture
    def flux(self):
        """Return a galaxy on sky and noise, in nanomaggies, say."""
        rng = np.random.default_rng(0)
        return 50.0 * (blob(60, 4) / 200.0) + rng.normal(0.1, 0.05, (60, 60))

    def test_stretch_is_that_of_astropy(self, save_fits, flux):
        read = read_image(save_fits(flux[::-1]), size=60)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "matplotlib", None)  # needed by neither
            visualization = pytest.importorskip("astropy.visualization")
        interval = visualization.AsymmetricPercentileInterval(1, 99.8)
        expected = 255 * visualization.AsinhStretch(a=0.1)(interval(flux))
        np.testing.assert_allclose(read, expected, atol=0.51)

    def test_first_row_is_at_the_bottom(self, save_fits):
        flux = np.zeros((20, 20))
        flux[:5] = 1
        read = read_image(save_fits(flux), size=20)
        assert (read[-5:] == 255).all()
        assert (read[:-5] == 0).all()

    def test_percentiles_are_of_what_is_kept(self, save_fits, flux):
        """A bright star outside the crop changes nothing."""
        star = flux.copy()
        star[:10, :10] = 1e4
        read = [read_image(save_fits(f, f"{f[0, 0]}.fits"), size=30, crop=30) for f in (flux, star)]
        np.testing.assert_array_equal(*read)

    def test_given_range(self, save_fits):
        path = save_fits(np.linspace(-1, 3, 400).reshape(20, 20))
        read = read_image(path, size=20, flux_range=(0, 2))[::-1].ravel()
        x = np.clip(np.linspace(-1, 3, 400) / 2, 0, 1)
        np.testing.assert_allclose(read, 255 * np.arcsinh(10 * x) / np.arcsinh(10), atol=0.51)
        np.testing.assert_array_equal(
            read_images([path], size=20, flux_range=[0, 2])[0, ::-1].ravel(), read
        )

    @pytest.mark.parametrize("kind", ["float32", "int16", "uint16", "uint8"])
    def test_kinds_of_numbers(self, save_fits, kind):
        read = read_image(save_fits((100 * blob(20, 3, 1)).astype(kind)), size=20)
        assert (read.min(), read.max()) == (0, 255)

    def test_holes_are_filled_with_the_median(self, save_fits, flux):
        flux[10:20, 10:20] = np.nan
        flux[30, 30] = np.inf
        read = read_image(save_fits(flux[::-1]), size=60)
        sky = np.nanmedian(np.where(np.isfinite(flux), flux, np.nan))
        nearest = np.nanargmin(abs(np.where(np.isfinite(flux), flux, np.nan) - sky))
        assert (read[10:20, 10:20] == read.flat[nearest]).all()
        assert read[30, 30] == read[10, 10]

    def test_three_planes_are_colours(self, save_fits):
        planes = np.zeros((3, 10, 12))
        planes[0], planes[1, :, 6:], planes[2, 0] = 1, 1, 1
        path = save_fits(planes)
        read = read_image(path, size=10, color=True, flux_range=(0, 1))
        np.testing.assert_array_equal(read[0, [0, 9]], [[255, 0, 0], [255, 255, 0]])
        np.testing.assert_array_equal(read[9, 0], [255, 0, 255])
        assert read_image(path, size=10, flux_range=(0, 1))[0, 0] == 85

    @pytest.mark.parametrize("softening", [0.01, 0.5])
    def test_softening_is_that_of_astropy(self, save_fits, flux, softening):
        visualization = pytest.importorskip("astropy.visualization")
        parameters = {"size": 60, "flux_range": (0, 40), "softening": softening}
        read = read_image(save_fits(flux[::-1]), **parameters)
        expected = 255 * visualization.AsinhStretch(softening)(np.clip(flux / 40, 0, 1))
        np.testing.assert_allclose(read, expected, atol=0.51)

    @pytest.mark.parametrize("softening", [0.001, 0.1, 2])
    def test_lupton_as_he_wrote_it(self, save_fits, flux, softening):
        """PASP 116, 133, equation 2: each colour is multiplied by f(I) / I; clipped alike."""
        colors = np.array([1.5, 1.0, 0.4])[:, None, None] * flux + 0.2
        parameters = {"flux_range": (0.1, 20), "stretch": "lupton", "softening": softening}
        read = read_image(save_fits(colors[:, ::-1]), size=60, color=True, **parameters)
        light = np.clip(np.moveaxis(colors, 0, -1) - 0.1, 0, None)
        mean = colors.mean(axis=0) - 0.1
        curve = np.arcsinh(mean / 19.9 / softening) / np.arcsinh(1 / softening)
        with np.errstate(invalid="ignore"):
            expected = np.where((mean > 0)[..., None], light * (curve / mean)[..., None], 0)
        expected /= np.maximum(expected.max(axis=-1, keepdims=True), 1)
        np.testing.assert_allclose(read, 255 * expected, atol=1.01)

    def test_lupton_keeps_the_colour_of_a_bright_core(self, save_fits):
        core = np.array([30.0, 10.0, 10.0])[:, None, None] * np.ones((3, 8, 8))
        core[:, 0] = 0
        path = save_fits(core)
        white = read_image(path, size=8, color=True, flux_range=(0, 5))
        red = read_image(path, size=8, color=True, flux_range=(0, 5), stretch="lupton")
        assert (white[:7] == 255).all()
        np.testing.assert_allclose(red[4, 4].astype(float), [255, 85, 85], atol=1)

    def test_lupton_of_one_plane_is_asinh(self, save_fits, flux):
        path = save_fits(flux)
        np.testing.assert_array_equal(
            read_image(path, stretch="lupton", softening=0.03), read_image(path, softening=0.03)
        )

    def test_a_loader_stretches_alike(self, save_fits, flux):
        path = save_fits(np.array([1.5, 1.0, 0.4])[:, None, None] * flux)
        for how in ({}, {"stretch": "lupton"}, {"softening": 0.01}):
            loader = ImageLoader(color=True, cache_size=1, **how)
            for _ in range(2):
                read = loader.fit_transform([path])
                np.testing.assert_array_equal(read[0], read_image(path, color=True, **how))

    def test_lupton_fills_holes_like_sky(self, save_fits, flux):
        colors = np.array([1.5, 1.0, 0.4])[:, None, None] * flux
        holes = colors.copy()
        holes[1, 10:20, 10:20] = np.nan
        filled = holes.copy()
        filled[1, 10:20, 10:20] = np.nanmedian(holes[1])
        parameters = {"color": True, "stretch": "lupton", "flux_range": (0, 20)}
        np.testing.assert_array_equal(
            read_image(save_fits(holes), **parameters),
            read_image(save_fits(filled, "filled.fits"), **parameters),
        )

    def test_one_plane_is_grey_in_colour(self, save_fits, flux):
        path = save_fits(flux)
        read = read_image(path, size=60, color=True)
        np.testing.assert_array_equal(read, np.dstack([read_image(path, size=60)] * 3))

    @pytest.mark.parametrize("name", ["galaxy.FIT", "galaxy.fits.gz", "galaxy.fts"])
    def test_names(self, save_fits, flux, name):
        expected = read_image(save_fits(flux), size=60)
        np.testing.assert_array_equal(read_image(save_fits(flux, name), size=60), expected)

    def test_first_picture_of_several_units(self, fits, save_fits, flux, tmp_path):
        """Tables, empty units and cubes are passed over; so are axes of one."""
        expected = read_image(save_fits(flux), size=60)
        table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.ones(3))])
        cube = fits.ImageHDU(np.ones((5, 9, 9)))
        units = [fits.PrimaryHDU(), table, cube, fits.ImageHDU(flux[None, None]), cube]
        fits.HDUList(units).writeto(tmp_path / "units.fits")
        np.testing.assert_array_equal(read_image(tmp_path / "units.fits", size=60), expected)

    def test_tile_compressed(self, fits, tmp_path):
        counts = 100 * blob(60, 8).astype(np.int32)
        packed = fits.CompImageHDU(counts, compression_type="RICE_1")
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "galaxy.fz")
        fits.PrimaryHDU(counts).writeto(tmp_path / "galaxy.fits")
        read = read_images([tmp_path / "galaxy.fz", tmp_path / "galaxy.fits"], size=60)
        assert read.max() == 255
        np.testing.assert_array_equal(*read)

    def test_nothing_to_see(self, fits, save_fits, tmp_path):
        with pytest.raises(ValueError, match=r"Got only NaN in '.*galaxy\.fits'; leave"):
            read_image(save_fits(np.full((9, 9), np.nan)))
        fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
        with pytest.raises(ValueError, match=r"empty\.fits' cannot.*: it holds no image"):
            read_image(tmp_path / "empty.fits")

    @pytest.mark.parametrize("name", ["notes.fits", "notes.fits.gz", "notes.fz"])
    def test_what_is_no_fits(self, fits, tmp_path, name):
        (tmp_path / name).write_text("not a picture")
        with pytest.raises(ValueError, match=r"notes.* cannot be read as an image"):
            read_image(tmp_path / name)
        with pytest.raises(FileNotFoundError, match="No image file"):
            read_image(tmp_path / "nowhere" / name)

    @pytest.mark.parametrize("name", ["half.fits", "half.fits.gz"])
    @pytest.mark.filterwarnings("ignore:File may have been truncated")
    def test_unfinished(self, save_fits, flux, name):
        path = save_fits(flux, name)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=rf"{name}' cannot be read as an image"):
            read_image(path)

    def test_without_astropy(self, save_fits, flux, monkeypatch):
        path = save_fits(flux)
        monkeypatch.setitem(sys.modules, "astropy.io.fits", None)
        with pytest.raises(
            ImportError, match=r"`galaxy\.fits` needs astropy.*skgalaxy's extra \[fits\]"
        ):
            read_images([path])


def test_keywords_for_editors_are_the_parameters_of_a_picture():
    assert list(PictureOptions.__annotations__) == list(Picture._fields)
