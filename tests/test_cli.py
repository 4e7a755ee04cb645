"""The command line: it says what the library says, and leaves whole files or none."""

import copy
import errno
import hashlib
import io
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from unittest import mock

import click
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone

import skgalaxy
from skgalaxy import cli
from skgalaxy.query import joint_sampling, joint_variance_sampling, predict_posterior
from skgalaxy.votes import read_votes

N_GALAXIES = 24
NAMED = "smooth-or-featured_featured-or-disk"


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def metadata_of(path):
    return skgalaxy.load(path, return_metadata=True)[1]


def write_images(folder, ids, seed=0):
    """Draw one noisy picture for each id, brighter from one to the next."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for i, id_ in enumerate(ids):
        pixels = 40 + 160 * i / len(ids) + 20 * rng.normal(size=(24, 24))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{id_}.png")


def write_votes(path, ids, n_votes=40):
    k = np.arange(len(ids))
    columns = {"id_str": ids, "smooth-or-featured_smooth": n_votes - k, NAMED: k}
    table = pd.DataFrame({**columns, "smooth-or-featured_total-votes": n_votes})
    table.to_csv(path, index=False)


@pytest.fixture(scope="session")
def sky(tmp_path_factory):
    """Return a folder of images, votes.csv and a model of them, that tests must not change."""
    folder = tmp_path_factory.mktemp("sky")
    ids = [f"58772298174{i:07d}" for i in range(N_GALAXIES)]
    write_images(folder / "images", ids)
    write_votes(folder / "votes.csv", ids)
    settings = ("--answer", "featured", "--size", 16, "--epochs", 1, "--quiet")
    model = folder / "model.skgalaxy"
    assert run("train", folder / "images", folder / "votes.csv", *settings, "--model", model) == 0
    return folder


@pytest.fixture
def pool(tmp_path):
    """Return a folder of 9 images, the fifth of which is broken."""
    write_images(tmp_path / "pool", range(1, 10), seed=1)
    (tmp_path / "pool" / "5.png").write_bytes(b"no image")
    (tmp_path / "pool" / "notes.txt").write_text("not a galaxy")
    return tmp_path / "pool"


def read_catalogue(path):
    return pd.read_csv(path, comment="#", dtype={"id_str": str})


def read_any_catalogue(path):
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return read_catalogue(path)
    from astropy.table import Table

    table = Table.read(path)
    table.convert_bytestring_to_unicode()
    return table


def fails(capsys, status, *arguments):
    """Run what must fail; return what it says, one line of it if the data are at fault."""
    capsys.readouterr()
    assert run(*arguments) == status
    out, error = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in error
    if status == 1:
        assert error.startswith("skgalaxy: ")
        notes = re.findall(r"^skgalaxy: (?:passed over|left out).*\n", error, re.MULTILINE)
        assert error.count("\n") - len(notes) == 1
    return error


# Help


@pytest.mark.parametrize("name", [None, *cli.commands.commands])
def test_help(name, capsys):
    assert run(*filter(None, [name, "--help"])) == 0
    text = capsys.readouterr().out
    assert "Examples:\n" in text
    assert text.endswith("\n")


@pytest.mark.parametrize("name", cli.commands.commands)
def test_examples_are_commands(name):
    """Every option in an example is one of its command."""
    lines = cli.commands.epilog + cli.commands.commands[name].epilog
    examples = re.findall(rf"skgalaxy {name}\b(?:.*\\\n)*.*", lines)
    known = {text for option in cli.commands.commands[name].params for text in option.opts}
    for example in examples:
        options = {word for word in shlex.split(example) if re.match("--?[a-z]", word)}
        assert options <= known, example
    assert examples


def test_help_is_quick():
    """It imports none of what takes its time."""
    code = "import sys; from skgalaxy.cli import main; main(['--help']); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "sklearn", "keras"} & set(ran.stdout.split())


def test_tensorflow_does_not_greet(sky, tmp_path):
    """A process of its own: TensorFlow greets the first that imports it."""
    model, images = str(sky / "model.skgalaxy"), str(sky / "images")
    outputs = [str(tmp_path / name) for name in ("m.skgalaxy", "c.csv", "r.csv")]
    settings = ["--answer", "featured", "--size", "16", "--epochs", "1", "--model", outputs[0]]
    commands = [
        ["train", images, str(sky / "votes.csv"), *settings],
        ["predict", model, images, outputs[1]],
        ["rank", model, images, "-n", "2", "-o", outputs[2]],
    ]
    code = (
        f"from skgalaxy.cli import main\nfor one in {commands}: assert not main([*one, '--quiet'])"
    )
    untold = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    run = [sys.executable, "-c", code]
    ran = subprocess.run(run, capture_output=True, text=True, check=True, env=untold)
    assert ran.stdout == ran.stderr == ""
    assert all(os.path.exists(path) for path in outputs)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("train",),
        ("simulate", "sky", "--size", "8"),
        ("predict", "no.skgalaxy", ".", "c.csv"),
    ],
)
def test_wrong_command_lines(arguments, capsys):
    assert fails(capsys, 2, *arguments).startswith("Usage:")


@pytest.mark.parametrize("name", cli.commands.commands)
def test_an_option_said_twice(name, capsys):
    """The second value would silently take the place of the first."""
    for option in cli.commands.commands[name].params:
        if isinstance(option, click.Option) and not (option.multiple or option.is_flag):
            twice = (option.opts[0], "1", option.opts[-1], "2")
            said = f"Option '{option.opts[-1]}' takes one value. Got 2; keep one of them."
            assert said in fails(capsys, 2, name, *twice)


def test_a_flag_said_twice(sky, tmp_path):
    output = ("--question", "smooth-or-featured", "-o", tmp_path / "v.csv")
    assert run("votes", sky / "votes.csv", "--force", *output, "--force") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_terminated(number, sky, tmp_path, monkeypatch):
    """The temporary pool goes, as on an error. After a kill it goes with the next call."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / ".skgalaxy.12345678.partial" / "images").mkdir(parents=True)
    seen = []

    def end(*_, **__):
        seen.extend(path.name for path in tmp_path.iterdir() if (path / "images").is_dir())
        os.kill(os.getpid(), number)
        time.sleep(10)

    monkeypatch.setattr("skgalaxy.images.open_images", end)
    before = signal.getsignal(number)
    if before is signal.SIG_IGN:
        pytest.skip("it is ignored, as under nohup")
    assert (
        run("predict", sky / "model.skgalaxy", sky / "images", tmp_path / "c.csv") == 128 + number
    )
    assert signal.getsignal(number) is before
    assert len(seen) == 1
    assert seen != [".skgalaxy.12345678.partial"]
    assert not list(tmp_path.iterdir())


