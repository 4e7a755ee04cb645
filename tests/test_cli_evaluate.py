"""`skgalaxy evaluate`, and what `skgalaxy predict` says of intervals and samples."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import make_pipeline
from test_cli import (
    N_GALAXIES,
    NAMED,
    fails,
    read_any_catalogue,
    read_catalogue,
    run,
    sky,  # noqa: F401
    write_images,
    write_votes,
)

import skgalaxy
from skgalaxy import metrics
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.catalogue import select_sample
from skgalaxy.query import predict_posterior
from skgalaxy.votes import read_votes


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Return a folder of images and votes that no model was trained on, one image broken."""
    folder = tmp_path_factory.mktemp("others")
    ids = [f"o{i:02d}" for i in range(N_GALAXIES)]
    write_images(folder / "images", ids, seed=7)
    write_votes(folder / "votes.csv", ids)
    (folder / "images" / "o05.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def uncalibrated(sky, tmp_path_factory):  # noqa: F811
    """Return a file of the network in the model of `sky`, without its recalibration."""
    pipeline, metadata = skgalaxy.load(sky / "model.skgalaxy", return_metadata=True)
    metadata.pop("versions")
    path = tmp_path_factory.mktemp("uncalibrated") / "plain.skgalaxy"
    plain = make_pipeline(pipeline[0], pipeline[1].estimators_[0])
    skgalaxy.save(plain, path, metadata=metadata)
    return path


def header_of(path):
    return json.loads(path.with_name(f"{path.name}-metadata.json").read_text())["notes"][0]


def numbers(text):
    """Return the first number of each line that `evaluate` printed, by its name."""
    lines = (re.fullmatch(r"(\S.*?)  +([-+\d.]+)(.*)", line) for line in text.splitlines())
    return {line[1]: (float(line[2]), line[3]) for line in lines}


# evaluate


def test_evaluate_is_the_library(sky, others, capsys):  # noqa: F811
    model = sky / "model.skgalaxy"
    assert run("evaluate", model, others / "images", others / "votes.csv") == 0
    out, error = capsys.readouterr()
    assert "o05.png" in error
    assert "24 galaxies have an image and votes" in error
    assert "Intervals calibrated on the votes of 5 galaxies held out." in error
    table = read_votes(others / "votes.csv")
    rows = np.flatnonzero(table.ids != "o05")
    y = table.votes("featured")[rows]
    paths = [others / "images" / f"{id_}.png" for id_ in table.ids[rows]]
    posterior = predict_posterior(skgalaxy.load(model), paths)
    pmf = posterior.pmf(y[:, 1])
    expected = {
        "galaxies": 23,
        "RMSE": metrics.vote_fraction_rmse(y, posterior.mean),
        "MAE": mean_absolute_error(y[:, 0] / y[:, 1], posterior.mean),
        "D²": metrics.d2_binomial_score(y, posterior.mean),
        "coverage error": 100 * metrics.coverage_error(y, pmf),
        "in 90 % intervals": 100 * metrics.interval_coverage(y, pmf),
        "log-likelihood": metrics.vote_log_likelihood(y, pmf),
    }
    printed = numbers(out)
    assert [*printed] == [*expected]
    for name, value in expected.items():
        rounding = 0.051 if "e" in name and "%" in printed[name][1] else 5.1e-5
        assert printed[name][0] == pytest.approx(value, abs=rounding), name
    assert f"{metrics.vote_noise_floor(y):.4f}" in printed["RMSE"][1]
    assert "90 ± 6.3 %" in printed["in 90 % intervals"][1]  # sqrt(0.9 * 0.1 / 23)
    assert run("evaluate", model, others / "images", others / "votes.csv", "--quiet") == 0
    again, error = capsys.readouterr()
    assert again == out
    assert all(line.startswith("skgalaxy: left out") for line in error.splitlines())


def test_galaxies_that_the_model_knows_are_refused(sky, others, tmp_path, capsys):  # noqa: F811
    """By their pixels, under whatever name."""
    seen = read_votes(sky / "votes.csv").ids[3]
    images = tmp_path / "images"
    images.mkdir()
    for path in (others / "images").iterdir():
        (images / path.name).write_bytes(path.read_bytes())
    (images / "o09.png").write_bytes((sky / "images" / f"{seen}.png").read_bytes())
    error = fails(capsys, 1, "evaluate", sky / "model.skgalaxy", images, others / "votes.csv", "-q")
    assert "Got 1 of 23 from its training set, for example 'o09'; take their rows out" in error
    whole = ("evaluate", sky / "model.skgalaxy", sky / "images", sky / "votes.csv", "-q")
    # the other five calibrated it
    assert "Got 19 of 24 from its training set" in fails(capsys, 1, *whole)
    pipeline = skgalaxy.load(sky / "model.skgalaxy")
    paths = sorted((sky / "images").glob("*.png"))
    calibrated = pipeline[-1].was_calibrated_on(pipeline[0].transform(paths))
    (images / "o09.png").write_bytes(paths[np.flatnonzero(calibrated)[0]].read_bytes())
    error = fails(capsys, 1, "evaluate", sky / "model.skgalaxy", images, others / "votes.csv", "-q")
    assert "Got 1 of 23 from its calibration set, for example 'o09'" in error


def test_uncalibrated_models_are_judged_with_a_warning(others, uncalibrated, capsys):
    command = ("evaluate", uncalibrated, others / "images", others / "votes.csv")
    assert run(*command, "--quiet") == 0
    out, error = capsys.readouterr()
    assert "warning: intervals not calibrated: expect intervals that are too narrow." in error
    assert numbers(out)["galaxies"][0] == 23


def test_another_question(sky, others, tmp_path, capsys, monkeypatch):  # noqa: F811
    """Is refused before any image is read, and so are other answers, and what cannot be judged."""
    monkeypatch.setattr("skgalaxy.images.pack_images", None)
    command = ("evaluate", sky / "model.skgalaxy", others / "images")

    def error_of(table, *options):
        pd.DataFrame({"id_str": ["o00", "o01"], **table}).to_csv(tmp_path / "v.csv", index=False)
        return fails(capsys, 1, *command, tmp_path / "v.csv", "--quiet", *options)

    bars = {"bar_yes": 3, "bar_no": 4}
    right = {"smooth-or-featured_smooth": 3, NAMED: 4}
    error = error_of(bars)
    assert "question that the model learned, 'smooth-or-featured'. Got bar in" in error
    assert "`--question` must be" in error_of(right | bars, "--question", "bar")
    answers = {"smooth-or-featured_smooth": 3, "smooth-or-featured_featured": 4}
    error = error_of(answers)
    assert "answer that the model learned, 'featured-or-disk'. Got smooth, featured in" in error
    assert "`--answer` must be as in training" in error_of(right, "--answer", "smooth")
    assert "none is called so" in error_of(right, "--answer", "barred")
    assert "Got one vote everywhere" in error_of(
        {"smooth-or-featured_smooth": [0, 1], NAMED: [1, 0]}
    )
    assert "N = 0 everywhere" in error_of({"smooth-or-featured_smooth": 0, NAMED: 0})
    assert "at most 100,000" in error_of({"smooth-or-featured_smooth": 10**6, NAMED: 4})
    assert "name the column with --id-column" in error_of(right | {"id_str": ["x", "y"]})


@pytest.mark.parametrize(
    ("name", "given", "counted"),
    [
        ("weak-or-strong", (), ["weak", "strong"]),
        ("weak-or-strong", ("str", "weak"), ["strong", "weak"]),
        ("a-or-b", (), None),
        ("a-or-b", ("a", "b"), ["a", "b"]),
        ("a-or-b", ("a-or-b",), ["a-or-b"]),
        ("weak-or-weak", (), None),
    ],
)
def test_answers_that_were_counted_as_one(name, given, counted):
    """The name of several is read back; where it can be read in two ways, you must say."""
    from skgalaxy.cli._evaluate import _answers
    from skgalaxy.votes import VoteTable

    table = VoteTable(["1"], "bar", ["weak", "strong", "a", "b", "a-or-b"], [[1, 1, 1, 1, 1]])
    if counted is None:
        with pytest.raises(ValueError, match="must count the answer"):
            _answers(table, given, name)
    else:
        assert _answers(table, given, name) == counted


# predict


def test_catalogues_say_how_intervals_were_calibrated(sky, others, uncalibrated, tmp_path, capsys):  # noqa: F811
    command = (others / "images", tmp_path / "c.csv", "--force")
    assert run("predict", sky / "model.skgalaxy", *command) == 0
    said = "calibrated on the votes of 5 galaxies held out"
    assert f"Intervals {said}.\n" in capsys.readouterr().err
    header = header_of(tmp_path / "c.csv")
    assert (header["interval"], header["n_calibrated_on"]) == (said, 5)
    assert run("predict", uncalibrated, *command, "--quiet") == 0
    warning = "not calibrated: expect intervals that are too narrow"
    assert f"skgalaxy: warning: intervals {warning}.\n" in capsys.readouterr().err
    header = header_of(tmp_path / "c.csv")
    assert header["interval"] == warning
    assert "n_calibrated_on" not in header


def test_the_number_of_galaxies_is_the_models_own(sky, others, tmp_path, capsys):  # noqa: F811
    """Of votes that it held out, in turn, too; a galaxy with one vote tells nothing."""
    pipeline, metadata = skgalaxy.load(sky / "model.skgalaxy", return_metadata=True)
    metadata.pop("versions")
    loader, network = pipeline[0], pipeline[1].estimators_[0]
    ids = [id_ for id_ in read_votes(others / "votes.csv").ids if id_ != "o05"]
    X = loader.transform([others / "images" / f"{id_}.png" for id_ in ids])
    y = read_votes(others / "votes.csv").reindex(ids).votes("featured")
    y[:3] = [1, 1]
    y[3] = 0
    model = CalibratedRegressorCV(network, cv="prefit").fit(X, y)
    assert (model.n_calibrated_on_, len(model.estimators_)) == (19, 1)
    folds = CalibratedRegressorCV(network, cv=4, random_state=0).fit(X, y)
    assert (folds.n_calibrated_on_, len(folds.estimators_)) == (19, 4)
    skgalaxy.save(make_pipeline(loader, folds), tmp_path / "folds", metadata=metadata)
    assert run("predict", tmp_path / "folds", others / "images", tmp_path / "c.csv") == 0
    said = "calibrated on the votes of 19 galaxies held out in turn, 4 splits"
    assert f"Intervals {said}.\n" in capsys.readouterr().err
    del model.n_calibrated_on_
    skgalaxy.save(make_pipeline(loader, model), tmp_path / "old", metadata=metadata)
    assert run("predict", tmp_path / "old", others / "images", tmp_path / "d.csv") == 0
    assert "held out, not known how many" in header_of(tmp_path / "d.csv")["interval"]


@pytest.mark.parametrize("suffix", [".csv", ".fits", ".parquet"])
@pytest.mark.parametrize("name", ["purity", "completeness"])
def test_select(name, suffix, sky, others, tmp_path, capsys):  # noqa: F811
    """The sample of the library, marked; and what may be expected of it, said twice."""
    pytest.importorskip({".parquet": "pyarrow", ".fits": "astropy"}.get(suffix, "pandas"))
    ids = [path.stem for path in sorted((others / "images").iterdir()) if path.stem != "o05"]
    paths = [others / "images" / f"{id_}.png" for id_ in ids]
    posterior = predict_posterior(skgalaxy.load(sky / "model.skgalaxy"), paths)
    p = np.sort(posterior.probability_above(0.4))[::-1]
    reached = {"purity": p[:8].mean(), "completeness": p[:8].sum() / p.sum()}[name]
    goal = f"{name}={np.floor(1000 * reached) / 1000}"
    sample = select_sample(posterior, threshold=0.4, **{name: float(goal.partition("=")[2])})
    assert 0 < len(sample.rows) < len(ids)

    path = tmp_path / f"c{suffix}"
    select = ("--select", goal, "--threshold", 0.4)
    assert run("predict", sky / "model.skgalaxy", others / "images", path, *select) == 0
    error = capsys.readouterr().err
    catalogue = read_any_catalogue(path)
    assert [*catalogue["id_str"]] == ids
    np.testing.assert_array_equal(np.flatnonzero(catalogue["selected"]), np.sort(sample.rows))
    np.testing.assert_allclose(
        catalogue[f"{NAMED}_probability"], posterior.probability_above(0.4), atol=1e-6
    )
    pure, complete = 100 * sample.purity, 100 * sample.completeness
    assert f"Selected {len(sample.rows)} galaxies, expected to be {pure:.1f} % pure and" in error
    assert f"{complete:.1f} % complete: {goal} of rho > 0.4, only as good as the calib" in error
    if suffix == ".csv":
        header = header_of(path)
        assert header["sample"] == f"{goal} of rho > 0.4, only as good as the calibration"
        assert header["n_selected"] == len(sample.rows)
        assert header["expected_purity"] == pytest.approx(sample.purity, abs=1e-4)
        assert header["expected_completeness"] == pytest.approx(sample.completeness, abs=1e-4)


@pytest.mark.filterwarnings("always::skgalaxy.exceptions.EmptySampleWarning")
def test_select_none(sky, others, tmp_path, capsys):  # noqa: F811
    """The catalogue is not lost: nobody is selected, and a warning says so."""
    path = tmp_path / "c.csv"
    command = ("predict", sky / "model.skgalaxy", others / "images", path, "--quiet")
    assert run(*command, "--select", "purity=1", "--threshold", 0.99) == 0
    assert "warning: No galaxy is sure enough for purity=1" in capsys.readouterr().err
    assert not read_catalogue(path)["selected"].any()
    assert header_of(path)["n_selected"] == 0
    assert "expected_purity" not in header_of(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--select", "pure=0.9"), "'pure=0.9' is not purity=X or completeness=X"),
        (("--select", "purity"), "'purity' is not"),
        (("--select", "purity=all"), "'purity=all' is not"),
        (("--select", "purity=90"), "of X in (0, 1]"),
        (("--select", "purity=0"), "of X in (0, 1]"),
        (("--select", "completeness=nan"), "of X in (0, 1]"),
        (("--select", "purity=0.9", "--threshold", "1"), "is not in the range 0<=x<1"),
        (("--threshold", "0.3"), "--threshold is for samples; add --select"),
    ],
)
def test_wrong_samples(options, message, sky, others, tmp_path, capsys):  # noqa: F811
    command = ("predict", sky / "model.skgalaxy", others / "images", tmp_path / "c.csv")
    assert message in fails(capsys, 2, *command, *options)
