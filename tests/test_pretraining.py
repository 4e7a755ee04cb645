"""Pretraining on pictures without votes: what is learned, kept, gone on with, and refused."""

import pickle
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from sklearn.base import clone

import skgalaxy
from skgalaxy import BayesianCNNRegressor
from skgalaxy.exceptions import PretrainingDivergedWarning
from skgalaxy.images import ImageLoader
from skgalaxy.networks import (
    GalaxyZooNetwork,
    PretrainedNetwork,
    _unlabelled,
    pretrain,
    pretraining,
)
from skgalaxy.networks._contrast import Contrast
from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.rows import ImageSpec

N, SIZE = 40, 8
SMALL = GalaxyZooNetwork(filters=((4,),), dense_units=6)
X = np.random.default_rng(0).integers(0, 256, (N, SIZE, SIZE), dtype=np.uint8)
COUNTS = np.column_stack([np.arange(12), np.full(12, 20)])
SETTINGS = {
    "network": SMALL,
    "n_steps": 7,
    "batch_size": 8,
    "precision": "float32",
    "random_state": 0,
    "verbose": False,
}


def learn(X=X, **settings):
    return pretrain(X, **{**SETTINGS, **settings})


def same(one, other):
    return all(np.array_equal(x, y) for x, y in zip(one.weights, other.weights, strict=True))


@pytest.fixture(scope="module")
def pretrained():
    return learn()


@pytest.fixture
def often(monkeypatch):
    """State is kept every 2 steps."""
    monkeypatch.setattr(pretraining, "_KEEP_EVERY", 2)


class TestLoss:
    def test_is_that_of_the_paper(self):
        """Chen et al. 2020, eq. 1, written as loops over views."""
        z = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        losses = []
        for i in range(6):
            similar = np.exp(unit @ unit[i] / 0.2)
            losses.append(-np.log(similar[(i + 3) % 6] / (similar.sum() - similar[i])))
        wanted = (np.array(losses[:3]) + losses[3:]) / 2
        np.testing.assert_allclose(Contrast()(z), wanted, rtol=1e-4)

    def test_starts_at_chance_and_falls(self):
        history = learn(n_steps=600, learning_rate=5e-3).history_["loss"]
        assert len(history) == 6
        assert history[-1] < 0.85 * np.log(2 * 8 - 1)


class TestNetwork:
    def test_starts_from_what_was_learned_and_ends_at_random(self, pretrained):
        image = ImageSpec((8, 8), "uint8", (8, 8, 1), np.zeros(1), np.ones(1))
        built = [
            Architecture(pretrained, "binomial", image, 0.5, False, "float32").build(seed)
            for seed in (0, 1)
        ]
        one, other = ([x for x in model.get_weights() if x.ndim > 1] for model in built)
        kernels = [x for x in pretrained.weights if x.ndim > 1]
        assert all(np.array_equal(x, y) for x, y in zip(kernels, one[:-1], strict=True))
        assert not np.array_equal(one[-1], other[-1])
        random = SMALL((8, 8, 1), dropout=0.5).get_weights()
        assert not np.array_equal(kernels[0], random[0])

    def test_saved_pickled_cloned_and_gone_on_with(self, pretrained, tmp_path):
        model = BayesianCNNRegressor(network=pretrained, epochs=1, random_state=0)
        model.fit(X[:12], COUNTS).save(tmp_path / "model.zip")
        loaded = skgalaxy.load(tmp_path / "model.zip")
        assert same(loaded.network, pretrained)
        assert loaded.network.history_ == pretrained.history_
        again = clone(model).fit(X[:12], COUNTS)
        for copy in (loaded, pickle.loads(pickle.dumps(model)), again):
            assert np.array_equal(copy.sample_posterior(X), model.sample_posterior(X))
        assert not same(learn(network=pretrained), pretrained)

    def test_parameters_inside_can_be_searched(self, pretrained):
        assert clone(pretrained).set_params(network__dropout_before="dense")((8, 8, 1), dropout=0.1)

    def test_epochs_are_those_of_its_start(self, pretrained):
        image = ImageSpec((16, 16), "uint8", (16, 16, 1), np.zeros(1), np.ones(1))
        shipped = PretrainedNetwork(GalaxyZooNetwork(weights="galaxies"), [], (16, 16, 1))
        for network, from_trunk in ((pretrained, False), (shipped, True)):
            architecture = Architecture(network, "binomial", image, 0.5, False, "float32")
            assert architecture.from_trunk == from_trunk

    def test_pictures_unlike_its_own_are_refused(self, pretrained):
        model = BayesianCNNRegressor(network=pretrained, epochs=10**6)
        for shape, message in (
            ((12, 8, 8, 3), r"must have 1 channels.*Got shape \(8, 8, 3\); pretrain it"),
            ((12, 12, 12), r"layers that were pretrained.*\(12, 12, 1\).*\(8, 8, 1\)"),
        ):
            with pytest.raises(ValueError, match=message):
                model.fit(np.random.default_rng(0).normal(size=shape), COUNTS)