def test_interrupted(sky, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("skgalaxy.votes.list_questions", interrupt)
    assert fails(capsys, 130, "votes", sky / "votes.csv") == "\nskgalaxy: interrupted.\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_are_for_terminals(terminal, sky, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    write_images(tmp_path / "new", range(4), seed=2)
    command = ("rank", sky / "model.skgalaxy", tmp_path / "new", "-n", 2, "-o", tmp_path / "r.csv")
    assert run(*command) == 0
    error = capsys.readouterr().err
    assert ("scores: 100%" in error) == ("image" in error) == terminal
    assert terminal or error == ""
    assert run(*command, "--force", "--quiet") == 0
    assert capsys.readouterr().err == ""


# train


def expected_parameters(pictures="galaxies", **parameters):
    """Return those of `recommended`, without the estimator itself."""
    expected = skgalaxy.recommended(pictures, **parameters).get_params()
    return {**expected, "estimator": mock.ANY}


def test_train_is_the_library(sky):
    """The model holds a pipeline from paths to posteriors, which Python users can load."""
    pipeline, metadata = skgalaxy.load(sky / "model.skgalaxy", return_metadata=True)
    assert set(metadata) == {"question", "answer", "n_galaxies", "votes_origin", "versions"}
    assert metadata["votes_origin"] == "counted"
    assert (metadata["question"], metadata["answer"]) == tuple(NAMED.split("_"))
    assert metadata["n_galaxies"] == N_GALAXIES
    loader, estimator = pipeline
    assert (loader.size, loader.root) == (16, None)
    assert estimator.get_params() == expected_parameters(epochs=1, random_state=0)
    table = read_votes(sky / "votes.csv")
    pixels = loader.transform([sky / "images" / f"{id_}.png" for id_ in table.ids])
    again = clone(estimator).fit(pixels, table.votes("featured"))
    np.testing.assert_array_equal(
        estimator.predict_posterior(pixels).draws, again.predict_posterior(pixels).draws
    )


def test_train_upright_pictures(sky, tmp_path):
    """Options are parameters of the library; what needs many draws gets them."""
    model = tmp_path / "model.skgalaxy"
    settings = ("--answer", "featured", "--size", 16, "--epochs", 1, "--model", model)
    others = ("--pictures", "upright", "--batch-size", 8, "--precision", "float32", "--seed", 3)
    assert run("train", sky / "images", sky / "votes.csv", *settings, *others, "--quiet") == 0
    loader, estimator = (step for _, step in skgalaxy.load(model).steps)
    given = {"epochs": 1, "batch_size": 8, "precision": "float32", "random_state": 3}
    assert estimator.get_params() == expected_parameters("upright", **given)
    assert not estimator.estimators_[0].verbose
    ranking = tmp_path / "r.csv"
    assert run("rank", model, sky / "images", "-n", 3, "--quiet", "-o", ranking) == 0
    (network,) = estimator.estimators_
    network.set_params(n_draws=1000)
    paths = sorted((sky / "images").iterdir())
    _, gains = joint_variance_sampling(estimator, loader.transform(paths), 3)
    np.testing.assert_allclose(pd.read_csv(ranking)["variance_information"], gains, rtol=1e-4)


def test_how_long_to_train_is_by_the_number_of_galaxies(sky, tmp_path, monkeypatch):
    def fit(self, *_):
        assert self.get_params() == expected_parameters(random_state=0)
        raise ValueError("as expected")

    monkeypatch.setattr("skgalaxy.calibration.CalibratedRegressorCV.fit", fit)
    paths = (sky / "images", sky / "votes.csv", "--model", tmp_path / "model")
    assert run("train", *paths, "--answer", "featured", "--quiet") == 1


def test_questions_are_for_models_of_a_tree(sky, capsys):
    rank = ("rank", sky / "model.skgalaxy", sky / "images", "-n", 2, "--question", "bar")
    assert "--question is for a model of a decision tree" in fails(capsys, 2, *rank)


def test_too_few_galaxies_to_calibrate(sky, tmp_path, capsys, monkeypatch):
    """They are refused before images are read, and if too few of these can be read."""
    table = pd.read_csv(sky / "votes.csv", dtype={"id_str": str})
    votes = tmp_path / "votes.csv"
    command = ("train", sky / "images", votes, "--answer", "featured", "--size", 16, "--quiet")
    refused = "votes or more on at least 20 galaxies with an image, .* Got 19"
    single = table.copy()
    single.iloc[19:, 1:] = [0, 1, 1]  # a vote does not scatter
    with monkeypatch.context() as patched:
        patched.setattr("skgalaxy.images.pack_images", None)
        for few in (table.head(19), single):
            few.to_csv(votes, index=False)
            error = fails(capsys, 1, *command, "--model", tmp_path / "model")
            assert re.search(refused, error)
    table.head(20).to_csv(votes, index=False)
    shutil.copytree(sky / "images", tmp_path / "images")
    (tmp_path / "images" / f"{table['id_str'][7]}.png").write_bytes(b"")
    command = ("train", tmp_path / "images", *command[2:], "--model", tmp_path / "model")
    assert re.search(refused, fails(capsys, 1, *command))


def test_train_learns_from_the_joined(sky, tmp_path, capsys):
    """The same galaxies in another order, with others and N = 0 among them: the same model."""
    table = pd.read_csv(sky / "votes.csv", dtype={"id_str": str})
    more = pd.concat([table, table.head(2).assign(id_str=["1", "2"])])
    more.iloc[3, 1:] = 0
    more.to_csv(tmp_path / "more.csv", index=False)
    table.drop(3).to_csv(tmp_path / "less.csv", index=False)
    draws = []
    for name in ("more", "less"):
        settings = ("--answer", "featured", "--size", 16, "--epochs", 1)
        paths = (sky / "images", tmp_path / f"{name}.csv", "--model", tmp_path / name)
        assert run("train", *paths, *settings) == 0
        error = capsys.readouterr().err
        assert error.count("\n") == 2  # two notes and no progress bar
        left_out = re.search(r"(\d+) galaxies .*: (\d+) images .*, (\d+) rows .*, (\d+) ", error)
        expected = {"more": (23, 0, 2, 1), "less": (23, 1, 0, 0)}[name]
        assert tuple(map(int, left_out.groups())) == expected
        pipeline = skgalaxy.load(tmp_path / name)
        draws.append(predict_posterior(pipeline, [*(sky / "images").iterdir()]).draws)
    np.testing.assert_array_equal(*draws)


def test_train_leaves_out_broken_images(sky, tmp_path, capsys):
    ids = [f"{i:02d}" for i in range(N_GALAXIES)]
    write_images(tmp_path / "images", ids)
    write_votes(tmp_path / "votes.csv", ids)
    (tmp_path / "images" / "05.png").write_bytes(b"")
    paths = ("train", tmp_path / "images", tmp_path / "votes.csv", "--model", tmp_path / "model")
    settings = ("--answer", "featured", "--size", 16, "--epochs", 1, "--quiet")
    assert "05.png" in fails(capsys, 1, *paths, *settings, "--strict")
    assert not (tmp_path / "model").exists()
    assert run(*paths, *settings) == 0
    error = capsys.readouterr().err
    assert "05.png" in error
    assert error.count("\n") == 2
    assert "left out 1 of 24 images" in error
    assert metadata_of(tmp_path / "model")["n_galaxies"] == N_GALAXIES - 1


def test_several_answers_are_one(tmp_path):
    ids = [f"g{i}" for i in range(N_GALAXIES)]
    write_images(tmp_path / "images", ids)
    table = pd.DataFrame({"id_str": ids, "bar_strong": 3, "bar_weak": 2, "bar_no": 5})
    table.to_csv(tmp_path / "votes.csv", index=False)
    paths = ("train", tmp_path / "images", tmp_path / "votes.csv", "--model", tmp_path / "model")
    settings = ("--answer", "weak", "--answer", "str", "--size", 16, "--epochs", 1, "--quiet")
    assert run(*paths, *settings) == 0
    assert metadata_of(tmp_path / "model")["answer"] == "weak-or-strong"


def test_bad_votes(sky, tmp_path, capsys):
    """Each is one sentence, before any training, and no model."""

    def error_of(text, *options, answer="featured"):
        (tmp_path / "votes.csv").write_text(text)
        settings = ("--answer", answer, "--model", tmp_path / "model", *options)
        error = fails(capsys, 1, "train", sky / "images", tmp_path / "votes.csv", *settings)
        assert not (tmp_path / "model").exists()
        return error

    header, row, *rows = (sky / "votes.csv").read_text().splitlines()
    assert "none is called so" in error_of(f"{header}\n{row}\n", answer="barred")
    assert "Got 'bar'" in error_of(f"{header}\n{row}\n", "--question", "bar")
    assert "--id-column" in error_of(f"{header}\n7,20,20,40\n")
    assert "N = 0 everywhere" in error_of(f"{header}\n{row.split(',')[0]},0,0,0\n")
    assert "must not repeat" in error_of(f"{header}\n{row}\n{row}\n")
    assert "is the file whole?" in error_of(f"{header}\n{row}\n{rows[0][:-4]}\n")


def test_full_disk(sky, tmp_path, monkeypatch, capsys):
    def write(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", write)
    settings = ("--answer", "featured", "--size", 16, "--epochs", 1, "--quiet")
    paths = (sky / "images", sky / "votes.csv", "--model", tmp_path / "model")
    assert "No space left on device" in fails(capsys, 1, "train", *paths, *settings)
    assert [*tmp_path.iterdir()] == []


# predict


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".fits"])
def test_predict(suffix, sky, pool, tmp_path, capsys):
    """A row for each image that can be read, what the pipeline in the model says of it."""
    pytest.importorskip({".parquet": "pyarrow", ".fits": "astropy"}.get(suffix, "pandas"))
    path = tmp_path / f"catalogue{suffix}"
    assert run("predict", sky / "model.skgalaxy", pool, path, "--n-votes", 10, "--quiet") == 0
    left_out = re.findall("left out: .*", capsys.readouterr().err)
    assert len(left_out) == 1
    assert "5.png" in left_out[0]
    catalogue = read_any_catalogue(path)
    assert [*catalogue["id_str"]] == [*"12346789"]
    paths = [pool / f"{i}.png" for i in "12346789"]
    posterior = predict_posterior(skgalaxy.load(sky / "model.skgalaxy"), paths)
    np.testing.assert_allclose(catalogue[f"{NAMED}_fraction"], posterior.mean, rtol=1e-6)
    votes = catalogue[f"{NAMED}_expected_votes"]
    np.testing.assert_allclose(votes, 10 * posterior.mean, rtol=1e-6)


