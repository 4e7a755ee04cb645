"""The commands about a model: `train` writes one, `predict` and `rank` use it.

It is a file that ``joblib.load`` reads: a dict of the fitted ``pipeline``, from paths to
posteriors; of ``question`` and ``answer``, which name the columns of a catalogue; and of
``n_galaxies``, how many it was trained on.
"""

import hashlib
import tempfile
from pathlib import Path

import click

from skgalaxy.cli._common import (
    FILE,
    FOLDER,
    NEW_FILE,
    NEW_FOLDER,
    POSITIVE,
    check_new,
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
    write_csv,
)

CONTENT = ("pipeline", "question", "answer", "n_galaxies")


@click.command(
    epilog=examples(
        "skgalaxy train images votes.csv --answer featured --model featured.joblib",
        "skgalaxy train images gz_decals.csv --question bar --answer strong --answer weak \\",
        "    --crop 256 --epochs 100 --model bars.joblib",
    )
)
@click.argument("images", type=FOLDER)
@click.argument("votes", type=FILE)
@click.option("--question", metavar="NAME", help="What was asked.  [default: the only question]")
@click.option(
    "--answer",
    "answers",
    metavar="NAME",
    multiple=True,
    required=True,
    help="The answer to learn, or how it begins. Several are taken as one.",
)
@click.option("--model", type=NEW_FILE, required=True, help="The file to write.")
@id_column_option
@click.option("--size", type=POSITIVE, default=64, help="Width of the network's images in pixels.")
@click.option("--crop", type=POSITIVE, help="Central pixels of an image to keep.  [default: all]")
@click.option("--color", is_flag=True, help="Learn from three channels instead of their mean.")
@click.option("--epochs", type=POSITIVE, default=60, help="Passes over the galaxies.")
@click.option("--batch-size", type=POSITIVE, default=32, help="Galaxies per training step.")
@click.option(
    "--likelihood",
    type=click.Choice(["binomial", "beta-binomial"]),
    default="binomial",
    help="How votes scatter: as coins do, or more.",
)
@click.option("--networks", type=POSITIVE, default=1, help="Size of the ensemble.")
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    help="Train on all but one fold at a time, and recalibrate the posterior by the votes of "
    "that one; all networks predict.  [default: no recalibration]",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="float32",
    help="Of the computation; auto is what the processor does fastest.",
)
@seed_option
@strict_option
@quiet_option
@force_option
def train(
    images, votes, question, answers, model, id_column, folds, strict, quiet, force, **parameters
):
    """Train a model of votes on images.

    IMAGES is a folder of {id}.jpg, .jpeg, .png or .fits, VOTES a table that `skgalaxy votes`
    reads. They are joined by id; galaxies that lack one of the two are counted and left out.
    """
    import joblib
    from sklearn.pipeline import make_pipeline

    from skgalaxy._files import complete_file
    from skgalaxy.images import ImageLoader
    from skgalaxy.votes import read_votes

    check_new(model, force)
    table = read_votes(votes, question, id_column=id_column)
    table.votes(*answers)  # known answers, or an error now
    table, paths = _join(table, list_images(images), images, quiet)
    y = table.votes(*answers)

    with hushed():
        from skgalaxy import BayesianCNNRegressor
        from skgalaxy.calibration import CalibratedRegressorCV
    loader = ImageLoader(**{name: parameters.pop(name) for name in ("size", "crop", "color")})
    seed = parameters.pop("seed")
    estimator = BayesianCNNRegressor(
        likelihood=parameters.pop("likelihood").replace("-", "_"),
        n_networks=parameters.pop("networks"),
        **parameters,
        random_state=seed,
        verbose=not quiet,
    )
    if folds:
        estimator = CalibratedRegressorCV(estimator, cv=folds, random_state=seed)
    with packed(paths, loader, strict=strict, quiet=quiet) as (pixels, readable):
        y[~readable] = 0  # without votes it is not learned from
        estimator.fit(pixels, y)
    answer = "-or-".join(_full_name(answer, table.answers) for answer in answers)
    pipeline = make_pipeline(loader, _show_progress(estimator, False))
    n_galaxies = int((y[:, 1] > 0).sum())
    content = dict(zip(CONTENT, (pipeline, table.question, answer, n_galaxies), strict=True))
    with complete_file(model) as file:
        joblib.dump(content, file)
    note(f"Wrote {model}: {table.question}_{answer}, learned from {n_galaxies} galaxies.", quiet)


