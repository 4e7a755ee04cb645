"""Paths or row numbers in, images out; what scikit-learn and modAL ask of it; the cache."""

import copy
import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from modAL.models import ActiveLearner
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skgalaxy import BayesianCNNRegressor
from skgalaxy.images import ImageLoader, PoolReader, _picture, _readers, read_images
from skgalaxy.query import mutual_information_sampling, predict_posterior

N_IMAGES = 60


def in_rows(images):
    return images.reshape(len(images), -1)


FLATTEN = FunctionTransformer(in_rows)


@pytest.fixture(scope="session")
def folder(toy, tmp_path_factory):
    """Return a folder with the first toy galaxies as PNG files."""
    folder = tmp_path_factory.mktemp("galaxies")
    for row, image in enumerate(toy[0][:N_IMAGES]):
        Image.fromarray(image[:, :, 0]).save(folder / f"{row}.png")
    return folder


@pytest.fixture
def paths(folder):
    return np.array([str(folder / f"{row}.png") for row in range(N_IMAGES)])


@pytest.fixture
def images(toy):
    return toy[0][:N_IMAGES, :, :, 0]


@pytest.fixture
def y(toy):
    return toy[1][:N_IMAGES]


@pytest.fixture
def decoded(monkeypatch):
    """Return the names of the files that are decoded from here on, with an empty cache."""
    names, load = [], _picture._load
    ImageLoader.clear_cache()
    monkeypatch.setattr(
        _picture,
        "_load",
        lambda file, path, *how: names.append(Path(path).name) or load(file, path, *how),
    )
    return names


class TestTransform:
    @pytest.mark.parametrize(
        "as_column",
        [
            pytest.param(list, id="list"),
            pytest.param(lambda paths: tuple(map(Path, paths)), id="tuple of Path"),
            pytest.param(np.array, id="text array"),
            pytest.param(lambda paths: paths.astype(object), id="object array"),
            pytest.param(lambda paths: paths[:, None], id="column of text"),
            pytest.param(lambda paths: [[path] for path in paths], id="list of rows"),
            pytest.param(lambda paths: pd.Series(paths, index=paths), id="Series"),
            pytest.param(lambda paths: pd.Series(paths, dtype="category"), id="categories"),
            pytest.param(lambda paths: pd.DataFrame({"path": paths}), id="DataFrame"),
        ],
    )
    def test_any_column_of_paths(self, paths, images, as_column):
        read = ImageLoader(size=12).fit_transform(as_column(paths))
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, images)

    @pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
    @pytest.mark.parametrize("color", [False, True])
    def test_is_read_images(self, paths, n_jobs, color):
        loader = ImageLoader(8, crop=10, color=color, n_jobs=n_jobs, cache_size=1)
        expected = read_images(paths, size=8, crop=10, color=color)
        for _ in range(2):
            np.testing.assert_array_equal(loader.transform(paths), expected)

    def test_inside_a_search_of_processes(self, paths, images):
        """Whatever joblib is told to use, images are read into this process."""
        with parallel_config("loky", n_jobs=2):
            np.testing.assert_array_equal(ImageLoader(12).transform(paths), images)

    def test_relative_paths_start_from_root(self, folder, paths, images, monkeypatch):
        names = [Path(path).name for path in paths]
        np.testing.assert_array_equal(ImageLoader(12, root=folder).transform(names), images)
        np.testing.assert_array_equal(ImageLoader(12, root="/nowhere").transform(paths), images)
        monkeypatch.chdir(folder)
        np.testing.assert_array_equal(ImageLoader(12).transform(names), images)


