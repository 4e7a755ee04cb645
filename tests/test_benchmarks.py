"""What the benchmark scripts say of their targets."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import _report
from _data_sets import SteadySteps
from _labels_saved import interval, labels_saved, saved_of_best

from skgalaxy import BayesianCNNRegressor


@pytest.mark.parametrize(
    ("values", "at_least", "verdict"),
    [
        ([0.9, 0.95, 2.0], False, "met"),
        ([1.2, 1.3, 1.4, 1.5, 0.5], False, "missed"),
        ([0.8, 0.9, 1.1, 1.2, 1.3], False, "missed within noise"),
        ([0.9, 0.92, 0.93, 0.95, 2.0], True, "missed"),
        ([0.9, 1.1, 2.0], True, "met"),
    ],
)
def test_verdict_is_of_the_median_and_noise_of_a_quarter(values, at_least, verdict):
    assert _report.Target("ratio", np.array(values), 1.0, at_least).verdict == verdict


@pytest.mark.parametrize(
    ("flags", "limit", "status"),
    [
        (["--check"], 1.0, 1),
        (["--check"], 3.0, None),
        ([], 1.0, None),
        (["--check", "--quick"], 1, None),
    ],
)
def test_check(flags, limit, status, tmp_path, capsys):
    path = tmp_path / "figures.json"
    options = _report.parser("A script.").parse_args([*flags, "--json", str(path)])
    targets = [_report.Target("ratio", np.array([2.0, 2.1]), limit)]
    if status:
        with pytest.raises(SystemExit, match="1"):
            _report.finish(options, [("way", "seconds"), ("ours", 2)], {"seconds": 2}, targets)
    else:
        _report.finish(options, [("way", "seconds"), ("ours", 2)], {"seconds": 2}, targets)
    assert "| ours | 2       |" in capsys.readouterr().out
    assert json.loads(path.read_text())["targets"][0]["values"] == [2.0, 2.1]


def test_side_by_side_takes_turns():
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = _report.side_by_side(works, repeats=4)
    assert {name: len(taken) for name, taken in seconds.items()} == dict.fromkeys("abc", 4)
    turns = [calls[i : i + 3] for i in range(0, 15, 3)]
    assert all(sorted(turn) == list("abc") for turn in turns)
    assert len({tuple(turn) for turn in turns}) > 1


LABELS = np.arange(64, 577, 64.0)


def learning_curve(n_labels, saved=0.0):
    """Return an RMSE of a power law, with a share of the labels beyond the first 64 saved."""
    speed = (LABELS[-1] - 64) / ((1 - saved) * LABELS[-1] - 64)
    return 0.055 + 0.032 * (1 + (np.asarray(n_labels) - 64) * speed / 64) ** -0.5


@pytest.mark.parametrize("saved", [0, 0.2, 0.35, 0.5, 0.6])
def test_labels_saved_between_rounds(saved):
    curves = learning_curve(LABELS), learning_curve(LABELS, saved)
    assert labels_saved(LABELS, *curves) == pytest.approx(saved, abs=0.01)
    # the other way round it is the inverse ratio of labels
    wasted = labels_saved(LABELS, *curves[::-1])
    assert (1 - wasted) * (1 - labels_saved(LABELS, *curves)) == pytest.approx(1)


def test_labels_saved_by_hand():
    # 0.7 is half way from 0.8 at 128 to 0.6 at 256, in the logarithm: at 128 sqrt(2) of 512
    saved = labels_saved(
        np.array([64, 128, 256, 512]), np.array([1, 0.9, 0.8, 0.7]), np.array([1, 0.8, 0.6, 0.5])
    )
    assert saved == pytest.approx(1 - 2**-1.5)


@pytest.mark.parametrize(
    ("n_seeds", "noise"),
    [(1, 0.0015), (1, 0.003), (5, 0.0015), (5, 0.003)],
    ids=lambda value: f"{value:g}",
)
@pytest.mark.parametrize("saved", [0, 0.35, 0.5, 0.6])
def test_labels_saved_is_not_overstated_for_noise(n_seeds, noise, saved):
    rng = np.random.default_rng(0)

    def mean_of_noisy(curve):
        return curve + rng.normal(0, noise / np.sqrt(n_seeds), len(curve))

    found = [
        labels_saved(
            LABELS,
            mean_of_noisy(learning_curve(LABELS)),
            mean_of_noisy(learning_curve(LABELS, saved)),
        )
        for _ in range(600)
    ]
    assert saved - 0.16 < np.median(found) < saved + 0.03
    if saved == 0 or (n_seeds == 5 and noise == 0.0015):
        assert np.median(found) == pytest.approx(saved, abs=0.03)


def test_the_best_of_many_that_save_nothing_saves_nothing():
    rng, naive, honest = np.random.default_rng(0), [], []
    for _ in range(60):
        curves = {
            name: learning_curve(LABELS) + rng.normal(0, 0.002, (5, len(LABELS)))
            for name in ("random", *"abcdef")
        }
        means = {name: curve.mean(axis=0) for name, curve in curves.items()}
        saved = [labels_saved(LABELS, means["random"], means[name]) for name in "abcdef"]
        naive.append(max(saved))
        honest.append(np.median(saved_of_best(LABELS, curves)))
    assert np.median(naive) > 0.12
    assert abs(np.median(honest)) < 0.06


def test_the_best_strategy_is_found():
    rng = np.random.default_rng(0)
    saved = {"random": 0, "a": 0.1, "b": 0.5, "c": -0.2}
    curves = {
        name: learning_curve(LABELS, share) + rng.normal(0, 1e-4, (5, len(LABELS)))
        for name, share in saved.items()
    }
    np.testing.assert_allclose(saved_of_best(LABELS, curves), 0.5, atol=0.03)


def test_interval_of_bootstraps_holds_what_is_true():
    rng, held = np.random.default_rng(1), []
    for _ in range(12):
        random, other = (
            learning_curve(LABELS, share) + rng.normal(0, 0.002, (8, len(LABELS)))
            for share in (0, 0.5)
        )

        saved = partial(labels_saved, LABELS)

        low, high = interval(saved, random, other)
        assert low <= labels_saved(LABELS, random.mean(axis=0), other.mean(axis=0)) <= high
        held.append(low <= 0.5 <= high)
    assert np.mean(held) > 0.7


def test_rounds_are_trained_for_the_same_number_of_steps():
    X = np.random.default_rng(0).uniform(size=(70, 4))
    y = np.column_stack([np.arange(70) % 5, np.full(70, 5)])
    model = SteadySteps(BayesianCNNRegressor(augment=False, random_state=0), n_steps=12)
    epochs = [model.fit(X[:n], y[:n]).estimator_.n_iter_ for n in (20, 32, 64, 70)]
    assert epochs == [12, 12, 6, 4]
