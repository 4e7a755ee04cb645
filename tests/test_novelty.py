"""Galaxies unlike those that networks learned from."""

import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skgalaxy
from skgalaxy import cli, query
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.exceptions import UnlikeTrainingWarning
from skgalaxy.images import ImageLoader
from skgalaxy.novelty import Looks, Novelty, PoolShift, Reference


def no_looks(n_galaxies):
    return Looks(np.empty((n_galaxies, 0)), ())


def reference(rng, n_held_out=120, n_features=5):
    trained, held_out = (rng.normal(size=(n, n_features)) for n in (300, n_held_out))
    return Reference.fit((trained, no_looks(300)), (held_out, no_looks(n_held_out)))


def novelty_of(usual, features):
    return Novelty([(usual, usual.place(features, no_looks(len(features))))])


class TestSingleGalaxies:
    @pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
    def test_false_alarms_are_as_rare_as_stated(self, rate):
        rng = np.random.default_rng(0)
        shares = [
            novelty_of(reference(rng), rng.normal(size=(500, 5))).is_unlike(rate).mean()
            for _ in range(60)
        ]
        stated = np.floor(rate * 121) / 121  # of 120 held out
        error = np.std(shares) / np.sqrt(len(shares))
        assert abs(np.mean(shares) - stated) < 4 * error

    def test_the_farther_the_more_unlike(self):
        usual = reference(np.random.default_rng(1))
        p_values = novelty_of(usual, np.outer([0, 1, 2, 9], np.ones(5))).p_values
        assert (np.diff(p_values) <= 0).all()
        assert p_values[[0, -1]].tolist() == [1, 1 / 121]

    def test_the_units_of_a_feature_do_not_matter(self):
        rng = np.random.default_rng(2)
        trained, held_out, others = (rng.normal(size=(n, 3)) for n in (300, 100, 50))
        found = [
            novelty_of(
                Reference.fit((trained * by, no_looks(300)), (held_out * by, no_looks(100))),
                others * by,
            )
            for by in (1, 10)
        ]
        np.testing.assert_allclose(found[0].p_values, found[1].p_values)

    def test_a_picture_can_be_unlike_where_features_are_not(self):
        rng = np.random.default_rng(0)
        looks = [Looks(rng.uniform(1, 2, size=(n, 1)), ("noise",)) for n in (300, 120)]
        features = [rng.normal(size=(n, 2)) for n in (300, 120)]
        usual = Reference.fit(*zip(features, looks, strict=True))
        places = usual.place(np.zeros((2, 2)), Looks(np.array([[1.5], [20.0]]), ("noise",)))
        assert Novelty([(usual, places)]).is_unlike().tolist() == [False, True]

    def test_a_rate_that_so_few_cannot_state(self):
        found = novelty_of(reference(np.random.default_rng(0), n_held_out=30), np.zeros((2, 5)))
        assert found.is_unlike(1 / 31).shape == (2,)
        with pytest.raises(ValueError, match=r"`false_alarms` must be at least 0.0323, as 30 gal"):
            found.is_unlike()


class TestPools:
    @pytest.mark.parametrize("n_galaxies", [20, 200])
    def test_false_alarms_are_as_rare_as_stated(self, n_galaxies):
        rng = np.random.default_rng(0)
        alarms = [
            novelty_of(reference(rng), rng.normal(size=(n_galaxies, 5))).pool.is_unlike(0.05)
            for _ in range(300)
        ]
        assert 0.005 < np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)

    def test_a_pool_is_unlike_where_no_galaxy_is(self):
        rng = np.random.default_rng(0)
        found = novelty_of(reference(rng), 0.5 + 0.5 * rng.normal(size=(300, 5)))
        assert not found.is_unlike().any()
        assert found.pool.is_unlike()
        assert found.pool.by == "features"

    def test_the_order_of_galaxies_does_not_matter(self):
        rng = np.random.default_rng(0)
        usual, features = reference(rng), rng.normal(size=(50, 5))
        assert novelty_of(usual, features).pool == novelty_of(usual, features[::-1]).pool

    def test_too_few_to_judge(self):
        found = novelty_of(reference(np.random.default_rng(0)), np.zeros((19, 5)))
        with pytest.raises(ValueError, match="`X` must hold 20 galaxies or more"):
            _ = found.pool

    def test_columns_of_one_value_tell_nothing(self):
        same = (np.ones((40, 3)), no_looks(40))
        found = novelty_of(Reference.fit(same, same), np.ones((30, 3)))
        assert found.pool == PoolShift(1.0, "features", 30, 40)
        assert (found.p_values == 1).all()


