"""The training set: each image once, some held out, batches of the rest."""

import numpy as np
import pytest

from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks.training_set import TrainingSet


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 1), dtype=np.uint8)


def content(training_set):
    """Images and votes, in the order of the training set."""
    return training_set.X[training_set.rows].tolist(), training_set.votes.tolist()


def test_weights_repetition_and_order_make_the_same_set():
    X, weight = images(30), np.arange(30) % 4
    y = np.column_stack([np.arange(30), np.full(30, 40)])
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(30), weight))
    by_weight, by_rows = TrainingSet.of(X, y, weight), TrainingSet.of(X[rows], y[rows])
    assert content(by_weight) == content(by_rows)
    assert len(by_weight) == (weight > 0).sum()
    np.testing.assert_array_equal(by_weight.digests, by_rows.digests)


def test_rows_of_one_image():
    """Counts are averaged and weights added; fractions are votes of their own, and add up."""
    X = images(2)[[0, 0, 1]]
    counts = TrainingSet.of(X, [[1, 10], [4, 10], [5, 5]], [1, 2, 1])
    fractions = TrainingSet.of(X, [0, 1, 0.5])
    assert sorted(counts.votes.tolist()) == [[3, 10, 3], [5, 5, 1]]
    assert sorted(fractions.votes.tolist()) == [[0.5, 1, 1], [1, 2, 1]]


def test_galaxies_without_votes_are_left_out():
    X, y = images(6), np.array([[0, 0], [1, 2], [1, 2], [0, 3], [2, 2], [0, 0]])
    training_set = TrainingSet.of(X, y, [1, 1, 0, 1, 1, 1])
    assert sorted(training_set.rows) == [1, 3, 4]


def test_split_takes_every_image_once():
    whole = TrainingSet.of(images(50), np.full(50, 0.5))
    training, held_out = whole.split(0.3, seed=4)
    assert (len(training), len(held_out)) == (35, 15)
    assert sorted([*training.rows, *held_out.rows]) == sorted(whole.rows)
    np.testing.assert_array_equal(whole.split(0.3, seed=4)[1].rows, held_out.rows)
    assert set(whole.split(0.3, seed=5)[1].rows) != set(held_out.rows)
    assert len(whole.split(0, seed=4)[1]) == 0
    with pytest.raises(ValueError, match=r"must leave an image to train on. Got 0.99 of 50"):
        whole.split(0.99, seed=4)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_measure(dtype):
    X = np.random.default_rng(0).integers(0, 256, (300, 4, 4, 3)).astype(dtype)
    X[..., 2] = 7
    spec = TrainingSet.of(X, np.full(300, 0.5)).measure((4, 4, 3))
    assert (spec.shape, spec.dtype) == ((4, 4, 3), "uint8" if dtype == "uint8" else "float32")
    np.testing.assert_allclose(spec.mean, X.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(spec.std, [*X.std(axis=(0, 1, 2))[:2], 1])  # no scatter: as it is


def test_batches_hold_every_image_once_a_pass():
    whole = TrainingSet.of(images(25), np.full(25, 0.5))
    for seed in (None, 0):
        batches = whole.batches(10, seed)
        passes = []
        for _ in range(2):
            found = [batches[number] for number in range(len(batches))]
            assert [len(X) for X, _, _ in found] == [10, 10, 5]
            assert {votes.shape[1:] for _, votes, _ in found} == {(2,)}
            passes.append(np.concatenate([X for X, _, _ in found]))
            batches.shuffle()
        assert sorted(passes[0].tolist()) == sorted(whole.X.tolist())
        assert (passes[0].tolist() == passes[1].tolist()) == (seed is None)


class TestBrokenPixels:
    """One detector pixel of 1e5 says nothing of the brightness of galaxies."""

    def measured(self, X):
        return TrainingSet.of(X, np.full(len(X), 0.5)).measure((8, 8, 1))

    @pytest.mark.parametrize("n_broken", [1, 12])
    @pytest.mark.parametrize("sky", [0.0, 500.0])
    def test_they_do_not_move_the_scale(self, n_broken, sky):
        rng = np.random.default_rng(0)
        X = sky + rng.uniform(size=(60, 1, 1)) + 0.1 * rng.normal(size=(60, 8, 8))
        broken = X.copy()
        broken[:n_broken, 3, 4] = 1e5
        whole, mended = self.measured(X[n_broken:]), self.measured(broken)
        np.testing.assert_allclose(mended.mean, whole.mean)
        np.testing.assert_allclose(mended.std, whole.std)

    def test_bright_galaxies_count(self):
        """A factor of 10 in flux is 2.5 magnitudes, and is no fault."""
        flux = np.geomspace(0.3, 3, 50)[:, None, None]
        X = flux * np.random.default_rng(0).normal(1, 0.2, size=(50, 8, 8))
        np.testing.assert_allclose(self.measured(X).std, X.std())


def test_a_broken_pixel_does_not_ruin_a_fit():
    rng = np.random.default_rng(0)
    rho = rng.uniform(size=60)
    X = rho[:, None, None] + 0.1 * rng.normal(size=(60, 8, 8))
    y = np.column_stack([rng.binomial(40, rho), np.full(60, 40)])
    model = BayesianCNNRegressor(epochs=30, learning_rate=0.003, random_state=0)
    whole = model.fit(X, y).score(X[1:], y[1:])
    X[0, 0, 0] = 1e5
    assert model.fit(X, y).score(X[1:], y[1:]) > whole - 0.05