@click.command(
    epilog=examples(
        "skgalaxy predict featured.joblib images catalogue.csv",
        "skgalaxy predict bars.joblib /survey/jpegs bars.parquet --n-votes 5 --store packed",
    )
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
def predict(model, images, catalogue, n_votes, crop, store, strict, quiet, force):
    """Predict the votes on every image of a folder: a catalogue.

    MODEL is from `skgalaxy train`; like any pickle it can run code, so open none from strangers.
    CATALOGUE ends in .csv, .ecsv, .parquet or .fits. Its columns are, for each galaxy, the
    fraction of volunteers who would give the answer, the 5th and 95th percentile of that, the
    votes to expect of N, and their mutual information with the model (nats).
    """
    from skgalaxy.catalogue import make_catalogue, write_catalogue

    check_new(catalogue, force)
    files = list_images(images)
    content = _load(model)
    named = {"question": content["question"], "answer": content["answer"]}
    header = {"model": model.name, "metadata": {**named, **_provenance(model, content, n_votes)}}
    _rehearse(catalogue, named, header)
    loader, estimator = content["pipeline"]
    loader.set_params(crop=crop or loader.crop)
    _show_progress(estimator, not quiet)
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        posterior = estimator.predict_posterior(pixels)[readable]
    ids = [id_ for id_, good in zip(files, readable, strict=True) if good]
    table = make_catalogue(posterior, ids, **named, n_votes=n_votes)
    write_catalogue(catalogue, table, **header)
    note(f"Wrote {len(ids)} galaxies to {catalogue}.", quiet)


@click.command(
    epilog=examples(
        "skgalaxy rank featured.joblib images -n 20",
        "skgalaxy rank featured.joblib pool -n 500 -o round_2.csv --manifest round_2 \\",
        "    --store packed --checkpoint scores.sqlite",
    )
)
@click.argument("model", type=FILE)
@click.argument("images", type=FOLDER)
@click.option("-n", "--n", type=POSITIVE, default=100, help="How many galaxies.")
@click.option(
    "--strategy",
    type=click.Choice(["joint", "mutual-information"]),
    default="joint",
    help="Rank by what a galaxy would tell besides those above it, or by itself.",
)
@n_votes_option
@output_option
@click.option("--manifest", type=NEW_FOLDER, help="Folder to make, of what Zooniverse shows.")
@click.option(
    "--checkpoint",
    type=NEW_FILE,
    help="File to keep scores in: an interrupted run of the same --strategy goes on.",
)
@pool_crop_option
@store_option
@strict_option
@quiet_option
@force_option
def rank(
    model,
    images,
    n,
    strategy,
    n_votes,
    output,
    manifest,
    checkpoint,
    crop,
    store,
    strict,
    quiet,
    force,
):
    """Rank the images of a folder: which to ask about, best first.

    Best is whose N votes would tell most about the model, their mutual information with the
    network's weights in nats. What those above it in the table would tell already does not
    count, so that one of two alike is asked about, of at most 500 at a time. With --strategy
    mutual-information it does count. Written are id_str, image and mutual_information; and with
    --manifest what `panoptes subject-set upload-subjects` uploads.
    """
    import pandas as pd

    from skgalaxy import query
    from skgalaxy.zooniverse import write_manifest

    check_new(output, force)
    check_new(manifest)
    if strategy == "joint" and n > query.largest_batch():
        raise ValueError(
            f"`-n` must be at most {query.largest_batch()} to rank jointly. Got {n}; add "
            "--strategy mutual-information."
        )
    files = list_images(images)
    loader, estimator = _load(model)["pipeline"]
    loader.set_params(crop=crop or loader.crop)
    scoring = {"n_votes": n_votes, "checkpoint": checkpoint, "verbose": not quiet}
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        if n > readable.sum():
            raise ValueError(f"`-n` must not exceed the {readable.sum()} galaxies. Got {n}.")
        ask = query.mutual_information_sampling
        if strategy == "joint":
            ask, estimator = query.joint_sampling, query.ensure_draws(estimator)
        rows, scores = ask(estimator, pixels, n, eligible=readable, random_state=0, **scoring)
    pool = pd.DataFrame({"id_str": list(files), "image": list(map(str, files.values()))})
    ranking = pool.iloc[rows].assign(mutual_information=scores)
    if manifest is not None:
        hidden = {"#acquisition": ranking["mutual_information"], "#model_version": model.name}
        write_manifest(manifest, ranking["id_str"], ranking["image"], metadata=hidden)
        note(f"Wrote {n} images and their table to {manifest}.", quiet)
    write_csv(ranking, output)


def _show_progress(estimator, verbose):
    """Let the estimators, of a recalibrated one those of all folds, show progress or not."""
    from skgalaxy.query._learners import fitted_estimators

    for one in fitted_estimators(estimator):
        one.set_params(verbose=verbose)
    return estimator


def _join(table, files, folder, quiet):
    """Return the rows of a vote table that have an image and votes, and the image files."""
    ids = [id_ for id_ in table.ids.tolist() if id_ in files]
    if not ids:
        raise ValueError(
            f"`VOTES` must be of galaxies in `IMAGES`. Got ids such as {str(table.ids[0])!r} in "
            f"{table.source!r} and {next(iter(files))!r} in {str(folder)!r}; name the column with "
            "--id-column."
        )
    joined = table.reindex(ids)
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


def _full_name(answer, answers):
    """Return the answer so called or, as only one is, so begun."""
    return min((name for name in answers if name.startswith(answer)), key=len)


def _load(path):
    """Return what `train` wrote."""
    import joblib

    from skgalaxy.images import ImageLoader

    try:
        with hushed():
            content = joblib.load(path)
        loader, estimator = (step for _, step in content["pipeline"].steps)
        whole = isinstance(loader, ImageLoader) and hasattr(estimator, "predict_posterior")
        if not whole or not all(name in content for name in CONTENT):
            raise ValueError("it holds something else")
    except Exception as error:  # damaged pickles raise anything
        raise ValueError(
            f"`MODEL` must be a file that `skgalaxy train` wrote. Got {str(path)!r}: "
            f"{type(error).__name__}, {error}."
        ) from error
    return {**content, "pipeline": (loader, estimator)}


def _provenance(path, content, n_votes):
    """Return what a catalogue says of its model; 16 digits, as a FITS card does not hold 64."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    return {"n_votes": n_votes, "n_trained_on": content["n_galaxies"], "model_sha256": digest}


def _rehearse(path, named, header):
    """Write a small catalogue elsewhere, to fail before the work if one cannot be written."""
    from skgalaxy import VotePosterior
    from skgalaxy.catalogue import WRITERS, make_catalogue, write_catalogue

    if path.suffix.lower() not in WRITERS:
        raise click.BadParameter(
            f"{str(path)!r} does not end in {', '.join(WRITERS)}.", param_hint="'CATALOGUE'"
        )
    table = make_catalogue(VotePosterior([[0.5]]), ["1"], **named)
    with tempfile.TemporaryDirectory() as folder:
        write_catalogue(Path(folder) / f"rehearsal{path.suffix}", table, **header)