def test_predict_says_what_predicted(sky, tmp_path):
    run("predict", sky / "model.skgalaxy", sky / "images", tmp_path / "c.csv", "--quiet")
    header = (tmp_path / "c.csv-metadata.json").read_text()
    assert '"model": "model.skgalaxy"' in header
    assert f'"n_trained_on": {N_GALAXIES}' in header
    digest = hashlib.sha256((sky / "model.skgalaxy").read_bytes()).hexdigest()
    assert f'"model_sha256": "{digest[:16]}"' in header


def test_strict(sky, pool, tmp_path, capsys):
    command = ("predict", sky / "model.skgalaxy", pool, tmp_path / "c.csv", "--strict", "--quiet")
    assert "5.png" in fails(capsys, 1, *command)
    assert not (tmp_path / "c.csv").exists()


def test_store_is_not_decoded_again(sky, pool, tmp_path):
    (pool / "5.png").unlink()
    command = ("predict", sky / "model.skgalaxy", pool)
    settings = ("--store", tmp_path / "packed", "--quiet")
    assert run(*command, tmp_path / "first.csv", *settings) == 0
    for path in pool.glob("*.png"):
        status = path.stat()
        path.write_bytes(bytes(status.st_size))  # gone, but for its size and time
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run(*command, tmp_path / "second.csv", *settings) == 0
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()


