"""Models in files that run no code: nothing is lost, nothing is run, nothing is guessed."""

import functools
import importlib
import pickle
import sys
import warnings
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

import skgalaxy
from skgalaxy import BayesianCNNRegressor
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.exceptions import ModelVersionWarning
from skgalaxy.images import ImageLoader
from skgalaxy.networks import GalaxyZooNetwork
from skgalaxy.persistence import _model
from skgalaxy.persistence._archive import read_archive, write_archive


def network_of_mine(shape, *, dropout, units=3):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(1),
        ]
    )


class Network(BaseEstimator):
    """A network with parameters to search."""

    def __init__(self, units=3):
        self.units = units

    def __call__(self, shape, *, dropout):
        return network_of_mine(shape, dropout=dropout, units=self.units)


class PlainNetwork:
    """A network that does not tell its parameters."""

    def __call__(self, shape, *, dropout):
        return network_of_mine(shape, dropout=dropout)


def squared(X):
    return X**2


class Halved(BaseEstimator):
    """A step of one's own."""

    def fit(self, X, y=None):
        self.n_seen_ = len(X)
        return self

    def transform(self, X):
        return X / 2


def vote(X, seed=0):
    k = np.random.default_rng(seed).binomial(40, 0.4, len(X))
    return np.column_stack([k, np.full(len(X), 40)])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 255, (24, 8, 8), np.uint8)


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(1).normal(size=(24, 6))


def estimator(**parameters):
    small = {"network": GalaxyZooNetwork(((4,),), 8), "epochs": 1, "n_draws": 4, "random_state": 0}
    return BayesianCNNRegressor(**{**small, **parameters})


def there_and_back(model, path, **keywords):
    skgalaxy.save(model, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelVersionWarning)
        return skgalaxy.load(path, **keywords)


MINE = f"{__name__}.network_of_mine"
MODELS = {
    "plain": estimator(),
    "beta_binomial": estimator(likelihood="beta_binomial", augment=False),
    "ensemble": estimator(n_networks=2, schedule="cosine", validation_fraction=0.2),
    "generator": estimator(random_state=np.random.RandomState(3)),
    "a function": estimator(network=network_of_mine),
    "a partial": estimator(network=functools.partial(network_of_mine, units=5)),
    "an object": estimator(network=Network(units=4)),
    "calibrated": CalibratedRegressorCV(estimator(), cv=2, random_state=0),
    "folds": CalibratedRegressorCV(estimator(), cv=KFold(2, shuffle=True, random_state=1)),
    "shuffled": CalibratedRegressorCV(estimator(), cv=ShuffleSplit(1, test_size=0.3)),
    "pairs": CalibratedRegressorCV(estimator(), cv=[(np.arange(12), np.arange(12, 24))]),
}
TRUSTED = [MINE, f"{__name__}.Network"]


@pytest.fixture(scope="module", params=MODELS)
def kind(request, images):
    """A fitted model of every kind, that tests must not change."""
    return MODELS[request.param].fit(images, vote(images))


