"""The benchmark scripts run, small, and say the right thing of their targets.

Scripts marked `slow` are left to ``make benchmarks``, which .ci/run runs.
"""

import importlib
import json
import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import _report
import active_learning_study
import dropout_and_loss
from _data_sets import DATA_NAMES, SETS, SteadySteps
from _labels_saved import interval, labels_saved, saved_of_best
from _skies import unseen
from labels_saved import select_by_covariance

from skgalaxy import BayesianCNNRegressor, VotePosterior
from skgalaxy.acquisition import variance_information
from skgalaxy.likelihoods import BetaBinomial
from skgalaxy.plotting._strategy_style import KNOWN, strategy_styles
from skgalaxy.query import Candidates
from skgalaxy.votes import GZ2

ROOT = Path(__file__).parents[1]
SCRIPTS = {  # the arguments of a small run; DATA, OUT: folders to read and to write
    "acquisition": "",
    "another_survey": "DATA --jobs 1",
    "active_learning_round": "",
    "active_learning_study": "DATA --sets shirt --strategies joint --jobs 1 --resume OUT",
    "dropout_and_loss": "DATA --sets fashion_mnist_h --jobs 1 --resume OUT",
    "fuzz": "",
    "galaxy_zoo_2": "DATA/galaxy_zoo_2 --pool DATA/sdss_pool",
    "labels_saved": "DATA --sets clothes --strategies random joint --jobs 1",
    "pool_memory": "",
    "posterior": "",
    "pretrain_trunk": "--weights OUT/trunk.npz --resume OUT --jobs 1",
    "pretraining": "DATA --jobs 1",
    "precision": "DATA/galaxy_zoo_2 --pool DATA/sdss_pool",
    "refit": "",
    "rounds": "",
    "simulated_sky": "-n 50 --n-jobs 1 --real DATA/galaxy_zoo_2 --train --figure OUT/sheet.png",
    "training": "",
    "recommended": "DATA --sets fashion_mnist_h --jobs 1 --figures OUT",
    "training_length": "DATA --sets galaxy_zoo_2 --jobs 1",
    "training_steps": "DATA --sets shirt",
    "tree_clicks": "--settings questions random",
    "tree_information": "",
    "tree_study": "DATA --sets galaxy_zoo_2 --questions smooth-or-featured --jobs 1",
    "warm_rounds": "DATA --settings warm --jobs 1",
    "what_is_asked": "DATA --jobs 1 --resume OUT --figures OUT",
}
SLOW = {
    "another_survey",
    "active_learning_round",
    "active_learning_study",
    "dropout_and_loss",
    "labels_saved",
    "pool_memory",
    "posterior",
    "precision",
    "pretraining",
    "recommended",
    "training",
    "training_length",
    "tree_clicks",
    "tree_study",
    "warm_rounds",
    "what_is_asked",
}


def test_every_script_is_run_and_quoted_by_the_docs():
    scripts = {file.stem for file in (ROOT / "benchmarks").glob("[!_]*.py")}
    assert set(SCRIPTS) == scripts
    quoted = set(re.findall(r"`python benchmarks/(\w+)\.py", read_docs()))
    assert quoted == scripts


def test_figures_of_the_studies_name_their_data_and_keep_the_styles_of_strategies():
    assert {*SETS, *dropout_and_loss.SETS} <= set(DATA_NAMES)
    alone = [strategy_styles([name])[name] for name in active_learning_study.STRATEGIES]
    # a known style does not depend on what else is drawn, and no other strategy has it
    assert set(alone) <= set(KNOWN.values())
    assert len(set(alone)) == len(alone)