class TestErrors:
    """The row and the path at fault are named."""

    def test_missing_files(self, paths, decoded):
        paths = [*paths[:3], "nowhere.png", "/gone.png"]
        with pytest.raises(
            FileNotFoundError, match=r"Got 'nowhere\.png' in row 3 \(2 of 5 are missing\).*`root`"
        ):
            ImageLoader().transform(paths)
        assert not decoded  # said before the work, not after

    @pytest.mark.parametrize("cache_size", [0, 1])
    def test_not_an_image(self, paths, tmp_path, cache_size):
        (tmp_path / "notes.png").write_text("not a picture")
        loader = ImageLoader(12, n_jobs=2, cache_size=cache_size)
        with pytest.raises(ValueError, match=r"notes\.png' cannot be read.* row 40 of `X`\."):
            loader.transform([*paths[:40], tmp_path / "notes.png", *paths[40:]])

    def test_a_folder_is_no_image(self, folder):
        with pytest.raises(ValueError, match=r"cannot be read as an image.* row 0 of `X`\."):
            ImageLoader().transform([folder])

    def test_crop_larger_than_an_image(self, paths):
        with pytest.raises(ValueError, match=r"crop=20 for '.*0\.png' .* row 0 of `X`\."):
            ImageLoader(crop=20).transform(paths)

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            ([1.5, 2.5], r"Got 1\.5 \(float\) in row 0\."),
            (["", None], r"Got None \(NoneType\) in row 1\."),
            (pd.Series(["a.png", np.nan]), r"Got nan \(float\) in row 1\."),
            (np.ones((5, 1)), r"Got 1\.0 \(float\) in row 0\."),
            ([b"a.png"], r"Got b'a\.png' \(bytes\) in row 0\."),
        ],
    )
    def test_what_is_no_path(self, X, message):
        with pytest.raises(TypeError, match="`X` must hold paths.*" + message):
            ImageLoader().transform(X)

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            ("a.png", r"Got 'a\.png'; use a list"),
            (Path("a.png"), r"Got .*Path\('a\.png'\); use a list"),
            (None, "Got None; use a list"),
            (np.ones((5, 12, 12)), r"Got ndarray of shape \(5, 12, 12\)"),
            (pd.DataFrame({"id": [1], "path": ["a.png"]}), r"Got DataFrame of shape \(1, 2\)"),
        ],
    )
    def test_what_is_no_column(self, X, message):
        with pytest.raises(ValueError, match="`X` must be a list or a column.*" + message):
            ImageLoader().transform(X)

    def test_nothing(self):
        with pytest.raises(ValueError, match=r"at least one path\. Got 0 rows"):
            ImageLoader().transform([])

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"size": 0}, "`size` must be an integer >= 1. Got 0"),
            ({"crop": 2.5}, "`crop` must be an integer >= 1. Got 2.5"),
            ({"color": "grey"}, "`color` must be True or False. Got 'grey'"),
            ({"flux_range": (1, 0)}, r"`flux_range` must be .*black < white. Got \(1, 0\)"),
            ({"flux_range": 3}, r"`flux_range` must be None or \(black, white\).* Got 3"),
            ({"root": 7}, "`root` must be None or the path of a folder. Got 7"),
            ({"n_jobs": 0}, "`n_jobs` must be None or an integer other than 0. Got 0"),
            ({"cache_size": -1}, r"`cache_size` must be a number in \[0, inf\). Got -1"),
            ({"cache_size": True}, r"`cache_size` must be a number in \[0, inf\). Got True"),
        ],
    )
    def test_parameters(self, paths, parameters, message):
        loader = ImageLoader(**parameters)
        for use in (loader.fit, loader.transform):
            with pytest.raises((ValueError, TypeError), match=message):
                use(paths)


class TestCache:
    def test_no_file_is_decoded_twice(self, paths, decoded):
        for loader in (ImageLoader(12, cache_size=1), ImageLoader(12, cache_size=1, n_jobs=2)):
            for rows in (slice(40), slice(20, 60), slice(None)):
                clone(loader).fit_transform(paths[rows])
        assert sorted(decoded) == sorted(Path(path).name for path in paths)

    def test_off_unless_asked_for(self, paths, decoded):
        loader = ImageLoader(12)
        loader.transform(paths)
        loader.transform(paths)
        assert len(decoded) == 2 * N_IMAGES
        assert len(_readers._cache) == 0

    def test_other_images_of_the_same_file(self, paths, decoded):
        for parameters in ({}, {"size": 6}, {"crop": 6}, {"color": True}):
            loader = ImageLoader(**{"size": 12, "cache_size": 1, **parameters})
            expected = ImageLoader(**{**loader.get_params(), "cache_size": 0}).transform(paths)
            for _ in range(2):
                np.testing.assert_array_equal(loader.transform(paths), expected)
        assert len(decoded) == 4 * 2 * N_IMAGES  # once for the loader, once for what is expected

    def test_a_changed_file_is_read_again(self, tmp_path):
        path = tmp_path / "galaxy.png"
        loader = ImageLoader(2, cache_size=1)
        for grey in (10, 20, 30):  # of the same number of bytes
            Image.fromarray(np.array([[grey, 0], [0, 0]], np.uint8)).save(path)
            os.utime(path, ns=(grey, grey))
            assert loader.transform([path])[0, 0, 0] == grey

    def test_a_caller_cannot_spoil_it(self, paths, images):
        loader = ImageLoader(12, cache_size=1)
        loader.transform(paths)[:] = 0
        np.testing.assert_array_equal(loader.transform(paths), images)

    def test_memory_is_bounded(self, paths, decoded):
        room = 10 * (12 * 12 + 500)
        loader = ImageLoader(12, cache_size=room / 1e6, n_jobs=2)
        loader.transform(paths)
        assert _readers._cache.size == room
        assert len(_readers._cache) == 10
        ImageLoader(12, cache_size=1e-6).transform(paths)
        assert len(_readers._cache) == _readers._cache.size == 0

    def test_what_was_used_last_stays(self, paths, decoded):
        loader = ImageLoader(12, cache_size=2 * (12 * 12 + 500) / 1e6)
        for row in (0, 1, 0, 2, 0):
            loader.transform(paths[[row]])
        assert decoded == ["0.png", "1.png", "2.png"]

    def test_is_no_part_of_the_loader(self, paths):
        loader = ImageLoader(12, cache_size=1)
        before = pickle.dumps(loader)
        loader.fit_transform(paths)
        assert pickle.dumps(loader) == before

    def test_clear(self, paths, decoded):
        loader = ImageLoader(12, cache_size=1)
        for _ in range(2):
            loader.transform(paths)
            loader.clear_cache()
        assert len(decoded) == 2 * N_IMAGES
        assert _readers._cache.size == 0