class TestRoundTrip:
    def test_predicts_the_same(self, kind, images, tmp_path):
        loaded = there_and_back(kind, tmp_path / "m", trusted=TRUSTED)
        expected, found = kind.predict_posterior(images), loaded.predict_posterior(images)
        np.testing.assert_array_equal(found.draws, expected.draws)
        np.testing.assert_array_equal(found.pmf(5), expected.pmf(5))
        np.testing.assert_array_equal(loaded.embed(images), kind.embed(images))
        assert loaded.was_trained_on(images).all() == kind.was_trained_on(images).all()
        assert not loaded.was_trained_on(images + 1).any()

    def test_nothing_is_lost(self, kind, tmp_path):
        """Saved again, it is the same file; and it has the attributes that it had."""
        loaded = there_and_back(kind, tmp_path / "m", trusted=TRUSTED)
        skgalaxy.save(loaded, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
        assert vars(loaded).keys() == vars(kind).keys()
        assert (
            repr(loaded.get_params()).split(" at 0x")[0]
            == (repr(kind.get_params()).split(" at 0x")[0])
        )

    @pytest.mark.parametrize("name", ["plain", "ensemble", "generator", "a function"])
    def test_goes_on_as_from_a_pickle(self, name, images, tmp_path):
        kind = MODELS[name].fit(images, vote(images))
        y = vote(images, seed=1)
        pair = (
            there_and_back(kind, tmp_path / "m", trusted=TRUSTED),
            pickle.loads(pickle.dumps(kind)),
        )
        for fit in ("partial_fit", "fit"):
            drawn = [
                getattr(one.set_params(warm_start=True), fit)(images, y).sample_posterior(images)
                for one in pair
            ]
            np.testing.assert_array_equal(*drawn)
        assert pair[0].history_ == pair[1].history_ or kind.validation_fraction
        assert pair[0].n_iter_ == pair[1].n_iter_ == kind.n_iter_ + 2

    def test_names_of_columns(self, rows, tmp_path):
        table = pd.DataFrame(rows, columns=list("abcdef"))
        model = estimator().fit(table, vote(rows))
        loaded = there_and_back(model, tmp_path / "m")
        np.testing.assert_array_equal(loaded.feature_names_in_, list("abcdef"))
        np.testing.assert_array_equal(loaded.predict(table), model.predict(table))
        with pytest.raises(ValueError, match="feature names"):
            loaded.predict(table[list("bacdef")])

    def test_a_prefitted_estimator_is_kept_once(self, images, tmp_path):
        fitted = estimator().fit(images[:12], vote(images[:12]))
        model = CalibratedRegressorCV(fitted, cv="prefit").fit(images[12:], vote(images[12:]))
        loaded = there_and_back(model, tmp_path / "m")
        assert loaded.estimators_[0] is loaded.estimator
        np.testing.assert_array_equal(loaded.predict(images), model.predict(images))

    def test_pipeline_of_paths(self, images, tmp_path):
        paths = [tmp_path / f"{i}.png" for i in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            Image.fromarray(image).save(path)
        names = [path.name for path in paths]
        loader = ImageLoader(size=8, root=tmp_path, flux_range=(0.0, 2.0))
        model = make_pipeline(loader, estimator()).fit(names, vote(images))
        loaded = there_and_back(model, tmp_path / "m")
        np.testing.assert_array_equal(loaded.predict(names), model.predict(names))
        assert loaded[0].get_params() == loader.get_params()

    @pytest.mark.parametrize(
        "step",
        [
            MaxAbsScaler(),
            MinMaxScaler((-1, 1), clip=True),
            Normalizer("l1"),
            PCA(3, whiten=True, random_state=0),
            RobustScaler(quantile_range=(10.0, 90.0)),
            StandardScaler(with_mean=False),
            FunctionTransformer(np.tanh),
            pytest.param(FunctionTransformer(squared), id="FunctionTransformer(squared)"),
            Halved(),
            "passthrough",
        ],
        ids=str,
    )
    def test_steps(self, step, rows, tmp_path):
        model = make_pipeline(step, estimator(epochs=1)).fit(rows, vote(rows))
        trusted = ["numpy.tanh", f"{__name__}.squared", f"{__name__}.Halved"]
        trusted.append("sklearn.preprocessing._function_transformer.FunctionTransformer")
        loaded = there_and_back(model, tmp_path / "m", trusted=trusted)
        np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))
        if step != "passthrough":
            assert vars(loaded[0]).keys() == vars(model[0]).keys() - {"_fit_svd_solver"}

    def test_by_method(self, images, tmp_path):
        for name in ("plain", "calibrated"):
            model = MODELS[name].fit(images, vote(images))
            model.save(tmp_path / name, metadata={"survey": "DECaLS", "bands": ["g", "r"]})
            loaded, metadata = skgalaxy.load(tmp_path / name, return_metadata=True)
            np.testing.assert_array_equal(loaded.predict(images), model.predict(images))
            assert metadata.pop("versions")["keras"] == keras.__version__
            assert metadata == {"survey": "DECaLS", "bands": ["g", "r"]}