class TestLooks:
    def test_they_have_no_up(self):
        images = np.random.default_rng(0).integers(0, 255, (5, 12, 12, 3)).astype(np.uint8)
        turned = np.rot90(images, axes=(1, 2))[:, ::-1]
        np.testing.assert_allclose(Looks.of(turned).values, Looks.of(images).values, rtol=1e-5)

    def test_noise_grows_with_noise_and_only_with_it(self):
        rng = np.random.default_rng(0)
        smooth = np.add.outer(np.zeros(20), np.add.outer(np.arange(16.0), np.arange(16.0)))
        noise = rng.normal(size=smooth.shape)
        names = Looks.of(smooth).names
        once, half_more = (Looks.of(smooth + by * noise).values for by in (1, 1.5))
        column = names.index("noise")
        np.testing.assert_allclose(half_more[:, column], 1.5 * once[:, column], rtol=1e-4)
        assert Looks.of(smooth).values[:, column].max() < 1e-4

    def test_bands_rows_and_paths(self):
        images = np.random.default_rng(0).normal(size=(150, 6, 6, 2))
        looks = Looks.of(images)
        assert looks.names[4:6] == ("brightness of band 1", "contrast of band 1")
        np.testing.assert_allclose(looks.values[:, 4], images[..., 1].mean((1, 2)), rtol=1e-5)
        flat = Looks.of(images.reshape(150, -1), (6, 6, 2))
        np.testing.assert_array_equal(flat.values, looks.values)
        assert Looks.of(images.reshape(150, -1)).names == ("brightness", "contrast")
        assert Looks.of(["a.jpg"]).names == ()


@pytest.fixture(scope="module")
def network(toy):
    from conftest import small_parameters

    return skgalaxy.BayesianCNNRegressor(**small_parameters()).fit(toy[0][..., 0], toy[1])


@pytest.fixture(scope="module")
def usual():
    """More galaxies like those of the `toy` fixture."""
    from conftest import toy_galaxies

    X, y, _ = toy_galaxies(300, seed=1)
    return X[..., 0], y


@pytest.fixture(scope="module")
def calibrated(network, usual):
    X, y = usual
    return CalibratedRegressorCV(network, cv="prefit").fit(X[:240], y[:240])


@pytest.fixture(scope="module")
def noisy(usual):
    noise = np.random.default_rng(0).normal(0, 40, usual[0][240:].shape)
    return np.clip(usual[0][240:] + noise, 0, 255).astype(np.uint8)


class TestModels:
    def test_another_survey_is_told(self, calibrated, usual, noisy):
        same, other = calibrated.novelty(usual[0][240:]), calibrated.novelty(noisy)
        assert not same.pool.is_unlike()
        assert same.is_unlike().mean() < 0.1
        assert other.pool.is_unlike()
        assert other.pool.by in ("noise", "contrast", "sharpness")
        assert other.is_unlike().mean() > 0.9

    def test_a_warning(self, calibrated, usual, noisy):
        with pytest.warns(UnlikeTrainingWarning, match=r"as a pool .*, and \d+ of 60 one by one"):
            calibrated.novelty(noisy).warn()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            calibrated.novelty(usual[0][240:]).warn()

    def test_warnings_are_as_rare_as_stated(self):
        rng, n_warned = np.random.default_rng(0), 0
        for n_galaxies in [5, 30, 300] * 100:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                novelty_of(reference(rng), rng.normal(size=(n_galaxies, 5))).warn(0.05)
            n_warned += len(caught)
        assert n_warned / 300 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)

    def test_a_file_keeps_what_is_usual(self, calibrated, noisy, tmp_path):
        calibrated.save(tmp_path / "model.skgalaxy")
        loaded = skgalaxy.load(tmp_path / "model.skgalaxy")
        found = loaded.novelty(noisy)
        np.testing.assert_array_equal(found.p_values, calibrated.novelty(noisy).p_values)
        assert found.pool == calibrated.novelty(noisy).pool

    def test_pipelines_rows_and_blocks(self, calibrated, noisy):
        pipeline = make_pipeline(FunctionTransformer(), calibrated)
        found = query.predict_novelty(pipeline, noisy)
        np.testing.assert_allclose(found.p_values, calibrated.novelty(noisy).p_values)
        assert found.pool.n_galaxies == len(noisy) == len(found)
        parts = Novelty.concatenate([found[:20], found[20:]])
        assert parts.pool == found.pool

    def test_several_networks_count_together(self, calibrated, noisy):
        once = calibrated.novelty(noisy)
        twice = Novelty.combine([once, once])
        assert twice.n_held_out == 2 * once.n_held_out
        assert twice.pool.p_value == pytest.approx(2 * once.pool.p_value)

    def test_a_model_of_an_older_version_says_so(self, calibrated, noisy):
        from copy import copy

        old = copy(calibrated)
        del old.references_
        with pytest.raises(ValueError, match="was fitted by an older skgalaxy"):
            old.novelty(noisy)

    def test_few_held_out(self, network, usual, noisy):
        X, y = usual
        few = CalibratedRegressorCV(network, cv="prefit").fit(X[:30], y[:30])
        with pytest.raises(ValueError, match="only 30 galaxies were held out"):
            few.novelty(noisy)

    def test_an_estimator_without_features(self, usual, noisy):
        class Coin:
            def predict_posterior(self, X):
                return skgalaxy.VotePosterior(np.full((len(X), 2), [0.4, 0.6]))

            def was_trained_on(self, X):
                return np.zeros(len(X), bool)

        X, y = usual
        model = CalibratedRegressorCV(Coin(), cv="prefit").fit(X, y)
        with pytest.raises(ValueError, match=r"its features are not known .* with `embed`"):
            model.novelty(noisy)

    def test_a_model_that_held_nothing_out(self, network, noisy):
        with pytest.raises(TypeError, match=r"fitted estimator with `novelty`. Got BayesianCNN"):
            query.predict_novelty(network, noisy)