class TestPools:
    def test_a_stored_pool_gives_every_picture_once_a_pass(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_unlabelled, "rows_within_budget", lambda X: 17)
        stored = np.memmap(tmp_path / "pool", np.uint8, "w+", shape=X.shape)
        stored[:] = X
        for pool in (
            _unlabelled.UnlabelledPool.of(stored, None),
            _unlabelled.UnlabelledPool.of(X, None),
        ):
            batches = pool.batches(3, 8, 0)
            passes = [np.concatenate([next(batches) for _ in range(5)]) for _ in range(2)]
            assert not np.array_equal(*passes)
            for found in passes:
                assert {x.tobytes() for x in found} == {x.tobytes() for x in X}
            later = next(pool.batches(3, 8, 7))  # as when it goes on
            assert np.array_equal(later, passes[1][16:24])

    def test_a_folder_is_the_same_as_its_pictures(self, tmp_path):
        paths = []
        for number, picture in enumerate(X):
            paths.append(str(tmp_path / f"{number}.png"))
            Image.fromarray(picture).save(paths[-1])
        assert same(learn(paths, loader=ImageLoader(size=SIZE)), learn(X))

    def test_hdf5_and_colour(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        colour = np.stack([X, X[::-1], X], axis=-1)
        with h5py.File(tmp_path / "pool.h5", "w") as file:
            file.create_dataset("X", data=colour, chunks=(4, 8, 8, 3))
            network = learn(file["X"], n_steps=2)
        assert network.weights[0].shape == (3, 3, 3, 4)


def interrupted_after(n_steps, monkeypatch):
    """Let Ctrl-C come in the step after `n_steps`."""
    train, done = keras.Model.train_on_batch, []

    def train_or_stop(self, *batch):
        if len(done) == n_steps:
            raise KeyboardInterrupt
        done.append(train(self, *batch))
        return done[-1]

    monkeypatch.setattr(keras.Model, "train_on_batch", train_or_stop)


LIKE_COMPLETE = {"n_steps": np.int64(2), "learning_rate": np.float32(5e-4)}


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    file = tmp_path_factory.mktemp("complete") / "pretraining"
    learn(checkpoint=file, **LIKE_COMPLETE)
    return file


class TestCheckpoint:
    def test_goes_on_to_the_same_weights(self, pretrained, often, tmp_path, monkeypatch):
        file = tmp_path / "pretraining"
        with monkeypatch.context() as patched:
            interrupted_after(5, patched)
            with pytest.raises(KeyboardInterrupt):
                learn(checkpoint=file)
        assert same(learn(checkpoint=file, random_state=None), pretrained)
        with monkeypatch.context() as patched:
            interrupted_after(0, patched)  # a complete one needs no step
            assert same(learn(checkpoint=file), pretrained)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"X": X[:39]}, r"pictures \[40, 8, 8\], and this has \[39, 8, 8\]; name another"),
            ({"X": X[:, :, :6]}, "with pictures"),
            ({"X": X[::-1]}, "with digest of pictures"),
            ({"X": X.astype(np.float32)}, "with type uint8, and this has float32"),
            ({"random_state": 1}, "with random_state"),
            ({"n_steps": 8}, "with n_steps 2, and this has 8"),
            ({"network": GalaxyZooNetwork(((5,),), 6)}, "with digest of the network"),
        ],
    )
    def test_of_something_else_is_refused(self, complete, settings, message):
        before = complete.read_bytes()
        with pytest.raises(ValueError, match=f"the same pretraining. Got .*{message}"):
            learn(**{"checkpoint": complete, **LIKE_COMPLETE, **settings})
        assert complete.read_bytes() == before

    def test_of_another_version_is_refused(self, complete, monkeypatch):
        monkeypatch.setattr(pretraining, "__version__", "99")
        with pytest.raises(ValueError, match=r"with skgalaxy .*, and this has 99"):
            learn(checkpoint=complete)

    def test_no_checkpoint_of_ours_is_refused(self, complete, tmp_path):
        content = bytearray(complete.read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "damaged").write_bytes(content)
        (tmp_path / "notes").write_text("to do")
        for name in ("damaged", "notes"):
            with pytest.raises(ValueError, match=r"a file that `pretrain` wrote. Got .*, which"):
                learn(checkpoint=tmp_path / name)
        with pytest.raises(FileNotFoundError, match="in a folder that exists"):
            learn(checkpoint=tmp_path / "nowhere" / "file")


