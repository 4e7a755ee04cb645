"""Reading image files: geometry, colour, depth, order, and what is said of bad files."""

import numpy as np
import pytest
from PIL import Image

from skgalaxy.images import read_image, read_images


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


def test_grey_file_has_three_equal_channels(save):
    read = read_image(save(blob(50, 8)), size=50, color=True)
    np.testing.assert_array_equal(read, np.repeat(blob(50, 8)[:, :, None], 3, axis=2))


def test_sixteen_bits_are_scaled_not_clipped(save):
    deep = blob(50, 8).astype(np.uint16) * 257
    np.testing.assert_array_equal(read_image(save(deep), size=50, color=False), blob(50, 8))


@pytest.mark.parametrize("mode", ["P", "CMYK"])
def test_palette_and_cmyk_read_as_their_colours(save, mode):
    image = Image.new("RGB", (20, 20), (200, 100, 50))
    image = image.quantize() if mode == "P" else image.convert(mode)
    read = read_image(save(image, "galaxy.tif"), size=20, color=True)
    np.testing.assert_allclose(read, np.broadcast_to([200, 100, 50], read.shape), atol=2)


def test_transparent_pixels_are_sky(save):
    pixels = np.full((20, 20, 4), 255, dtype=np.uint8)
    pixels[:10, :, 3] = 0  # white, but not there
    read = read_image(save(pixels), size=20)
    assert read[:10].max() == 0
    assert read[10:].min() == 255


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_many_images_are_each_image_in_order(save, n_jobs):
    paths = [save(np.full((9, 9), 5 * i, np.uint8), f"{i}.png") for i in range(50)]
    images = read_images(paths, size=4, color=False, n_jobs=n_jobs)
    np.testing.assert_array_equal(images, [read_image(p, size=4, color=False) for p in paths])
    np.testing.assert_array_equal(images[:, 0, 0], 5 * np.arange(50))


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


def test_crop_larger_than_the_image_is_refused(save):
    path = save(blob(50, 8))
    with pytest.raises(ValueError, match=r"crop=256 for '.*galaxy\.png' of 50 x 50 pixels"):
        read_image(path, crop=256)


def test_thirty_two_bit_pixels_are_refused(save):
    path = save(np.zeros((20, 20), np.float32), "flux.tif")
    with pytest.raises(ValueError, match=r"flux\.tif' of 32 bits .*stretch it"):
        read_image(path)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"size": 0}, "`size` must be an integer >= 1. Got 0"),
        ({"size": 6.5}, "`size` must be an integer >= 1. Got 6.5"),
        ({"crop": -1}, "`crop` must be an integer >= 1. Got -1"),
        ({"color": "grey"}, "`color` must be True or False. Got 'grey'"),
        ({"n_jobs": 0}, "`n_jobs` must be None or an integer other than 0. Got 0"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        read_images([], **parameters)


def test_one_path_is_not_a_sequence_of_paths():
    with pytest.raises(TypeError, match="`paths` must be a sequence of paths"):
        read_images("galaxy.jpg")