class NumbersAsPaths(ImageLoader):
    """Takes tables of numbers, as the checks give them: a row stands for an image made of it."""

    folder = None

    def fit(self, X, y=None):
        validate_data(self, X)
        return super().fit(X)

    def transform(self, X):
        index = X.index if isinstance(X, pd.DataFrame) else None
        paths = [self.save(row) for row in validate_data(self, X, reset=False)]
        return super().transform(pd.DataFrame({"path": paths}, index=index))

    def save(self, row):
        pixels = hashlib.sha256(np.asarray(row, dtype=float).tobytes()).digest()
        path = self.folder / f"{pixels.hex()}.png"
        if not path.exists():
            Image.frombytes("L", (8, 4), pixels).save(path)
        return path

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.string = False
        return tags


@pytest.fixture
def numbers_as_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(NumbersAsPaths, "folder", tmp_path)


@estimator_checks.parametrize_with_checks(
    [NumbersAsPaths(4), NumbersAsPaths(4, color=True, cache_size=1)]
)
@pytest.mark.usefixtures("numbers_as_paths")
def test_as_a_native_transformer(estimator, check):
    """No exception to scikit-learn's rules."""
    check(estimator)


@pytest.mark.parametrize(
    "name",
    [
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_itself(name):
    """The rules that need no X: scikit-learn has no checks with paths."""
    getattr(estimator_checks, name)("ImageLoader", ImageLoader())


def test_scikit_learn_gives_it_no_numbers():
    with pytest.warns(SkipTestWarning, match="Can't test estimator ImageLoader"):
        estimator_checks.check_estimator(ImageLoader())


class TestScikitLearn:
    def test_tags(self):
        tags = get_tags(ImageLoader())
        assert tags.input_tags.string
        assert not tags.input_tags.two_d_array
        assert not tags.requires_fit
        check_is_fitted(ImageLoader())

    def test_parameters_copy_and_print(self):
        loader = ImageLoader(32, color=True, root="images")
        assert repr(loader) == "ImageLoader(color=True, root='images', size=32)"
        for other in (clone(loader), copy.deepcopy(loader), pickle.loads(pickle.dumps(loader))):
            assert other.get_params() == loader.get_params()

    def test_images_are_no_table(self, paths, images):
        assert not hasattr(ImageLoader(), "set_output")
        assert not hasattr(ImageLoader(), "get_feature_names_out")
        with sklearn.config_context(transform_output="pandas"):
            np.testing.assert_array_equal(ImageLoader(12).fit_transform(paths), images)

    def test_flat_images_for_steps_that_take_tables(self, paths, y):
        fraction = y[:, 0] / y[:, 1]
        model = make_pipeline(ImageLoader(12), FLATTEN, StandardScaler(), Ridge(100))
        assert cross_val_score(model, paths, fraction, cv=2).min() > 0.8

    @pytest.mark.parametrize("as_column", [np.array, lambda paths: pd.DataFrame({"path": paths})])
    def test_pipeline_memory(self, paths, images, y, tmp_path, as_column, decoded):
        """What `fit` has read once, it reads from the disk the next time."""
        X, fraction = as_column(paths), y[:, 0] / y[:, 1]
        model = make_pipeline(ImageLoader(12), FLATTEN, Ridge(), memory=str(tmp_path))
        for alpha in (1.0, 10.0):
            model.set_params(ridge__alpha=alpha).fit(X, fraction)
        assert len(decoded) == N_IMAGES
        expected = Ridge(10.0).fit(images.reshape(N_IMAGES, -1), fraction)
        np.testing.assert_allclose(model.predict(X), expected.predict(images.reshape(N_IMAGES, -1)))


class TestBayesianCNN:
    """Paths for galaxies in all that the estimator is used for."""

    @pytest.fixture
    def model(self, small):
        return make_pipeline(ImageLoader(12, cache_size=1), BayesianCNNRegressor(**small))

    def test_same_as_on_images(self, model, small, paths, images, y):
        direct = BayesianCNNRegressor(**small).fit(images, y)
        draws = predict_posterior(model.fit(paths, y), pd.Series(paths)).draws
        weights = (one.network_.model_.get_weights() for one in (model[-1], direct))
        for learned, expected in zip(*weights, strict=True):
            np.testing.assert_array_equal(learned, expected)
        # kernels may split rows anew
        np.testing.assert_allclose(draws, direct.sample_posterior(images), rtol=1e-6)

    def test_flat_and_further_steps(self, small, paths, y):
        model = make_pipeline(
            ImageLoader(12),
            FLATTEN,
            FunctionTransformer(np.sqrt, feature_names_out="one-to-one"),
            StandardScaler(),
            BayesianCNNRegressor(**small, image_shape=(12, 12)),
        )
        model.fit(paths, y)
        assert model[-1].image_shape_ == (12, 12, 1)
        assert model.predict(paths).shape == (N_IMAGES,)

    def test_cross_validation(self, model, paths, y, decoded):
        scores = cross_val_score(model, list(map(Path, paths)), y, cv=3)
        assert np.isfinite(scores).all()
        assert len(decoded) == N_IMAGES  # the folds share what was read

    def test_grid_search_in_two_processes(self, model, paths, images, y, small):
        grid = {"imageloader__crop": [6, None], "bayesiancnnregressor__dropout": [0.2]}
        search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(paths, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert len(predict_posterior(search, paths)) == N_IMAGES

    @pytest.mark.parametrize("shape", [(N_IMAGES,), (N_IMAGES, 1)])
    @pytest.mark.parametrize("dtype", [str, object])
    def test_active_learning(self, model, paths, y, decoded, shape, dtype):
        """A modAL learner asks, is taught, and copies paths."""
        X = paths.astype(dtype).reshape(shape)
        learner = ActiveLearner(
            model, mutual_information_sampling, X_training=X[:20], y_training=y[:20]
        )
        pool = np.arange(20, N_IMAGES)
        for _ in range(2):
            asked, galaxies = learner.query(X[pool], n_instances=5)
            np.testing.assert_array_equal(galaxies, X[pool[asked]])
            learner.teach(X[pool[asked]], y[pool[asked]])
            pool = np.delete(pool, asked)
        assert learner.X_training.shape == (30, *shape[1:])
        assert learner.predict(X).shape == (N_IMAGES,)
        assert len(decoded) == N_IMAGES  # once in all rounds


class TestPoolReader:
    def test_reads_rows(self, images, tmp_path):
        np.save(tmp_path / "pool.npy", images)
        rows = [7, 3, 50]
        for stored in (images, np.load(tmp_path / "pool.npy", mmap_mode="r")):
            reader = PoolReader(stored)
            for X in (rows, np.array(rows)[:, None], np.array(rows, np.uint8)):
                np.testing.assert_array_equal(reader.fit_transform(X), images[rows])
            assert len(reader.transform(np.array([], dtype=int))) == 0

    def test_zarr(self, images, tmp_path):
        zarr = pytest.importorskip("zarr")
        array = zarr.create_array(tmp_path / "pool", data=images, chunks=(16, 12, 12))
        np.testing.assert_array_equal(PoolReader(array).transform([7, 3]), images[[7, 3]])

    def test_copies_share_the_images(self, images):
        reader = PoolReader(images)
        for twin in (clone(reader), copy.deepcopy(reader), clone(make_pipeline(reader))[0]):
            assert twin is not reader
            assert twin.images is reader.images
        again = pickle.loads(pickle.dumps(reader))
        np.testing.assert_array_equal(again.images, reader.images)

    @pytest.mark.parametrize(
        ("X", "error", "message"),
        [
            ([60], ValueError, "rows of the 60 images. Got 60 in row 0"),
            ([3, -1], ValueError, "Got -1 in row 1"),
            ([0.5], TypeError, "integers. Got float64"),
            (["a"], TypeError, "integers"),
            ([[1, 2]], ValueError, r"Got shape \(1, 2\)"),
            (3, ValueError, r"Got shape \(\)"),
        ],
    )
    def test_bad_rows(self, images, X, error, message):
        with pytest.raises(error, match=message):
            PoolReader(images).transform(X)

    def test_no_array(self):
        reader = PoolReader([[1], [2]])
        for use in (reader.fit, reader.transform):
            with pytest.raises(TypeError, match=r"`images` must be an array.*Got list"):
                use([0])