@pytest.mark.filterwarnings("default:24 of 24 files have another size or time")
def test_store_of_another_sky(sky, tmp_path, capsys, monkeypatch):
    """Two folders with images of the same names, told by relative paths."""
    catalogues = {}
    for number, night in enumerate(("n1", "n2")):
        shutil.copytree(sky / "images", tmp_path / night / "images")
        paths = sorted((tmp_path / night / "images").iterdir())
        contents = [path.read_bytes() for path in paths]
        for path, content in zip(paths, contents[number:] + contents[:number], strict=True):
            path.write_bytes(content)
            os.utime(path, (number, number))
        monkeypatch.chdir(tmp_path / night)
        for name, store in (("own.csv", "own"), ("shared.csv", tmp_path / "shared")):
            command = ("predict", sky / "model.skgalaxy", "images", name, "--store", store)
            assert run(*command, "--quiet") == 0
        catalogues[night] = (tmp_path / night / "own.csv").read_bytes()
        assert (tmp_path / night / "shared.csv").read_bytes() == catalogues[night]
    assert catalogues["n1"] != catalogues["n2"]
    assert "have another size or time than those packed into" in capsys.readouterr().err


def test_crop_of_the_pool(sky, pool, tmp_path, capsys):
    """The pool may show another part of the sky than the images of training."""
    command = ("predict", sky / "model.skgalaxy", pool)
    assert run(*command, tmp_path / "c.csv", "--crop", 12, "--quiet") == 0
    assert run(*command, tmp_path / "whole.csv", "--quiet") == 0
    cropped, whole = read_catalogue(tmp_path / "c.csv"), read_catalogue(tmp_path / "whole.csv")
    assert (cropped[f"{NAMED}_fraction"] != whole[f"{NAMED}_fraction"]).all()
    error = fails(capsys, 1, *command, tmp_path / "d.csv", "--crop", 100, "--quiet")
    assert "all broken or empty; the first: `crop` must not exceed" in error


def test_bad_catalogues(sky, tmp_path, capsys, monkeypatch):
    """What cannot be written is refused before anything is read or predicted."""
    monkeypatch.setattr("skgalaxy.images.pack_images", None)
    command = ("predict", sky / "model.skgalaxy", sky / "images")
    assert "does not end in" in fails(capsys, 2, *command, tmp_path / "c.txt")
    assert "folder that exists" in fails(capsys, 1, *command, tmp_path / "none" / "c.csv")
    for name, kind, message in (
        ("galäxie", "fits", "only ASCII"),
        ("12.5", "csv", "must be text or integers"),
        ("=1+1", "csv", "must not be formulas"),
    ):
        images = tmp_path / name
        write_images(images, [name, "ok"])
        error = fails(capsys, 1, *command[:2], images, tmp_path / f"c.{kind}")
        assert message in error
        shutil.rmtree(images)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pyarrow" in fails(capsys, 1, *command, tmp_path / "c.parquet")
    assert [*tmp_path.iterdir()] == []


def test_bad_models(sky, tmp_path, capsys):
    """Damaged, something else, or nothing of ours: one sentence that names the file."""
    whole = (sky / "model.skgalaxy").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-1000])
    (tmp_path / "text").write_text("id,k,N")
    pipeline, metadata = skgalaxy.load(sky / "model.skgalaxy", return_metadata=True)
    metadata.pop("versions")
    skgalaxy.save(pipeline, tmp_path / "unnamed")
    for name, value in (("two_lines", "a\nb"), ("blank", " "), ("number", 7)):
        skgalaxy.save(pipeline, tmp_path / name, metadata={**metadata, "question": value})
    skgalaxy.save(pipeline[-1:], tmp_path / "no_loader", metadata=metadata)
    for name in ("cut", "text", "unnamed", "two_lines", "blank", "number", "no_loader"):
        error = fails(capsys, 1, "predict", tmp_path / name, sky / "images", tmp_path / "c.csv")
        assert re.search(rf"`MODEL` must be .*{name}'", error)
    assert "without question, answer, n_galaxies in its metadata" in fails(
        capsys, 1, "rank", tmp_path / "unnamed", sky / "images"
    )


class Evil:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("command", ["predict", "rank"])
def test_no_command_opens_a_pickle(command, sky, tmp_path, capsys):
    (tmp_path / "model").write_bytes(pickle.dumps(Evil(str(tmp_path / "ran"))))
    output = [tmp_path / "c.csv"] if command == "predict" else []
    error = fails(capsys, 1, command, tmp_path / "model", sky / "images", *output)
    assert "a pickle can run code" in error
    assert not (tmp_path / "ran").exists()
    pickle.loads((tmp_path / "model").read_bytes()).close()
    assert (tmp_path / "ran").exists()


def test_bad_folders(sky, tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / ".hidden.png").touch()
    command = ("predict", sky / "model.skgalaxy", folder, tmp_path / "c.csv")
    assert "Got no file at all" in fails(capsys, 1, *command)
    (folder / "notes.txt").touch()
    assert "Got other files, for example 'notes.txt'," in fails(capsys, 1, *command)
    (folder / "notes.txt").unlink()
    assert "Got no file at all" in fails(capsys, 1, *command)
    for name in ("7.png", "7.JPEG"):
        (folder / name).touch()
    assert "'7.JPEG' and '7.png'" in fails(capsys, 1, *command)
    (folder / "7.JPEG").unlink()
    assert "all broken" in fails(capsys, 1, *command, "--quiet")
    try:
        with open(bytes(folder) + b"/\xff.png", "w"):
            pass
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    assert "rename it" in fails(capsys, 1, *command)


# rank


