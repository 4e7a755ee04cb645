"""The commands about a model: `train` writes one, `predict` and `rank` use it.

Its file is one of `skgalaxy.save`, which runs no code when it is read: you can hand such files on.
The model is a pipeline from paths to posteriors. In its metadata ``question`` and ``answer`` name
the columns of a catalogue, and ``n_galaxies`` is the number of galaxies it was trained on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skgalaxy.cli._common import (
    FILE,
    FOLDER,
    NEW_FILE,
    NEW_FOLDER,
    POSITIVE,
    Command,
    check_new,
    dialect_option,
    examples,
    force_option,
    hushed,
    id_column_option,
    list_images,
    n_votes_option,
    note,
    output_option,
    packed,
    pool_crop_option,
    quiet_option,
    seed_option,
    store_option,
    strict_option,
    wants_bars,
    write_csv,
)

if TYPE_CHECKING:  # as in _common.py
    from skgalaxy.images import ImageLoader
    from skgalaxy.votes import VoteTable

METADATA = ("question", "answer", "n_galaxies")


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy train images votes.csv --answer featured --model featured.skgalaxy",
        "skgalaxy train images gz_decals.csv --question bar --answer strong --answer weak \\",
        "    --crop 256 --epochs 100 --model bars.skgalaxy",
    ),
)
@click.argument("images", type=FOLDER)
@click.argument("votes", type=FILE)
@click.option(
    "--question",
    metavar="NAME",
    help="Question to learn, for example bar.  [default: the only one of the table]",
)
@click.option(
    "--answer",
    "answers",
    metavar="NAME",
    multiple=True,
    required=True,
    help="Answer to learn, or its first letters. Repeat it to count several answers as one.",
)
@click.option("--model", type=NEW_FILE, required=True, help="File to write.")
@dialect_option
@id_column_option
@click.option("--size", type=POSITIVE, default=64, help="Width of the network's images in pixels.")
@click.option("--crop", type=POSITIVE, help="Central pixels of each image to keep.  [default: all]")
@click.option("--color", is_flag=True, help="Learn from three colours instead of their mean.")
@click.option(
    "--bands",
    help="Bands of the planes in FITS, in the order of the file, for example grz.  [default: as "
    "the header says]",
)
@click.option("--epochs", type=POSITIVE, default=60, help="Number of passes over the galaxies.")
@click.option(
    "--batch-size", type=POSITIVE, default=32, help="Number of galaxies per training step."
)
@click.option(
    "--likelihood",
    type=click.Choice(["binomial", "beta-binomial"]),
    default="binomial",
    help="Distribution of votes. In beta-binomial they may scatter more than tossed coins do.",
)
@click.option("--networks", type=POSITIVE, default=1, help="Number of networks in the ensemble.")
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    help="Number of folds, for example 5. For each fold, networks are trained on the others and "
    "recalibrated by its votes. All networks predict.  [default: no recalibration]",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="float32",
    help="Number format of the computation; auto is the fastest on your processor.",
)
@seed_option
@strict_option
@quiet_option
@force_option
def train(
    images: Path,
    votes: Path,
    question: str | None,
    answers: tuple[str, ...],
    model: Path,
    dialect: str,
    id_column: str | None,
    folds: int | None,
    strict: bool,
    quiet: bool,
    force: bool,
    **parameters: Any,
) -> None:
    """Train a model of the votes on your images.

    IMAGES is a folder of files {id}.jpg, .png, .tif, .webp, .fits ..., with folders in it or not.
    VOTES is a table that `skgalaxy votes`
    can read. They are joined by id. Galaxies without an image or without votes are counted and
    left out.
    """
    from sklearn.pipeline import make_pipeline

    from skgalaxy.images import ImageLoader
    from skgalaxy.persistence import save
    from skgalaxy.votes import read_votes

    check_new(model, force)
    table = read_votes(votes, question, dialect=dialect, id_column=id_column)
    table.votes(*answers)  # an unknown answer is an error now, before images are listed
    table, paths = _join(table, list_images(images), images, quiet)
    y = table.votes(*answers)

    with hushed():  # after all that can be refused without TensorFlow
        from skgalaxy import BayesianCNNRegressor
        from skgalaxy.calibration import CalibratedRegressorCV
    loader = ImageLoader(
        **{name: parameters.pop(name) for name in ("size", "crop", "color", "bands")}
    )
    seed = parameters.pop("seed")
    estimator = BayesianCNNRegressor(
        likelihood=parameters.pop("likelihood").replace("-", "_"),
        n_networks=parameters.pop("networks"),
        **parameters,
        random_state=seed,
        verbose=wants_bars(quiet),
    )
    if folds:
        estimator = CalibratedRegressorCV(estimator, cv=folds, random_state=seed)
    with packed(paths, loader, strict=strict, quiet=quiet) as (pixels, readable):
        y[~readable] = 0  # a galaxy without votes is not learned from
        estimator.fit(pixels, y)
    answer = "-or-".join(_full_name(answer, table.answers) for answer in answers)
    # a file for Python, too, where progress is shown if you ask for it
    pipeline = make_pipeline(loader, _show_progress(estimator, False))
    n_galaxies = int((y[:, 1] > 0).sum())
    metadata = {"question": table.question, "answer": answer, "n_galaxies": n_galaxies}
    save(pipeline, model, metadata=metadata)
    note(f"Wrote {model}: {table.question}_{answer}, learned from {n_galaxies} galaxies.", quiet)


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy predict featured.skgalaxy images catalogue.csv",
        "skgalaxy predict bars.skgalaxy /survey/jpegs bars.parquet --n-votes 5 --store packed",
    ),
)
@click.argument("model", type=FILE)
@click.argument("images", type=FOLDER)
@click.argument("catalogue", type=NEW_FILE)
@n_votes_option
@pool_crop_option
@store_option
@strict_option
@quiet_option
@force_option
def predict(
    model: Path,
    images: Path,
    catalogue: Path,
    n_votes: int,
    crop: int | None,
    store: Path | None,
    strict: bool,
    quiet: bool,
    force: bool,
) -> None:
    """Write a catalogue of the votes predicted on each image.

    MODEL is a file from `skgalaxy train`. It holds no code: to read one of a stranger runs nothing.
    CATALOGUE ends in .csv, .ecsv, .parquet or .fits. For each galaxy it holds the fraction of
    volunteers who would give the answer, with its 5th and 95th percentile; the number of such votes
    to expect from N volunteers; and the mutual information of their votes with the model, in nats.
    """
    from skgalaxy.catalogue import make_catalogue, write_catalogue

    check_new(catalogue, force)
    files = list_images(images)
    loader, estimator, metadata = _load(model)
    named = {"question": metadata["question"], "answer": metadata["answer"]}
    header = {"model": model.name, "metadata": {**named, **_provenance(model, metadata, n_votes)}}
    _rehearse(catalogue, list(files), named, header)
    # the pool may show another part of the sky than the images of training
    loader.set_params(crop=crop or loader.crop)
    _show_progress(estimator, wants_bars(quiet))
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        posterior = estimator.predict_posterior(pixels)[readable]
    ids = [id_ for id_, good in zip(files, readable, strict=True) if good]
    table = make_catalogue(posterior, ids, **named, n_votes=n_votes)
    write_catalogue(catalogue, table, **header)
    note(f"Wrote {len(ids)} galaxies to {catalogue}.", quiet)


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy rank featured.skgalaxy images -n 20",
        "skgalaxy rank featured.skgalaxy pool -n 500 -o round_2.csv --manifest round_2 \\",
        "    --store packed --checkpoint scores.sqlite",
    ),
)
@click.argument("model", type=FILE)
@click.argument("images", type=FOLDER)
@click.option("-n", "--n", type=POSITIVE, default=100, help="Number of images to list.")
@click.option(
    "--strategy",
    type=click.Choice(["joint", "mutual-information"]),
    default="joint",
    help="Rank each image by the information it adds to those above it, or by its own.",
)
@n_votes_option
@output_option
@click.option("--manifest", type=NEW_FOLDER, help="Folder to make for an upload to Zooniverse.")
@click.option(
    "--checkpoint",
    type=NEW_FILE,
    help="File to keep scores in, so that you can go on with an interrupted run.",
)
@pool_crop_option
@store_option
@strict_option
@quiet_option
@force_option
def rank(
    model: Path,
    images: Path,
    n: int,
    strategy: str,
    n_votes: int,
    output: Path | None,
    manifest: Path | None,
    checkpoint: Path | None,
    crop: int | None,
    store: Path | None,
    strict: bool,
    quiet: bool,
    force: bool,
) -> None:
    """Rank images by how much votes on them would teach the model.

    By default each image is ranked by the information it adds to the images above it, so
    near-duplicates drop down; you can list up to 500. With --strategy mutual-information each image
    is ranked on its own. IMAGES is a folder as for `train`. The columns are
    id_str, image and mutual_information, in nats. --manifest makes a folder for `panoptes
    subject-set upload-subjects`.
    """
    import pandas as pd

    from skgalaxy import query
    from skgalaxy._spreadsheets import refuse_formulas
    from skgalaxy.zooniverse import write_manifest

    check_new(output, force)
    check_new(manifest)
    if strategy == "joint" and n > query.largest_batch():
        # now: the library only warns, after the pool is scored
        raise ValueError(
            f"`-n` must be at most {query.largest_batch()} to rank jointly. Got {n}; add "
            "--strategy mutual-information."
        )
    files = list_images(images)
    refuse_formulas(files, "IMAGES")  # now, not when the ranking is written
    loader, estimator, _ = _load(model)
    loader.set_params(crop=crop or loader.crop)
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        # the library would name its own `n_instances`
        if n > readable.sum():
            raise ValueError(f"`-n` must not exceed the {readable.sum()} galaxies. Got {n}.")
        ask = query.mutual_information_sampling
        if strategy == "joint":
            ask, estimator = query.joint_sampling, query.ensure_draws(estimator)
        rows, scores = ask(
            estimator,
            pixels,
            n,
            n_votes=n_votes,
            eligible=readable,
            random_state=0,  # of ties: the same command writes the same table
            checkpoint=checkpoint,
            verbose=wants_bars(quiet),
        )
    # ids are text: spreadsheets and float columns mangle numbers of 18 digits
    pool = pd.DataFrame({"id_str": list(files), "image": list(map(str, files.values()))})
    ranking = pool.iloc[rows].assign(mutual_information=scores)
    if manifest is not None:
        # columns with a # are not shown to volunteers
        hidden = {"#acquisition": ranking["mutual_information"], "#model_version": model.name}
        write_manifest(
            manifest, ranking["id_str"], ranking["image"], metadata=hidden, bands=loader.bands
        )
        note(f"Wrote {n} images and their table to {manifest}.", quiet)
    write_csv(ranking, output)


def _show_progress(estimator: Any, verbose: bool) -> Any:
    """Let an estimator show progress or not, for example all folds of a recalibrated one."""
    from skgalaxy.query._learners import fitted_estimators

    for one in fitted_estimators(estimator):
        one.set_params(verbose=verbose)
    return estimator


def _join(
    table: "VoteTable", files: Mapping[str, Path], folder: Path, quiet: bool
) -> tuple["VoteTable", list[Path]]:
    """Rows of a vote table that have an image and votes, with the image files."""
    ids = [id_ for id_ in table.ids.tolist() if id_ in files]
    if not ids:
        raise ValueError(
            f"`VOTES` must be of galaxies in `IMAGES`. Got ids such as {str(table.ids[0])!r} in "
            f"{table.source!r} and {next(iter(files))!r} in {str(folder)!r}; name the column with "
            "--id-column."
        )
    joined = table.reindex(ids)  # a galaxy may have a row, and N = 0 on this question
    asked = [id_ for id_, n in zip(ids, joined.n_votes, strict=True) if n > 0]
    if not asked:
        raise ValueError(f"`VOTES` must hold votes on {table.question!r}. Got N = 0 everywhere.")
    note(
        f"{len(asked)} galaxies have an image and votes on {table.question}. Left out: "
        f"{len(files) - len(ids)} images without a row, {len(table) - len(ids)} rows without an "
        f"image, {len(ids) - len(asked)} with both but N = 0.",
        quiet,
    )
    return table.reindex(asked), [files[id_] for id_ in asked]


def _full_name(answer: str, answers: Sequence[str]) -> str:
    """Answer of this name or, if there is none, the one that begins so."""
    # `votes` has refused a beginning of several; the shortest is the name itself
    return min((name for name in answers if name.startswith(answer)), key=len)


def _load(path: Path) -> tuple["ImageLoader", Any, dict[str, Any]]:
    """Loader, estimator and metadata of a file that `train` wrote."""
    from skgalaxy.images import ImageLoader
    from skgalaxy.persistence._model import read_model

    rule = "`MODEL` must be a file that `skgalaxy train` wrote"
    with hushed():  # it imports TensorFlow
        pipeline, metadata = read_model(path, (), rule)
    steps = [step for _, step in getattr(pipeline, "steps", [])]
    whole = (
        len(steps) == 2
        and isinstance(steps[0], ImageLoader)
        and hasattr(steps[1], "predict_posterior")
    )
    missing = [name for name in METADATA if name not in metadata]
    if not whole or missing:
        lacks = f"{', '.join(missing)} in its metadata" if missing else "an ImageLoader before it"
        raise ValueError(
            f"{rule}. Got {str(path)!r}, a model without {lacks}; train a model first."
        )
    return steps[0], steps[1], metadata


def _provenance(path: Path, metadata: Mapping[str, Any], n_votes: int) -> dict[str, Any]:
    """Metadata of a catalogue about its model."""
    with path.open("rb") as file:
        # 16 digits of it: a FITS card does not hold 64
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    return {"n_votes": n_votes, "n_trained_on": metadata["n_galaxies"], "model_sha256": digest}


def _rehearse(
    path: Path, ids: Sequence[str], named: Mapping[str, str], header: Mapping[str, Any]
) -> None:
    """Check a catalogue of these galaxies, to fail before the work if it cannot be written."""
    import numpy as np

    from skgalaxy import VotePosterior
    from skgalaxy.catalogue import make_catalogue
    from skgalaxy.catalogue._formats import KINDS
    from skgalaxy.catalogue._write import check_writable

    if path.suffix.lower() not in KINDS:
        raise click.BadParameter(
            f"{str(path)!r} does not end in {', '.join(KINDS)}.", param_hint="'CATALOGUE'"
        )
    table = make_catalogue(VotePosterior(np.full((len(ids), 1), 0.5)), ids, **named, n_votes=1)
    check_writable(path, table, **header)
