"""Every public name is listed, documented with an example, and cheap to import."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import skgalaxy

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(skgalaxy.__path__, "skgalaxy.")
    if not any(part.startswith("_") for part in name.split("."))
)


def public():
    for module in MODULES:
        home = importlib.import_module(module)
        for name in home.__all__:
            if not hasattr(getattr(home, name), "set_score_request"):  # scorers have no text
                yield pytest.param(getattr(home, name), id=f"{module}.{name}")


@pytest.mark.parametrize("module", ["skgalaxy", *MODULES])
def test_all_is_sorted_and_exists(module):
    module = importlib.import_module(module)
    names = [name for name in module.__all__ if not name.startswith("__")]
    assert names == sorted(names)
    for name in module.__all__:
        assert hasattr(module, name)


@pytest.mark.parametrize("thing", list(public()))
def test_documented(thing):
    """Every public name has a text; a callable with arguments says what they are."""
    doc = inspect.getdoc(thing)
    assert doc
    inner = (
        "batches",
        "cli",
        "compiled",
        "likelihoods",
        "networks",
        "pools",
        "sampling",
    )  # for those who read on
    if inspect.isfunction(thing) and not any(name in thing.__module__ for name in inner):
        assert "Parameters\n----" in doc


@pytest.mark.parametrize(
    "name",
    [
        "BayesianCNNRegressor",
        "VotePosterior",
        "acquisition.expected_entropy",
        "acquisition.mutual_information",
        "acquisition.predictive_entropy",
        "active.FileVolunteers",
        "active.Plateau",
        "active.PoolReader",
        "active.SimulatedVolunteers",
        "active.Target",
        "active.Volunteers",
        "active.read_ledger",
        "active.run",
        "calibration.CalibratedRegressorCV",
        "calibration.Recalibration",
        "catalogue.make_catalogue",
        "catalogue.write_catalogue",
        "datasets.clear_data_home",
        "datasets.fetch_galaxy_zoo2",
        "datasets.fetch_gz_decals",
        "datasets.get_data_home",
        "datasets.load_galaxy_zoo",
        "datasets.make_galaxies",
        "images.ImageLoader",
        "images.open_images",
        "images.pack_images",
        "images.read_cutouts",
        "images.read_image",
        "images.read_images",
        "acquisition.expected_predictive_information_gain",
        "acquisition.greedy_information",
        "acquisition.standardised_draws",
        "likelihoods.BetaBinomial",
        "likelihoods.Binomial",
        "likelihoods.as_likelihood",
        "likelihoods.combine",
        "losses.LikelihoodLoss",
        "metrics.coverage_error",
        "metrics.d2_binomial_score",
        "metrics.interval_coverage",
        "metrics.pit_histogram",
        "metrics.pit_values",
        "metrics.reliability_curve",
        "metrics.sharpness",
        "metrics.vote_coverage",
        "metrics.vote_crps",
        "metrics.vote_fraction_rmse",
        "metrics.vote_log_likelihood",
        "metrics.vote_noise_floor",
        "networks.GalaxyZooNetwork",
        "acquisition.plan_votes",
        "acquisition.value_of_votes",
        "plotting.AcquisitionDisplay",
        "plotting.CoverageDisplay",
        "plotting.DecisionTreeDisplay",
        "plotting.LearningCurveDisplay",
        "plotting.PITDisplay",
        "plotting.PosteriorDisplay",
        "plotting.ReliabilityDisplay",
        "query.diverse_sampling",
        "query.epig_sampling",
        "query.joint_sampling",
        "query.make_query",
        "query.mix_random",
        "query.mutual_information_sampling",
        "query.power_sampling",
        "query.predict_posterior",
        "query.predictive_entropy_sampling",
        "query.random_sampling",
        "query.score_pool",
        "query.select_best",
        "query.select_jointly",
        "query.select_power",
        "query.variance_sampling",
        "votes.DecisionTree",
        "votes.VoteTable",
        "votes.list_questions",
        "votes.read_votes",
        "zooniverse.read_classifications",
        "zooniverse.write_manifest",
    ],
)
def test_has_an_example(name):
    thing = skgalaxy
    for part in name.split("."):
        thing = getattr(thing, part)
    assert ">>>" in inspect.getdoc(thing)


@pytest.mark.parametrize(
    "module", ["skgalaxy", "skgalaxy.acquisition", "skgalaxy.active", "skgalaxy.query"]
)
def test_quick_to_import(module):
    """No Keras until a network is asked for."""
    code = f"import sys, {module}; print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = skgalaxy.nonsense
    assert "VotePosterior" in dir(skgalaxy)
    assert skgalaxy.acquisition.mutual_information(np.array([[0.5]]), 1) == 0