def test_rank_is_by_mutual_information(sky, pool, tmp_path, capsys):
    run("predict", sky / "model.skgalaxy", pool, tmp_path / "c.csv", "--quiet")
    capsys.readouterr()
    command = ("rank", sky / "model.skgalaxy", pool, "--strategy", "mutual-information")
    assert run(*command, "-n", 8, "-o", tmp_path / "r.csv") == 0
    assert run(*command, "-n", 3) == 0
    three = capsys.readouterr().out
    eight = (tmp_path / "r.csv").read_text()
    assert eight.startswith(three)
    assert three.splitlines()[0] == "id_str,image,mutual_information"
    catalogue = read_catalogue(tmp_path / "c.csv").set_index("id_str")
    expected = catalogue[f"{NAMED}_mutual_information"].sort_values(ascending=False)
    ranking = pd.read_csv(tmp_path / "r.csv", dtype={"id_str": str}, index_col="id_str")
    np.testing.assert_allclose(ranking["mutual_information"], expected, rtol=1e-5)
    assert [*ranking.index] == [*expected.index]
    assert [*ranking["image"]] == [str(pool / f"{id_}.png") for id_ in ranking.index]


@pytest.mark.parametrize("n", [3, 8])
@pytest.mark.parametrize(
    ("options", "ask", "score"),
    [
        ((), joint_variance_sampling, "variance_information"),
        (("--strategy", "joint"), joint_sampling, "mutual_information"),
    ],
    ids=["unless told otherwise", "joint"],
)
def test_rank_is_joint(sky, pool, tmp_path, capsys, n, options, ask, score):
    """As the library does it with many draws, of those that can be read."""
    command = ("rank", sky / "model.skgalaxy", pool, "-n", n, "-o", tmp_path / "r.csv")
    assert run(*command, *options) == 0
    assert "5.png" in capsys.readouterr().err
    loader, estimator = (step for _, step in skgalaxy.load(sky / "model.skgalaxy").steps)
    (network,) = estimator.estimators_
    network.set_params(n_draws=1000)
    paths = sorted(path for path in pool.glob("*.png") if path.stem != "5")
    rows, gains = ask(estimator, loader.transform(paths), n)
    ranking = pd.read_csv(tmp_path / "r.csv", dtype={"id_str": str})
    assert [*ranking] == ["id_str", "image", score]
    assert [*ranking["id_str"]] == [paths[row].stem for row in rows]
    np.testing.assert_allclose(ranking[score], gains, rtol=1e-4)


def test_galaxies_learned_from_are_counted(sky, pool, tmp_path, capsys):
    shutil.copy(sky / "images" / "587722981740000003.png", pool)
    for command in (
        ("predict", sky / "model.skgalaxy", pool, tmp_path / "c.csv"),
        ("rank", sky / "model.skgalaxy", pool, "-n", 9),
    ):
        assert run(*command) == 0
        said = capsys.readouterr().err
        assert re.search(r"^1 (galaxies|of these 9) have been learned from", said, re.MULTILINE)
    assert run("rank", sky / "model.skgalaxy", sky / "images", "-n", N_GALAXIES) == 0
    assert f"{N_GALAXIES} of these {N_GALAXIES} have" in capsys.readouterr().err  # calibration, too


def test_rank_without_those_asked_before(sky, pool, tmp_path, capsys):
    """Neither those of an earlier ranking are listed, nor those of a table of votes."""
    kept = ("--checkpoint", tmp_path / "scores")
    command = ("rank", sky / "model.skgalaxy", pool, *kept, "-n")
    assert run(*command, 8, "--strategy", "mutual-information", "-o", tmp_path / "r1.csv") == 0
    assert run(*command, 3, "--strategy", "mutual-information", "-o", tmp_path / "r2.csv") == 0
    first = pd.read_csv(tmp_path / "r1.csv", dtype={"id_str": str})
    voted = first["id_str"][3:5]
    votes = pd.DataFrame({"id_str": [*voted, "elsewhere"], "k": 1, "N": 2})
    votes.to_csv(tmp_path / "votes.csv", index=False)
    capsys.readouterr()
    more = ("--without", tmp_path / "r2.csv", "--without", tmp_path / "votes.csv")
    assert run(*command, 3, "--strategy", "mutual-information", *more) == 0
    printed = capsys.readouterr()
    assert re.findall(r"left out (\d) images that .*/(\w+).csv", printed.err) == [
        ("3", "r2"),
        ("2", "votes"),
    ]
    rest = pd.read_csv(io.StringIO(printed.out), dtype={"id_str": str})
    pd.testing.assert_frame_equal(rest, first[5:].reset_index(drop=True))
    said = fails(capsys, 1, *command, 4, *more, "--quiet")
    assert "must not exceed the 3 galaxies that --without leaves" in said
    said = fails(capsys, 1, *command, 5, *more, "--quiet")
    assert "must not exceed the 4 galaxies that --without leaves" in said
    assert "left out" not in said  # before any image is read


def test_tables_of_galaxies_to_leave_out(sky, pool, tmp_path, capsys):
    """A manifest; ids that repeat, in the column that names most images, or in one of any name."""
    model = sky / "model.skgalaxy"
    command = ("rank", model, pool, "-n", 2, "--quiet")
    assert run(*command, "--manifest", tmp_path / "round_1") == 0
    first = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"id_str": str})["id_str"]
    table = tmp_path / "t.csv"
    twice = [*first, *first]
    pd.DataFrame({"dr7objid": range(100, 104), "iauname": twice}).to_csv(table, index=False)
    pd.DataFrame({"name": twice}).to_csv(tmp_path / "named.csv", index=False)
    for given in (
        (tmp_path / "round_1" / "manifest.csv",),
        (table,),
        (tmp_path / "named.csv", "--id-column", "name"),
    ):
        assert run(*command, "--without", *given) == 0
        rest = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"id_str": str})
        assert not {*rest["id_str"]} & {*first}
    assert "add --without" in fails(capsys, 2, *command, "--id-column", "name")
    said = fails(capsys, 1, *command, "--without", tmp_path / "named.csv")
    assert "`--without` must be a table with a column of ids" in said
    pd.DataFrame({"id_str": ["elsewhere"]}).to_csv(table, index=False)
    said = fails(capsys, 1, *command, "--without", table)
    assert "must be of galaxies in `IMAGES`. Got ids such as 'elsewhere'" in said
    table.write_text("id_str,k,N\n")  # nobody was asked yet
    assert run(*command, "--without", table) == 0