@pytest.fixture(scope="module")
def pool(usual, noisy):
    return np.concatenate([noisy[:20], usual[0][240:]])


class TestLimitUnlike:
    @pytest.mark.parametrize(("share", "n_unlike"), [(0, 0), (0.5, 4), (1, 8)])
    def test_a_share(self, calibrated, pool, share, n_unlike):
        strategy = query.limit_unlike(query.joint_sampling, share)
        rows, scores = strategy(calibrated, pool, 8, random_state=0)
        unlike = calibrated.novelty(pool).is_unlike()
        assert unlike[rows].sum() == n_unlike
        assert len(set(rows)) == len(scores) == 8
        assert not unlike[rows[: 8 - n_unlike]].any()

    def test_it_asks_about_none_that_are_not_eligible(self, calibrated, pool):
        eligible = np.arange(len(pool)) % 2 == 0
        strategy = query.limit_unlike(query.variance_sampling, 0.5)
        rows, _ = strategy(calibrated, pool, 10, eligible=eligible, random_state=0)
        assert eligible[rows].all()

    def test_bad_input(self, calibrated, pool):
        strategy = query.limit_unlike(query.random_sampling)
        with pytest.raises(ValueError, match="`n_instances` must be at most"):
            strategy(calibrated, pool, len(pool))
        with pytest.raises(TypeError, match="`strategy` must be callable"):
            query.limit_unlike("joint")
        with pytest.raises(ValueError, match="`false_alarms` must be a number in"):
            query.limit_unlike(query.joint_sampling, false_alarms=1)


class TestCommand:
    @pytest.fixture
    def predict(self, tmp_path, capsys):
        """Predict pictures by a model; return the catalogue, its header, and what is said."""

        def run(model, pictures):
            pipeline = make_pipeline(ImageLoader(size=12), model)
            named = {"question": "bar", "answer": "yes", "n_galaxies": 200}
            skgalaxy.save(pipeline, tmp_path / "model.skgalaxy", metadata=named)
            (tmp_path / "images").mkdir()
            for i, picture in enumerate(pictures):
                Image.fromarray(picture).save(tmp_path / "images" / f"{i:03}.png")
            paths = (tmp_path / name for name in ("model.skgalaxy", "images", "c.csv"))
            assert cli.main(["predict", *map(str, paths), "--quiet"]) == 0
            header = (tmp_path / "c.csv-metadata.json").read_text()
            return pd.read_csv(tmp_path / "c.csv"), header, capsys.readouterr().err

        return run

    @pytest.mark.filterwarnings("always::skgalaxy.exceptions.UnlikeTrainingWarning")
    def test_another_survey(self, predict, calibrated, noisy):
        catalogue, header, said = predict(calibrated, noisy)
        np.testing.assert_allclose(
            catalogue["like_training_p_value"], calibrated.novelty(noisy).p_values
        )
        assert "skgalaxy: warning: These galaxies are unlike those" in said
        assert "p-values by 120 galaxies held out" in header
        assert "pool_p_value" in header

    def test_the_same_survey(self, predict, calibrated, usual):
        _, _, said = predict(calibrated, usual[0][240:])
        assert said == ""

    def test_a_model_that_cannot_tell(self, predict, network, usual):
        catalogue, header, _ = predict(network, usual[0][:5])
        assert "like_training_p_value" not in catalogue
        assert '"novelty": "not known"' in header
