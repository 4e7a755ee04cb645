"""The trunk that ships, and networks that start from it."""

import json
import math
import pickle
import shutil

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import skgalaxy
from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks import GalaxyZooNetwork, _shipped, schedule
from skgalaxy.networks._shipped import SHIPPED, load_trunk
from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.rows import ImageSpec

rng = np.random.default_rng(0)
X = rng.integers(0, 256, (12, 16, 16), dtype=np.uint8)
Y = np.column_stack([np.arange(12), np.full(12, 20)])


def start(shape=(64, 64, 1), seed=0, **parameters):
    """Weights of every layer of a new network."""
    network = GalaxyZooNetwork(weights="galaxies", **parameters)
    image = ImageSpec(shape, "float32", shape, np.zeros(shape[-1]), np.ones(shape[-1]))
    model = Architecture(network, "binomial", image, 0.5, False, "float32").build(seed)
    return model, [x for x in model.get_weights() if x.ndim > 1 or len(x) > 1]


def features(images, **parameters):
    """Inputs of the last layer, before any training."""
    network = GalaxyZooNetwork(weights="galaxies", **parameters)(images.shape[1:], dropout=0.5)

    return np.asarray(keras.Model(network.inputs[0], network.layers[-2].input)(images))


def by_hand(image):
    """Features of a picture from the arrays of the file: NumPy alone."""
    x, blocks = image, (2, 2, 1, 1)
    with np.load(SHIPPED) as file:
        layers = [
            (file[f"{i:02}/kernel"].astype(np.float64), file[f"{i:02}/bias"].astype(np.float64))
            for i in range(sum(blocks) + 1)
        ]
    convolutions = iter(layers)
    for n_convolutions in blocks:
        for _ in range(n_convolutions):
            kernel, bias = next(convolutions)
            padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
            x = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + bias, 0)
        height, width, n_bands = x.shape
        x = x.reshape(height // 2, 2, width // 2, 2, n_bands).max(axis=(1, 3))
    kernel, bias = next(convolutions)
    return np.maximum(x.ravel() @ kernel + bias, 0)


class TestStart:
    def test_features_are_those_of_the_file(self):
        images = rng.normal(size=(2, 64, 64, 1)).astype(np.float32)
        wanted = np.stack([by_hand(image) for image in images])
        assert np.ptp(wanted) > 0.1
        np.testing.assert_allclose(features(images), wanted, rtol=1e-4, atol=1e-4)

    def test_seeds_share_the_trunk_and_differ_in_the_last_layer(self):
        (_, one), (_, same), (_, other) = start(seed=0), start(seed=0), start(seed=1)
        assert all(np.array_equal(x, y) for x, y in zip(one, same, strict=True))
        assert all(np.array_equal(x, y) for x, y in zip(one[:-1], other[:-1], strict=True))
        assert not np.array_equal(one[-1], other[-1])

    @pytest.mark.parametrize("n_bands", [2, 3])
    def test_equal_bands_are_grey(self, n_bands):
        grey = rng.normal(size=(2, 64, 64, 1)).astype(np.float32)
        colour = np.repeat(grey, n_bands, axis=-1)
        np.testing.assert_allclose(features(colour), features(grey), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("size", [16, 100, 128])
    def test_any_size_shows_the_same_galaxy(self, size):
        def gaussian(size):
            x = (np.arange(size) + 0.5) / size - 0.5
            picture = np.exp(-(x[:, None] ** 2 + 3 * x**2) / 0.05)
            return (3 * picture - 1).astype(np.float32)[None, :, :, None]

        wanted = features(gaussian(64))
        np.testing.assert_allclose(features(gaussian(size)), wanted, atol=0.1 * wanted.max())

    @pytest.mark.parametrize("dropout_before", ["output", "dense"])
    def test_dropout_may_be_anywhere(self, dropout_before):
        _, weights = start(dropout_before=dropout_before)
        trunk = [x for layer in load_trunk(SHIPPED) for x in layer]
        assert all(np.array_equal(x, y) for x, y in zip(trunk, weights[:-1], strict=True))


class TestRefusals:
    @pytest.mark.parametrize("shape", [(15, 15, 1), (64, 48, 1), (4096,)])
    def test_shapes_that_no_galaxy_has(self, shape):
        with pytest.raises(ValueError, match="square pictures of at least 16 x 16 pixels"):
            GalaxyZooNetwork(weights="galaxies")(shape, dropout=0.5)

    def test_fit_refuses_them_before_training(self):
        model = BayesianCNNRegressor(network="galaxies", epochs=10**6)
        with pytest.raises(ValueError, match="square pictures"):
            model.fit(np.zeros((4, 64, 48)), Y[:4])
        with pytest.raises(ValueError, match="give `image_shape` if the rows of X are images"):
            model.fit(np.zeros((4, 4096)), Y[:4])

    @pytest.mark.parametrize("parameters", [{"dense_units": 64}, {"filters": ((8,), (8,))}])
    def test_another_network(self, parameters):
        with pytest.raises(ValueError, match=r"`filters` and `dense_units` must stay as published"):
            GalaxyZooNetwork(weights="galaxies", **parameters)((64, 64, 1), dropout=0.5)

    def test_unknown_names(self):
        with pytest.raises(ValueError, match="`weights` must be one of 'galaxies'"):
            GalaxyZooNetwork(weights="stars")((64, 64, 1), dropout=0.5)
        with pytest.raises(TypeError, match="`network` must be None, 'galaxies' or a callable"):
            BayesianCNNRegressor(network="galaxy").fit(X, Y)


class TestFile:
    @pytest.fixture
    def copied(self, tmp_path, monkeypatch):
        for file in SHIPPED.parent.iterdir():
            shutil.copy(file, tmp_path)
        monkeypatch.setattr(_shipped, "SHIPPED", tmp_path / SHIPPED.name)
        return tmp_path / SHIPPED.name

    def refused(self, match):
        with pytest.raises(RuntimeError, match=match):
            BayesianCNNRegressor(network="galaxies", epochs=10**6).fit(X, Y)

    def test_whole(self, copied):
        assert all(np.isfinite(x).all() for layer in load_trunk(copied) for x in layer)

    def test_one_byte_changed(self, copied):
        content = bytearray(copied.read_bytes())
        content[len(content) // 2] ^= 1
        copied.write_bytes(content)
        self.refused("must be whole.*Got another content.*install skgalaxy again")

    @pytest.mark.parametrize("suffix", [".npz", ".json"])
    def test_missing(self, copied, suffix):
        copied.with_suffix(suffix).unlink()
        self.refused("must be whole.*Got FileNotFoundError")

    @pytest.mark.parametrize("text", ["[]", "{", '{"format": 2}'])
    def test_another_version(self, copied, text):
        copied.with_suffix(".json").write_text(text)
        self.refused("install skgalaxy again")

    def test_small_and_its_provenance_known(self):
        notes = json.loads(SHIPPED.with_suffix(".json").read_text())
        assert {"script", "skgalaxy", "seed", "steps", "galaxies", "sha256"} <= set(notes)
        assert sum(file.stat().st_size for file in SHIPPED.parent.iterdir()) < 3e6


@pytest.fixture(scope="module")
def fitted():
    return BayesianCNNRegressor(network="galaxies", epochs=1, random_state=0).fit(X, Y)


class TestEstimator:
    def test_saved_pickled_and_cloned(self, fitted, tmp_path):
        fitted.save(tmp_path / "model.zip")
        loaded = skgalaxy.load(tmp_path / "model.zip")
        assert loaded.network == "galaxies"
        for copy in (loaded, pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(X, Y)):
            assert np.array_equal(copy.sample_posterior(X), fitted.sample_posterior(X))

    def test_half_the_steps_by_default(self, monkeypatch):
        assert schedule.auto_epochs(600, 16, from_trunk=True) * 2 == schedule.auto_epochs(600, 16)
        monkeypatch.setattr(schedule, "_STEPS_FROM_TRUNK", 1)  # and not 125
        model = BayesianCNNRegressor(network="galaxies", batch_size=12, random_state=0)
        assert model.fit(X, Y).n_iter_ == math.ceil(math.sqrt(12))

    def test_goes_on(self, fitted):
        further = pickle.loads(pickle.dumps(fitted)).partial_fit(X, Y)
        warm = clone(fitted).set_params(warm_start=True).fit(X, Y).fit(X, Y)
        assert further.n_iter_ == warm.n_iter_ == 2
        assert not np.array_equal(further.predict(X), fitted.predict(X))

    def test_ensemble_and_search(self):
        model = BayesianCNNRegressor(network="galaxies", n_networks=2, epochs=1, random_state=0)
        assert model.fit(X, Y).sample_posterior(X).shape == (12, 100)
        model.set_params(n_networks=1)
        search = GridSearchCV(model, {"network": [None, "galaxies"]}, cv=2).fit(X, Y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_learns_from_few_what_random_weights_do_not(self):
        pytest.importorskip("galsim")
        from skgalaxy.datasets import make_galaxies

        sky = make_galaxies(164, random_state=5)
        scores = []
        for network in (None, "galaxies"):
            model = BayesianCNNRegressor(
                network=network, posterior="last_layer", epochs=4, augment=False, random_state=0
            )
            model.fit(sky.images[:64], sky.votes[:64])
            scores.append(model.score(sky.images[64:], sky.votes[64:]))
        assert scores[1] > scores[0] + 0.2