def test_rank_writes_a_manifest(sky, pool, tmp_path, capsys):
    command = ("rank", sky / "model.skgalaxy", pool, "-n", 2, "--manifest", tmp_path / "round_1")
    assert run(*command, "-o", tmp_path / "r.csv", "--quiet") == 0
    manifest = pd.read_csv(tmp_path / "round_1" / "manifest.csv", dtype={"#id_str": str})
    ranking = pd.read_csv(tmp_path / "r.csv", dtype={"id_str": str})
    assert [*manifest["#id_str"]] == [*ranking["id_str"]]
    assert [*manifest["#acquisition"]] == [*ranking["variance_information"]]
    assert {*manifest["#model_version"]} == {"model.skgalaxy"}
    for image, id_ in zip(manifest["image"], manifest["#id_str"], strict=True):
        path = tmp_path / "round_1" / image
        assert path.read_bytes() == (pool / f"{id_}.png").read_bytes()
    assert "choose another" in fails(capsys, 1, *command)


def test_rank_goes_on(sky, pool, tmp_path, capsys):
    """Scores that were kept are used; those of another pool are refused."""
    command = ("rank", sky / "model.skgalaxy", pool, "-n", 4, "--quiet")
    checkpoint = ("--checkpoint", tmp_path / "scores")
    assert run(*command, "-o", tmp_path / "r1.csv", *checkpoint) == 0
    assert run(*command, "-o", tmp_path / "r2.csv", *checkpoint) == 0
    tables = [pd.read_csv(tmp_path / name, dtype={"id_str": str}) for name in ("r1.csv", "r2.csv")]
    # draws of the shortlist are predicted again, which may change the last digit
    pd.testing.assert_frame_equal(*tables, rtol=1e-9)
    (pool / "5.png").unlink()
    assert "`checkpoint` must be" in fails(capsys, 1, *command, *checkpoint)


def test_rank_beside_another_process(sky, pool, tmp_path, capsys, monkeypatch):
    """The second to write a block is told so, in a sentence."""
    from skgalaxy.query import _checkpoint

    append = _checkpoint.ScoreCheckpoint.append

    def append_after_another(self, block):
        other = copy.copy(self)
        other.blocks, other._starts = [*self.blocks], [*self._starts]
        append(other, block)
        append(self, block)

    monkeypatch.setattr(_checkpoint.ScoreCheckpoint, "append", append_after_another)
    command = ("rank", sky / "model.skgalaxy", pool, "-n", 2, "--checkpoint", tmp_path / "scores")
    assert "which another process writes, too" in fails(capsys, 1, *command)


@pytest.mark.parametrize(
    ("id_", "message"),
    [
        ("=1+1", "`IMAGES` must not be formulas, which spreadsheets run. Got '=1+1'"),
        ("1.50", "`IMAGES` must be text or integers: as floats their last digits are lost. Got"),
        ("5E+17", "Got 5E+17"),
    ],
)
def test_rank_refuses_ids_before_it_scores(sky, tmp_path, capsys, monkeypatch, id_, message):
    write_images(tmp_path / "pool", [id_, "ok"])
    monkeypatch.setattr("skgalaxy.images.pack_images", None)
    error = fails(capsys, 1, "rank", sky / "model.skgalaxy", tmp_path / "pool", "-n", 1)
    assert message in error


def test_votes_of_formulas_are_not_written(tmp_path, capsys):
    table = tmp_path / "votes.csv"
    table.write_text("id_str,bar_yes,bar_no,bar_total-votes\n=1+1,3,4,7\nb,1,6,7\n")
    output = tmp_path / "v.csv"
    assert "must not be formulas" in fails(
        capsys, 1, "votes", table, "--question", "bar", "-o", output
    )
    assert not output.exists()


def test_rank_of_too_many_jointly(sky, pool, capsys):
    (pool / "5.png").unlink()
    error = fails(capsys, 1, "rank", sky / "model.skgalaxy", pool, "-n", 501)
    assert "`-n` must be at most 500 to rank jointly. Got 501" in error
    alone = ("--strategy", "mutual-information")
    error = fails(capsys, 1, "rank", sky / "model.skgalaxy", pool, "-n", 501, "--quiet", *alone)
    assert "`-n` must not exceed the 8 galaxies. Got 501." in error


def test_rank_of_too_few(sky, pool, capsys):
    (pool / "5.png").unlink()
    error = fails(capsys, 1, "rank", sky / "model.skgalaxy", pool, "--quiet")
    assert "`-n` must not exceed the 8 galaxies. Got 100." in error


# Outputs


def test_nothing_is_replaced(sky, pool, tmp_path, capsys):
    """Outputs that are there stay, before anything is read, unless told otherwise."""
    there = tmp_path / "there.csv"
    there.write_text("mine")
    model = ("predict", sky / "model.skgalaxy")
    for command in (
        (*model, sky / "images", there),
        ("rank", sky / "model.skgalaxy", sky / "images", "-o", there),
        ("train", sky / "images", sky / "votes.csv", "--answer", "smooth", "--model", there),
        ("votes", sky / "votes.csv", "-o", there),
    ):
        assert "add --force" in fails(capsys, 1, *command)
        assert there.read_text() == "mine"
    assert run(*model, sky / "images", there, "--force", "--quiet") == 0
    assert len(read_catalogue(there)) == N_GALAXIES
    assert "choose another." in fails(capsys, 1, "simulate", pool)


# votes


def test_questions_are_listed(sky, capsys):
    assert run("votes", sky / "votes.csv") == 0
    assert capsys.readouterr().out == "smooth-or-featured: smooth, featured-or-disk\n"


def test_votes_are_tidied(tmp_path, capsys):
    """Of any dialect, in columns that are read again."""
    lines = ["dr7objid,t03_bar_a06_bar_count,t03_bar_a07_no_bar_count"]
    lines += ["587722981746540704,4,6", "587722982293766366,,"]
    (tmp_path / "gz2.csv").write_text("\n".join(lines))
    assert run("votes", tmp_path / "gz2.csv", "--question", "bar") == 0
    (tmp_path / "tidy.csv").write_text(capsys.readouterr().out)
    table = read_votes(tmp_path / "tidy.csv", "bar")
    assert [*table.ids] == ["587722981746540704", "587722982293766366"]
    assert table.votes("yes").tolist() == [[4, 10], [0, 0]]
    assert run("votes", tmp_path / "gz2.csv", "-o", tmp_path / "file.csv") == 0
    assert (tmp_path / "file.csv").read_bytes() == (tmp_path / "tidy.csv").read_bytes()


