"""The paper's network, the views it is trained on, and the model around them."""

import keras
import numpy as np
import pytest

from skgalaxy.likelihoods import LIKELIHOODS, Binomial
from skgalaxy.networks import GalaxyZooNetwork, RandomView
from skgalaxy.networks.architecture import Architecture, set_precision
from skgalaxy.networks.rows import ImageSpec


def test_published_sizes():
    """Weights as in science's count for two softmax logits, less the 129 of the second."""
    assert GalaxyZooNetwork()((64, 64, 1), dropout=0.5).count_params() == 548_962 - 129
    assert GalaxyZooNetwork()((128, 128, 1), dropout=0.5).count_params() == 1_335_394 - 129


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 9, 2), (28, 28, 1), (5,)])
def test_any_image_size(shape):
    assert GalaxyZooNetwork()(shape, dropout=0.1).output_shape == (None, 1)


@pytest.fixture(scope="module")
def ring():
    y, x = np.mgrid[:33, :33] - 16.0
    return np.exp(-((np.hypot(x, y) - 7) ** 2) / 8)[None, :, :, None].astype("float32")


def test_bfloat16_reaches_nested_networks():
    inner = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(inner(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    set_precision(model, "bfloat16")
    assert inner.layers[-1].compute_dtype == "bfloat16"
    assert model.layers[-1].compute_dtype == "float32"


class TestViews:
    """Augmentation: in training only, and a rigid view of the same image."""

    def test_off_at_prediction(self, ring):
        np.testing.assert_array_equal(RandomView(seed=0)(ring, training=False), ring)

    def test_turns_about_the_centre(self, ring):
        """A ring is the same from every side."""
        views = RandomView(zoom=1.0, seed=0)(np.repeat(ring, 50, axis=0), training=True)
        inside = np.hypot(*(np.mgrid[:33, :33] - 16.0)) <= 16
        views = np.asarray(views)[:, inside]
        np.testing.assert_allclose(views, np.repeat(ring[:, inside], 50, axis=0), atol=0.05)

    def test_shows_other_angles_scales_and_mirrors(self):
        letter = np.zeros((1, 33, 33, 1), dtype="float32")
        letter[:, 6:27, 14:18] = letter[:, 6:10, 14:24] = 1  # has no symmetry
        views = np.asarray(RandomView(seed=0)(np.repeat(letter, 400, axis=0), training=True))
        y, x = np.mgrid[:33, :33] - 16.0
        mass = views[..., 0]
        assert mass.sum((1, 2)).std() / mass.sum((1, 2)).mean() > 0.05  # zoom
        cx, cy = (mass * x).sum((1, 2)), (mass * y).sum((1, 2))
        quadrants = np.histogram2d(np.sign(cx), np.sign(cy), bins=2)[0]
        assert quadrants.min() > 60  # turned to every side, about equally
        m3 = (mass * (x * cy[:, None, None] - y * cx[:, None, None]) ** 3).sum((1, 2))
        assert 120 < (m3 > 0).sum() < 280  # left-handed as often as right-handed


class Four(Binomial):
    """A likelihood that asks for two outputs at least."""

    outputs = ("the logit of a", "the logit of b", "c", "d")
    starts = (1.5, -2.0)


def four_outputs(n_given, monkeypatch):
    """The model around a network that gives so many of four outputs."""
    monkeypatch.setitem(LIKELIHOODS, "four", Four)
    image = ImageSpec((8, 8, 1), "uint8", (8, 8, 1), np.zeros(1), np.ones(1))
    network = GalaxyZooNetwork(((4,),), 8, n_given)
    return Architecture(network, "four", image, 0.5, True, "float32").build(seed=0)


@pytest.mark.parametrize("n_given", [2, 3, 4])
def test_outputs_that_a_network_does_not_give_are_numbers_of_all_galaxies(n_given, monkeypatch):
    model = four_outputs(n_given, monkeypatch)
    X = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    outputs = model.predict(X, verbose=0)
    assert outputs.shape == (5, 4)
    missing = outputs[:, n_given:]
    np.testing.assert_allclose(missing, np.tile([1.5, -2.0], (5, 1))[:, n_given - 2 :], rtol=1e-6)
    assert (np.ptp(outputs[:, :n_given], axis=0) > 0).all()


@pytest.mark.parametrize("n_given", [1, 5])
def test_too_few_or_too_many_outputs(n_given, monkeypatch):
    message = (
        r"`network` must map images \(8, 8, 1\) to the logit of a, the logit of b \(no sigmoid\), "
        r"shape \(None, 2\), or to them and c and d. Got a model from .* to \(None, [15]\)"
    )
    with pytest.raises(ValueError, match=message):
        four_outputs(n_given, monkeypatch)


def test_layers_are_seeded_and_global_state_is_left_alone(monkeypatch):
    models = [four_outputs(2, monkeypatch) for _ in range(2)]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)