@pytest.fixture(scope="module")
def plain(images):
    return estimator().fit(images, vote(images))


@pytest.fixture
def saved(plain, tmp_path):
    plain.save(tmp_path / "saved")
    return tmp_path / "saved"


def refused(model, path):
    with pytest.raises(ValueError, match="to be saved") as caught:
        skgalaxy.save(model, path)
    assert not path.exists()
    return str(caught.value)


class TestRefusedWhenSaved:
    def test_code_without_a_name(self, images, tmp_path, monkeypatch):
        def inner(shape, dropout):
            return network_of_mine(shape, dropout=dropout)

        path, y = tmp_path / "m", vote(images)
        model = estimator(network=lambda shape, dropout: inner(shape, dropout)).fit(images, y)
        assert "a lambda, which has no name, in `model.network`" in refused(model, path)
        model = estimator(network=inner).fit(images, y)
        assert "defined inside a function" in refused(model, path)
        model = estimator(network=network_of_mine).fit(images, y)
        monkeypatch.setattr(sys.modules[__name__], "network_of_mine", inner)
        assert "another object in" in refused(model, path)
        monkeypatch.delattr(sys.modules[__name__], "network_of_mine")
        assert "not found in" in refused(model, path)
        monkeypatch.setattr(model.network, "__module__", "__main__")
        assert "script or notebook that runs" in refused(model, path)

    def test_things_that_are_no_values(self, plain, images, rows, tmp_path):
        path, y = tmp_path / "m", vote(images)
        model = pickle.loads(pickle.dumps(plain)).set_params(
            callbacks=[keras.callbacks.EarlyStopping()]
        )
        assert "Got a EarlyStopping in `model.callbacks.0`; set it to None" in refused(model, path)
        knot = []
        knot.append(knot)
        assert "in itself" in refused(model.set_params(callbacks=None, image_shape=knot), path)
        model = pickle.loads(pickle.dumps(plain))
        model.note = 1
        assert "Got BayesianCNNRegressor with `note` in `model`" in refused(model, path)
        model = estimator(network=PlainNetwork()).fit(images, y)
        assert "Got a PlainNetwork in `model.network`" in refused(model, path)
        pipeline = make_pipeline(StandardScaler(), estimator(), memory=str(tmp_path)).fit(rows, y)
        assert "`memory`" in refused(pipeline, path)
        pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), estimator())
        assert "`_sklearn_output_config`" in refused(pipeline.fit(rows, y), path)
        search = GridSearchCV(estimator(), {"dropout": [0.5]}, cv=2).fit(images, y)
        assert "Got a GridSearchCV in `model`; save its `best_estimator_`" in refused(search, path)

    def test_metadata(self, plain, tmp_path):
        for bad in (
            {"versions": 1},
            {"x": np.nan},
            {"x": (1, 2)},
            {1: 2},
            {"x": object()},
            [("x", 1)],
        ):
            with pytest.raises(ValueError, match="`metadata` must"):
                plain.save(tmp_path / "m", metadata=bad)

    def test_metadata_stay_as_they_are(self, plain, tmp_path):
        yours = {"survey": "DECaLS"}
        for name in ("one", "two"):
            plain.save(tmp_path / name, metadata=yours)
        assert yours == {"survey": "DECaLS"}

    def test_a_parameter_that_load_would_refuse(self, plain, tmp_path):
        model = pickle.loads(pickle.dumps(plain)).set_params(epochs=-1)
        with pytest.raises(ValueError, match="`epochs` must be"):
            model.save(tmp_path / "m")

    @pytest.mark.parametrize("path", [None, 3, b"m", "", "a\0b"])
    def test_no_path(self, plain, path):
        for call in (plain.save, skgalaxy.load):
            with pytest.raises((TypeError, ValueError), match="`path` must be a path"):
                call(path)

    def test_not_fitted(self, tmp_path):
        with pytest.raises(NotFittedError):
            skgalaxy.save(estimator(), tmp_path / "m")

    def test_no_folder(self, plain, tmp_path):
        with pytest.raises(FileNotFoundError, match="absent"):
            plain.save(tmp_path / "absent" / "m")