def test_votes_on_all_questions_are_tidied(tmp_path, capsys):
    shape = "smooth-or-featured_smooth,smooth-or-featured_featured-or-disk"
    lines = [f"id_str,{shape},smooth-or-featured_artifact,bar_yes,bar_no", "J1,1,5,0,4,1"]
    (tmp_path / "votes.csv").write_text("\n".join(lines))
    assert run("votes", tmp_path / "votes.csv", "-o", tmp_path / "tidy.csv") == 0
    assert read_votes(tmp_path / "tidy.csv", "bar").votes("yes").tolist() == [[4, 5]]
    assert read_votes(tmp_path / "tidy.csv", "smooth-or-featured").n_votes == [6]
    train = ("train", tmp_path, tmp_path / "votes.csv", "--answer", "yes")
    error = fails(capsys, 1, *train, "--model", tmp_path / "model")
    assert "must name one question" in error


def test_votes_that_cannot_be_counted_are_explained(tmp_path, capsys):
    path = tmp_path / "votes.csv"
    path.write_text("id_str,ring,bar_yes_fraction,bar_no_fraction\nJ1,1,0.4,0.6\n")
    error = fails(capsys, 1, "votes", path)
    assert "it has none" in error
    assert "only fractions without the N of the question" in error


def test_votes_in_columns_that_are_named(tmp_path, capsys):
    path = tmp_path / "votes.csv"
    path.write_text("subject_id,task,data.ring,data.lens\n1,T0,3,3\n2,T0,1,\n")
    assert "given several" in fails(capsys, 1, "votes", path, "--question", "T0")
    answers = ("--answer", "data.ring", "--answer", "data.lens")
    assert run("votes", path, "--question", "T0", *answers) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["1,3,3,6", "2,1,0,1"]


def test_dialect_of_votes_to_learn(sky, tmp_path, capsys):
    paths = ("train", sky / "images", sky / "votes.csv", "--model", tmp_path / "model.skgalaxy")
    error = fails(capsys, 1, *paths, "--answer", "smooth", "--dialect", "gz1")
    assert "dialect gz1" in error
    assert "looks like 'zoobot'" in error


def test_votes_of_an_export(tmp_path, capsys):
    said = {"ann": "Yes, a bar", "bob": "No bar", "eve": "Yes, a bar"}
    rows = [
        {
            "classification_id": number,
            "user_name": name,
            "workflow_id": 1,
            "workflow_version": "1.1",
            "annotations": json.dumps([{"task": "T0", "value": answer}]),
            "subject_data": json.dumps({"9": {"#id_str": "587722981742215240"}}),
        }
        for number, (name, answer) in enumerate(said.items())
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "export.csv", index=False)
    command = ("votes", tmp_path / "export.csv", "--task", "T0", "--question", "bar")
    answers = ("--answer", "Yes, a bar=yes", "--answer", "No bar=no")
    assert run(*command, *answers, "-o", tmp_path / "bars.csv") == 0
    table = read_votes(tmp_path / "bars.csv")
    assert (table.question, table.votes("yes").tolist()) == ("bar", [[2, 3]])
    assert "name the --task to read" in fails(capsys, 2, "votes", tmp_path / "export.csv")
    assert "TEXT=NAME" in fails(capsys, 2, *command, "--answer", "bar")
    assert "'Yes, a bar'" in fails(capsys, 1, *command, "--answer", "No bar=no")
    assert "once" in fails(capsys, 2, *command, "--answer", "No bar=no", "--answer", "No bar=x")
    assert "--dialect is for vote tables" in fails(capsys, 2, *command, "--dialect", "gz2")
    for option in (("--workflow", "1"), ("--on-error", "report")):
        assert "is for exports" in fails(capsys, 2, "votes", tmp_path / "bars.csv", *option)


def test_ids_and_versions_of_an_export(tmp_path, capsys):
    rows = [
        (10, "ann", "1.1", ["Bar"], "Z1"),
        (11, "bob", "2.10", "Bar", "Z1"),
        (12, "eve", "2.1", "No", "Z2"),
    ]
    frame = pd.DataFrame(
        {
            "classification_id": number,
            "user_name": name,
            "workflow_id": 1,
            "workflow_version": version,
            "annotations": json.dumps([{"task": "T0", "value": value}]),
            "subject_data": json.dumps({f"50{id_[1]}": {"objectId": id_}}),
        }
        for number, name, version, value, id_ in rows
    )
    frame.to_csv(tmp_path / "export.csv", index=False)

    def ids(*options):
        assert run("votes", tmp_path / "export.csv", "--task", "T0", *options) == 0
        out, err = capsys.readouterr()
        return [line.split(",")[0] for line in out.splitlines()[1:]], err

    newer = ("--workflow-version", "2")
    assert ids(*newer, "--id-column", "objectId") == (["Z1", "Z2"], "")
    assert ids(*newer, "--id-column", "subject_ids") == (["501", "502"], "")
    assert ids("--workflow-version", "2.10", "--id-column", "subject_ids") == (["501"], "")
    some, left_out = ids("--on-error", "report", "--id-column", "objectId")
    assert some == ["Z1", "Z2"]
    assert "left out: row 0 has in its 'annotations' no single answer" in left_out
    command = ("votes", tmp_path / "export.csv", "--task", "T0")
    assert "row 0" in fails(capsys, 1, *command, "--id-column", "objectId")


def test_real_votes(shared_data, tmp_path):
    """Recovered from published fractions they are those that were counted."""
    folder = shared_data / "galaxy_zoo_2"
    settings = ("--question", "smooth-or-featured", "--id-column", "asset_id")
    for name in ("hart16_rows", "votes"):
        assert run("votes", folder / f"{name}.csv", *settings, "-o", tmp_path / name) == 0
    hart16, exact = (read_votes(tmp_path / name) for name in ("hart16_rows", "votes"))
    assert len(exact) == 800
    np.testing.assert_array_equal(
        hart16.reindex(exact.ids).votes("featured"), exact.votes("featured")
    )