def test_own_scatter_is_shared_with_no_galaxy():
    """Of draws that are known by chance, the greedy choice of ½ log det(1 + 4 N covariance)."""
    rng = np.random.default_rng(0)
    draws = 0.5 + 0.05 * rng.normal(size=(4, 30))
    draws[1] = draws[0]
    posterior = VotePosterior(BetaBinomial(draws, np.full(draws.shape, 20.0)))
    candidates = Candidates(
        np.arange(4), variance_information(posterior, 40), np.full(4, 40), posterior
    )
    picks, gains = select_by_covariance(candidates, 4, None)
    covariance = np.cov(draws, bias=True)
    np.fill_diagonal(covariance, posterior.std**2)
    channel = np.eye(4) + 4 * 40 * covariance
    for n in range(1, 5):
        first = np.ix_(picks[:n], picks[:n])
        np.testing.assert_allclose(gains[:n].sum(), np.linalg.slogdet(channel[first])[1] / 2)
    assert (np.diff(gains) <= 0).all()


def test_simulated_galaxies_are_not_those_that_the_shipped_network_learned_from():
    learned = json.loads((ROOT / "skgalaxy/networks/weights/galaxies.json").read_text())["seed"]
    assert learned not in {unseen(seed) for seed in range(20)}
    assert len({unseen(seed) for seed in range(20)}) == 20


def read_docs():
    # a command may be broken over two lines
    return re.sub(r"\s+", " ", (ROOT / "docs" / "benchmarks.md").read_text())


def write_galaxies(folder, n_galaxies, rng):
    """Write pictures of noise, brighter where more people said "featured"."""
    images = folder / "images"
    images.mkdir(parents=True)
    ids, n_votes = np.arange(1, n_galaxies + 1), 40
    k = rng.integers(0, n_votes + 1, n_galaxies)
    for name, brightness in zip(ids, 2 * k, strict=True):
        noise = rng.integers(0, 150, (64, 64), dtype=np.uint8)
        Image.fromarray(noise + np.uint8(brightness)).resize((256, 256)).save(
            images / f"{name}.jpeg"
        )
    question = "smooth-or-featured"
    votes = {"asset_id": ids, f"{question}_featured": k, f"{question}_smooth": n_votes - k}
    pd.DataFrame(votes).to_csv(folder / "votes.csv", index=False)
    fractions = {}
    for asked, here in GZ2.slices.items():
        fractions |= {f"{name}_fraction": 1 / len(GZ2.answers(asked)) for name in GZ2.columns[here]}
    rows = pd.DataFrame({"asset_id": ids, "total_classifications": n_votes} | fractions)
    rows.to_csv(folder / "hart16_rows.csv", index=False)
    kinds = {"OBJID": ids, "CLASS": np.arange(n_galaxies) % 6}
    pd.DataFrame(kinds).to_csv(folder / "gz1_class.csv", index=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder of pictures and votes in the place of those that the docs are made with."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    write_galaxies(folder / "galaxy_zoo_2", 140, rng)
    write_galaxies(folder / "sdss_pool", 60, rng)
    (folder / "fashion_mnist_h").mkdir()
    np.savez(
        folder / "fashion_mnist_h" / "fashion_mnist_h.npz",
        images=rng.integers(0, 256, (8100, 28, 28), dtype=np.uint8),
        counts=rng.multinomial(60, np.full(10, 0.1), 8100),
    )
    return folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in SCRIPTS],
)
def test_script_runs(name, data, tmp_path, monkeypatch, capsys):
    arguments = SCRIPTS[name].replace("DATA", str(data)).replace("OUT", str(tmp_path)).split()
    file = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", [name, "--quick", "--json", str(file), *arguments])
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")  # scripts set it: put it back
    importlib.import_module(name).main()
    assert "| ---" in capsys.readouterr().out.replace("|-", "| -")
    figures = json.loads(file.read_text())
    assert set(figures) > {"machine", "targets"}
    for target in figures["targets"]:
        assert np.isfinite(target["values"]).all(), target["what"]


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
    model = SteadySteps(
        BayesianCNNRegressor(augment=False, batch_size=32, random_state=0), n_steps=12
    )
    epochs = [model.fit(X[:n], y[:n]).estimator_.n_iter_ for n in (20, 32, 64, 70)]
    assert epochs == [12, 12, 6, 4]