def changed(path, change):
    """The file with another document and right checksums, as another version might write it."""
    document, arrays = read_archive(path)
    change(document, arrays)
    write_archive(path, document, arrays)
    return path


class TestRefusedWhenLoaded:
    def test_every_flipped_bit(self, saved, plain, images, tmp_path):
        """tests/test_archive.py flips them all; here some go on to predictions."""
        data, expected, messages = saved.read_bytes(), plain.predict(images), []
        places = np.random.default_rng(0).integers(len(data), size=60)
        for place in [*places, *range(len(data) - 150, len(data), 3)]:
            flipped = bytearray(data)
            flipped[place] ^= 1 << place % 8
            (tmp_path / "flipped").write_bytes(flipped)
            try:
                loaded = skgalaxy.load(tmp_path / "flipped")
            except ValueError as error:
                messages.append(str(error))
            else:
                np.testing.assert_array_equal(loaded.predict(images), expected)
        assert len(messages) > 50
        start = "`path` must be a model that `save` wrote. Got"
        assert all(message.startswith(start) for message in messages)

    def test_a_pickle(self, plain, tmp_path):
        (tmp_path / "m").write_bytes(pickle.dumps(plain))
        with pytest.raises(ValueError, match="a pickle can run code"):
            skgalaxy.load(tmp_path / "m")

    def test_a_later_version(self, saved):
        def more(document, arrays):
            arrays["model/fitted/last_layer"] = np.zeros(3)
            document["model"]["fitted"]["last_layer"] = {"$array": "model/fitted/last_layer"}

        with pytest.raises(ValueError, match=r"does not know .*last_layer"):
            skgalaxy.load(changed(saved, more))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda d, a: d.update(format="skgalaxy model 2"), "format is 'skgalaxy model 2'"),
            (lambda d, a: d.pop("model"), "does not know"),
            (lambda d, a: d["model"].pop("fitted"), "does not know"),
            (lambda d, a: d["model"]["parameters"].update(tree=1), "does not know"),
            (lambda d, a: d["model"]["parameters"].update(n_draws={"$set": []}), r"\$set"),
            (lambda d, a: d["model"]["parameters"].update(n_draws=-1), "`n_draws` must be"),
            (lambda d, a: d["model"]["fitted"]["ensemble"].update(networks=[]), "does not know"),
            (lambda d, a: a.popitem(), "does not know"),
            (lambda d, a: d.update(model=[]), "no estimator"),
        ],
    )
    def test_other_content(self, saved, change, words):
        with pytest.raises((ValueError, TypeError), match=words):
            skgalaxy.load(changed(saved, change))

    def test_arrays_of_another_network(self, saved):
        def swap(document, arrays):
            name = max(arrays, key=lambda name: arrays[name].size)
            arrays[name] = np.zeros((3, 3))

        with pytest.raises(ValueError, match="array"):
            skgalaxy.load(changed(saved, swap))

    def test_text_in_place_of_numbers(self, saved):
        def swap(document, arrays):
            for name in arrays:
                if "variables" in name:
                    arrays[name] = arrays[name].astype("U")

        with pytest.raises(ValueError, match="does not know"):
            skgalaxy.load(changed(saved, swap))

    def test_another_version_of_skgalaxy_warns(self, plain, tmp_path, monkeypatch):
        monkeypatch.setattr(_model, "__version__", "0.0.1")
        plain.save(tmp_path / "m")
        monkeypatch.undo()
        with warnings.catch_warnings(record=True) as caught:  # Keras has warnings of its own
            warnings.simplefilter("always")
            skgalaxy.load(tmp_path / "m")
        (warning,) = [one for one in caught if one.category is ModelVersionWarning]
        assert "saved by skgalaxy 0.0.1" in str(warning.message)
        assert warning.filename == __file__

    def test_another_keras_that_computes_otherwise(self, saved):
        def keras_of_old(document, arrays):
            identity = document["model"]["fitted"]["ensemble"]["networks"][0]["identity"]
            identity["keras_version"] = "3.0.0"
            identity["outputs"][0][0] += 1.0

        with pytest.raises(ValueError, match=r"compute something else \(Keras 3\.0\.0 trained it"):
            skgalaxy.load(changed(saved, keras_of_old))