class TestDivergence:
    @pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras itself
    def test_the_last_good_state_is_returned_and_said(self, often, tmp_path, monkeypatch):
        good = learn(n_steps=7)
        train, done = keras.Model.train_on_batch, []

        def train_to_nan(self, *batch):
            done.append(train(self, *batch))
            return done[-1] if len(done) <= 5 else float("nan")

        monkeypatch.setattr(keras.Model, "train_on_batch", train_to_nan)
        with pytest.warns(PretrainingDivergedWarning, match=r"network of step 4, .*Lower `learn"):
            kept = learn(checkpoint=tmp_path / "file")
        assert len(kept.history_["loss"]) == 2
        state = pretraining._Checkpoint.read(tmp_path / "file").state
        assert all(any(np.array_equal(x, y) for y in state) for x in kept.weights)
        monkeypatch.undo()
        monkeypatch.setattr(pretraining, "_KEEP_EVERY", 2)
        assert same(learn(checkpoint=tmp_path / "file"), good)  # goes on from step 4

    def test_nothing_learned_is_an_error(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            with pytest.raises(ValueError, match="Pretraining diverged within 100 steps"):
                learn(learning_rate=1e38, n_steps=60)


def without_weights(image_shape, *, dropout):
    flat = layers.Flatten(data_format="channels_last")
    return keras.Sequential([keras.Input(image_shape), flat, layers.Dense(1)])


def without_dense(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    x = layers.Dense(1)(layers.Flatten(data_format="channels_last")(inputs))
    return keras.Model(inputs, layers.Activation("linear")(x))


class TestRefusals:
    @pytest.mark.parametrize(
        ("pool", "message"),
        [
            (X[:15], "at least 16 different pictures.* Got 15 among 15; give more, or a smaller"),
            (np.repeat(X[:1], 40, axis=0), "Got 1 among 40"),
            (np.tile(np.arange(40.0)[:, None, None], (8, 8)), "Got 0 among 40"),
            (X[:0], r"Got 0 rows|0 sample"),
            (X.reshape(N, -1), r"must hold pictures, .* Got shape \(40, 64\); reshape"),
            (np.where(X > 250, np.nan, X), "contains NaN"),
            (["a.png"] * 40, "must hold images, not text"),
        ],
    )
    def test_pools(self, pool, message, monkeypatch):
        interrupted_after(0, monkeypatch)
        with pytest.raises(ValueError, match=message):
            learn(pool)

    def test_nan_in_a_stored_pool_keeps_the_checkpoint(self, often, tmp_path, monkeypatch):
        monkeypatch.setattr(_unlabelled, "_N_MEASURED", 20)
        stored = np.memmap(tmp_path / "pool", np.float32, "w+", shape=X.shape)
        stored[:] = X
        stored[-2, 3, 3] = np.nan
        monkeypatch.setattr(_unlabelled, "rows_within_budget", lambda X: 8)
        with pytest.raises(ValueError, match=r"must be finite. Got NaN or infinity in row 38"):
            learn(stored, checkpoint=tmp_path / "file")
        assert len(pretraining._Checkpoint.read(tmp_path / "file").losses) == 2

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"network": "spirals"}, "`network` must be None, 'galaxies' or a callable"),
            ({"network": without_weights}, "must have weights to pretrain .* Got none"),
            ({"network": without_dense}, "must end in a keras.layers.Dense.* Got Activation"),
            ({"network": "galaxies"}, "square pictures of at least 16 x 16"),
            ({"loader": 3}, "`loader` must be a transformer"),
            ({"n_steps": 0}, "`n_steps` must be an integer >= 1"),
            ({"batch_size": 1}, "`batch_size` must be an integer >= 2"),
            ({"learning_rate": 0}, "`learning_rate` must be a number"),
            ({"random_state": "0"}, "`random_state` must be None"),
        ],
    )
    def test_parameters(self, settings, message, monkeypatch):
        interrupted_after(0, monkeypatch)
        with pytest.raises((TypeError, ValueError), match=message):
            learn(**settings)


def backbone(image_shape, *, dropout, frozen=True):
    """A trunk such as those of keras.applications: convolutions, normalisation, a mean."""
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(4, 3, data_format="channels_last")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    trunk = keras.Model(inputs, layers.GlobalAveragePooling2D(data_format="channels_last")(x))
    trunk.trainable = not frozen
    return keras.Sequential([keras.Input(image_shape), trunk, layers.Dense(1)])


class TestBackbone:
    @pytest.mark.parametrize("frozen", [True, False])
    def test_any_trunk_takes_the_posterior_of_the_last_layer(self, frozen):
        def network(image_shape, *, dropout):
            return backbone(image_shape, dropout=dropout, frozen=frozen)

        model = BayesianCNNRegressor(
            network=network, posterior="last_layer", epochs=3, augment=False, random_state=0
        )
        model.fit(X[:12], COUNTS)
        draws = model.sample_posterior(X)
        assert (np.ptp(draws, axis=1) > 0).all()
        learned = model._ensemble.networks[0]
        start = model._ensemble.architecture.build(learned.seeds.weights)
        before, after = (
            next(x for x in net.get_weights() if x.ndim == 4) for net in (start, learned.to_keras())
        )
        assert np.array_equal(before, after) == frozen

    def test_can_be_pretrained_unless_frozen(self):
        def network(image_shape, *, dropout):
            return backbone(image_shape, dropout=dropout, frozen=False)

        pretrained = learn(network=network)
        model = BayesianCNNRegressor(network=pretrained, posterior="last_layer", epochs=1)
        assert model.fit(X[:12], COUNTS).predict(X).shape == (N,)
        with pytest.raises(ValueError, match="must have weights to pretrain"):
            learn(network=backbone)