def test_real_galaxies(shared_data, tmp_path, capsys):
    """Train on JPEGs of one survey, predict others that were cropped before."""
    folder, sdss = shared_data / "galaxy_zoo_2", shared_data / "sdss_pool" / "images"
    for name, source in (("images", folder / "images"), ("pool", sdss)):
        (tmp_path / name).mkdir()
        for path in sorted(source.iterdir())[:20]:
            (tmp_path / name / path.name).symlink_to(path)
    paths = (tmp_path / "images", folder / "votes.csv", "--model", tmp_path / "model")
    settings = ("--answer", "featured", "--size", 16, "--crop", 256, "--epochs", 1)
    assert "--id-column" in fails(capsys, 1, "train", *paths, *settings)
    assert run("train", *paths, *settings, "--id-column", "asset_id") == 0
    assert "20 galaxies have an image and votes" in capsys.readouterr().err
    command = ("predict", tmp_path / "model", tmp_path / "pool", tmp_path / "c.csv")
    assert run(*command, "--crop", 128) == 0
    catalogue = read_catalogue(tmp_path / "c.csv")
    assert [*catalogue["id_str"]] == [path.stem for path in sorted(sdss.iterdir())[:20]]


# simulate


def test_simulate(tmp_path, capsys):
    """What it writes, the library and `train` read."""
    pytest.importorskip("galsim")
    from skgalaxy.datasets import load_galaxy_zoo, make_galaxies

    command = ("simulate", tmp_path / "sky", "-n", 24, "--size", 16, "--seed", 3)
    assert run(*command, "--quiet") == 0
    loaded = load_galaxy_zoo(tmp_path / "sky", answer=NAMED, image_size=16, crop=None)
    drawn = make_galaxies(24, image_size=16, random_state=3)
    np.testing.assert_array_equal(loaded.images, drawn.images)
    np.testing.assert_array_equal(loaded.votes, drawn.votes)
    truth = pd.read_csv(tmp_path / "sky" / "truth.csv")
    assert [*truth["id_str"]] == [*loaded.ids]
    paths = (tmp_path / "sky" / "images", tmp_path / "sky" / "votes.csv")
    settings = (
        "--question",
        "smooth-or-featured",
        "--answer",
        "featured",
        "--size",
        16,
        "--epochs",
        1,
    )
    assert run("train", *paths, *settings, "--model", tmp_path / "model", "--quiet") == 0


# Folders of images


def test_any_suffix_in_any_folder(sky, tmp_path, capsys):
    """What can be read is read, wherever it lies; what is passed over is named and counted."""
    fits = pytest.importorskip("astropy.io.fits")
    write_images(tmp_path / "source", ["1"])
    picture = Image.open(tmp_path / "source" / "1.png")
    pool = tmp_path / "pool"
    (pool / "a" / "b").mkdir(parents=True)
    (pool / ".thumbnails").mkdir()
    names = ["1.jpg", "a/2.TIF", "a/3.webp", "4.gif", "5.bmp", "a/b/6.png", "7.jpeg", "8.x.jp2"]
    for name in [*names, ".thumbnails/1.png"]:
        picture.save(pool / name)
    packed = ["9.fits", "a/10.fits.gz", "11.fit", "12.fts", "13.fits.bz2"]
    for name in packed:
        fits.writeto(pool / name, np.asarray(picture.convert("L")))
    for name in ("notes.txt", "a/votes.csv", "a/b/drawing.svg", "b.psd"):
        (pool / name).touch()
    os.symlink(pool / "a", pool / "link")
    catalogue = tmp_path / "c.csv"
    assert run("predict", sky / "model.skgalaxy", pool, catalogue) == 0
    error = capsys.readouterr().err
    assert "passed over 5 with names" in error
    assert "'a/b/drawing.svg', 'a/votes.csv', 'b.psd', ..." in error
    ids = set(read_catalogue(catalogue)["id_str"])
    assert ids == {"8.x", *map(str, {*range(1, 14)} - {8})}


def test_two_galaxies_of_one_name(sky, tmp_path, capsys):
    (tmp_path / "pool").mkdir()
    for folder in ("a", "b"):
        write_images(tmp_path / "pool" / folder, ["1", folder])
    error = fails(
        capsys, 1, "predict", sky / "model.skgalaxy", tmp_path / "pool", tmp_path / "c.csv"
    )
    assert re.search(r"Got '.*a.1\.png' and 'b.1\.png' in '.*pool'", error)


@pytest.mark.parametrize("command", ["predict", "rank", "train"])
def test_empty_images_are_left_out(sky, tmp_path, capsys, command):
    """Cutouts outside of a survey's footprint are no galaxies."""
    ids = [f"{i:02d}" for i in range(N_GALAXIES)]
    write_images(tmp_path / "pool", ids)
    write_votes(tmp_path / "votes.csv", ids)
    for id_ in ids[2:4]:
        Image.new("RGB", (32, 32), (7, 7, 7)).save(tmp_path / "pool" / f"{id_}.png")
    output = tmp_path / "out.csv"
    arguments = {
        "predict": (sky / "model.skgalaxy", tmp_path / "pool", output),
        "rank": (sky / "model.skgalaxy", tmp_path / "pool", "-n", 22, "-o", output),
        "train": (tmp_path / "pool", tmp_path / "votes.csv", "--model", output),
    }
    settings = ("--answer", "featured", "--size", 16, "--epochs", 1) * (command == "train")
    assert run(command, *arguments[command], *settings) == 0
    error = capsys.readouterr().err
    assert error.count("is empty: all of its 32 x 32 pixels are") == 2
    assert "left out 2 of 24 images" in error
    if command == "train":
        assert "of votes on 22 galaxies" in error
    else:
        assert sorted(read_catalogue(output)["id_str"]) == ids[:2] + ids[4:]


def test_more_volunteers_than_can_be_listed(sky, capsys, tmp_path):
    for command in ("rank", "predict"):
        arguments = (command, sky / "model.skgalaxy", sky / "images", "--n-votes", 1_000_000)
        error = fails(
            capsys, 2, *arguments, *([tmp_path / "c.csv"] if command == "predict" else [])
        )
        assert "1000000 is not in the range 1<=x<=100000" in error