class TestTrust:
    @pytest.fixture
    def module(self, tmp_path, monkeypatch):
        """A function that writes a module, which counts how often it is imported."""
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)

        def write(activation="relu"):
            code = "import keras\nfrom keras import layers\nimport builtins\n"
            code += "builtins.imported = getattr(builtins, 'imported', 0) + 1\n"
            code += (
                "def build(shape, *, dropout):\n    return keras.Sequential([keras.Input(shape), "
            )
            code += f"layers.Flatten(), layers.Dense(3, activation={activation!r}), "
            code += "layers.Dropout(dropout), layers.Dense(1)])\n"
            (tmp_path / "my_networks.py").write_text(code)
            sys.modules.pop("my_networks", None)
            importlib.invalidate_caches()

        monkeypatch.setattr("builtins.imported", 0, raising=False)
        yield write
        sys.modules.pop("my_networks", None)

    def test_is_imported_only_if_you_say_so(self, module, images, tmp_path):
        import builtins

        module()
        build = importlib.import_module("my_networks").build
        model = estimator(network=build).fit(images, vote(images))
        model.save(tmp_path / "m")
        module()
        assert builtins.imported == 1
        for trusted in ((), ["my_networks"], ["my_networks.other"]):
            words = r"`trusted` must name .* trusted=\['my_networks.build'\]"
            with pytest.raises(ValueError, match=words):
                skgalaxy.load(tmp_path / "m", trusted=trusted)
        for trusted in ("my_networks.build", None, [3], {"my_networks.build": 1}):
            with pytest.raises(TypeError, match="must be a list"):
                skgalaxy.load(tmp_path / "m", trusted=trusted)
        assert builtins.imported == 1
        loaded = skgalaxy.load(tmp_path / "m", trusted=["my_networks.build"])
        assert builtins.imported == 2
        np.testing.assert_array_equal(loaded.predict(images), model.predict(images))

        module("tanh")
        words = "`activation` of Dense 1 was 'relu' and is 'tanh'"
        with pytest.raises(ValueError, match=words):
            skgalaxy.load(tmp_path / "m", trusted=["my_networks.build"])
        (tmp_path / "my_networks.py").unlink()
        sys.modules.pop("my_networks")
        with pytest.raises(ModuleNotFoundError, match=r"my_networks.build.*path"):
            skgalaxy.load(tmp_path / "m", trusted=["my_networks.build"])

    @pytest.mark.parametrize(
        "evil",
        [
            {"$code": "os.system"},
            {"$object": "os.system", "parameters": {"command": "touch x"}, "fitted": {}},
            {"$partial": {"$code": "os.system"}, "args": ["touch x"], "keywords": {}},
            {"$tuple": [{"$code": "os.system"}]},
        ],
    )
    def test_no_code_of_a_file_runs(self, saved, evil):
        for place in ("parameters", "fitted"):
            path = changed(saved, lambda d, a, place=place: d["model"][place].update(network=evil))
            with pytest.raises(ValueError, match=r"trusted=\['os\.system"):
                skgalaxy.load(path)

    def test_every_class_of_a_file_is_known(self, saved):
        with zipfile.ZipFile(saved) as archive:
            assert b"skgalaxy." not in archive.read("model.json")  # no path of a private module

    def test_a_cache_is_refused(self, rows, tmp_path):
        model = make_pipeline(StandardScaler(), estimator()).fit(rows, vote(rows))
        skgalaxy.save(model, tmp_path / "m")
        path = changed(tmp_path / "m", lambda d, a: d["model"]["parameters"].update(memory="/tmp"))
        with pytest.raises(ValueError, match="asks for a cache"):
            skgalaxy.load(path)
