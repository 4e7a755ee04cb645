"""The commands of a round: `train` makes a model of votes, `rank` says what to ask next."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
    full_name,
    hushed,
    id_column_option,
    join,
    list_images,
    n_votes_option,
    note,
    output_option,
    packed,
    pool_crop_option,
    quiet_option,
    refuse_given,
    seed_option,
    store_option,
    strict_option,
    wants_bars,
    write_csv,
)
from skgalaxy.cli._model_files import calibration_of, load_model, show_progress, tree_of
from skgalaxy.cli._trees import (
    blank_posterior,
    find_tree,
    most_votes,
    not_calibrated,
    not_learned,
    not_reached,
    rank_by_question,
    read_tree_votes,
    tree_option,
)
from skgalaxy.exceptions import NotCalibratedWarning, NoVotesWarning

if TYPE_CHECKING:  # as in _common.py
    from numpy.typing import NDArray

_LEAST_GALAXIES = 20  # 16 to learn from and 4 to calibrate on


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy train images votes.csv --answer featured --model featured.skgalaxy",
        "skgalaxy train images gz_decals.csv --question bar --answer strong --answer weak \\",
        "    --crop 256 --epochs 100 --model bars.skgalaxy",
        "skgalaxy train images gz2.csv --tree gz2 --model gz2.skgalaxy",
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
    help="Answer to learn, or its first letters. Repeat it to count several answers as one. "
    "Needed without --tree.",
)
@tree_option
@click.option("--model", type=NEW_FILE, required=True, help="File to write.")
@dialect_option
@id_column_option
@click.option("--size", type=POSITIVE, default=64, help="Width of the network's images in pixels.")
@click.option(
    "--crop",
    type=POSITIVE,
    help="Width in pixels of the centre of each image to keep.  [default: all]",
)
@click.option("--color", is_flag=True, help="Learn from three colours instead of their mean.")
@click.option(
    "--bands",
    help="Bands of the planes in FITS, in the order of the file, for example grz.  [default: as "
    "the header says]",
)
@click.option(
    "--pictures",
    type=click.Choice(["galaxies", "upright"]),
    default="galaxies",
    help="Galaxies have no up: training turns and mirrors them, and a prediction is the mean of "
    "eight views. Upright pictures, for example of clothes, stay as they are.",
)
@click.option(
    "--epochs",
    type=POSITIVE,
    help="Number of passes over the galaxies.  [default: by their number, about 250 sqrt(n) steps]",
)
@click.option(
    "--batch-size", type=POSITIVE, default=16, help="Number of galaxies per training step."
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
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
    tree: str | None,
    model: Path,
    dialect: str,
    id_column: str | None,
    pictures: Literal["galaxies", "upright"],
    epochs: int | None,
    strict: bool,
    quiet: bool,
    force: bool,
    **parameters: Any,
) -> None:
    """Train a model of the votes on your images.

    IMAGES is a folder of files {id}.jpg, .png, .tif, .webp, .fits ...; folders inside it
    are searched, too. VOTES is a table that `skgalaxy votes` can read. They are joined by id.
    Galaxies without an image or without votes are counted and left out.

    With --tree one network learns all questions of a decision tree that VOTES has.

    The network learns from four fifths of the galaxies, and the votes on the others tell how wide
    its intervals must be. You need at least 20 galaxies with two votes or more.
    """
    from sklearn.pipeline import make_pipeline

    from skgalaxy.calibration import recommended
    from skgalaxy.images import ImageLoader
    from skgalaxy.persistence import save

    check_new(model, force)
    if tree is not None:
        refuse_given(["question", "answers"], "is for one question; leave it out with --tree.")
        y, paths, learned = _read_tree(images, votes, tree, dialect, id_column, quiet)
        parameters["tree"] = learned["tree"]
    elif not answers:
        raise click.UsageError("Missing option '--answer', or '--tree' for all questions.")
    else:
        y, paths, learned = _read_answers(
            images, votes, question, answers, dialect, id_column, quiet
        )

    loader = ImageLoader(
        **{name: parameters.pop(name) for name in ("size", "crop", "color", "bands")}
    )
    parameters |= {"random_state": parameters.pop("seed"), "verbose": wants_bars(quiet)}
    parameters |= {"epochs": epochs} if epochs else {}
    with hushed():  # after all that can be refused without TensorFlow, which it imports
        estimator = recommended(pictures, **parameters)
    with packed(paths, loader, strict=strict, quiet=quiet) as (pixels, readable):
        y[~readable] = 0  # a galaxy without votes is not learned from
        n_votes = _n_votes(y, parameters.get("tree"))
        _check_enough(n_votes)
        with warnings.catch_warnings():
            for in_a_line in (NotCalibratedWarning, NoVotesWarning):  # said below, and before
                warnings.simplefilter("ignore", in_a_line)
            estimator.fit(pixels, y)
    # a file for Python, too, where progress is shown if you ask for it
    pipeline = make_pipeline(loader, show_progress(estimator, False))
    n_galaxies = int((n_votes > 0).sum())
    names = {name: getattr(value, "name", value) for name, value in learned.items()}
    notes = {} if tree is None else {"not_learned": not_learned(y, learned["tree"])}
    if left := not_calibrated(estimator, notes.get("not_learned", [])):
        note(f"skgalaxy: too few votes were held out to calibrate intervals of {', '.join(left)}.")
    save(pipeline, model, metadata={**names, "n_galaxies": n_galaxies, **notes})
    note(
        f"Wrote {model}: {'_'.join(names.values())}, of votes on {n_galaxies} galaxies; intervals "
        f"{calibration_of(estimator)['interval']}.",
        quiet,
    )


def _read_answers(
    images: Path,
    votes: Path,
    question: str | None,
    answers: tuple[str, ...],
    dialect: str,
    id_column: str | None,
    quiet: bool,
) -> tuple["NDArray[Any]", list[Path], dict[str, Any]]:
    """Targets, image files, and names of what is learned: answers to one question."""
    from skgalaxy.votes import TreeVotes, read_votes

    table = read_votes(votes, question, dialect=dialect, id_column=id_column)
    if isinstance(table, TreeVotes):
        raise ValueError(
            f"`question` must name one question of {str(votes)!r}: {', '.join(table.questions)}. "
            "Got None; give --question, or learn all of them with --tree."
        )
    table.votes(*answers)  # an unknown answer is an error now, before images are listed
    table, paths = join(table, list_images(images), images, quiet)
    y = table.votes(*answers)
    _check_enough(y[:, 1])
    answer = "-or-".join(full_name(answer, table.answers) for answer in answers)
    return y, paths, {"question": table.question, "answer": answer}


def _read_tree(
    images: Path, votes: Path, name: str, dialect: str, id_column: str | None, quiet: bool
) -> tuple["NDArray[Any]", list[Path], dict[str, Any]]:
    """Targets, image files, and what is learned: all questions of a tree."""
    tree = find_tree(name)
    table = read_tree_votes(votes, tree, dialect, id_column)
    table, paths = join(table, list_images(images), images, quiet)
    _check_enough(most_votes(table.counts, tree))
    return table.counts, paths, {"tree": tree}


def _n_votes(y: "NDArray[Any]", tree: Any) -> "NDArray[Any]":
    return y[:, 1] if tree is None else most_votes(y, tree)


def _check_enough(n_votes: "NDArray[Any]") -> None:
    """Refuse too few galaxies to learn from and to calibrate on."""
    found = int((n_votes > 1).sum())
    if found < _LEAST_GALAXIES:
        raise ValueError(
            f"`VOTES` must hold two votes or more on at least {_LEAST_GALAXIES} galaxies with an "
            "image, because intervals are calibrated on a fifth of them. "
            f"Got {found}; ask about more galaxies."
        )


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy rank featured.skgalaxy images -n 20",
        "skgalaxy rank featured.skgalaxy pool -n 500 -o round_2.csv --manifest round_2 \\",
        "    --store packed --checkpoint scores.sqlite",
        "skgalaxy rank gz2.skgalaxy pool --question bar",
    ),
)
@click.argument("model", type=FILE)
@click.argument("images", type=FOLDER)
@click.option("-n", "--n", type=POSITIVE, default=100, help="Number of images to list.")
@click.option(
    "--question", metavar="NAME", help="Question you would ask, for a model of a decision tree."
)
@click.option("--answer", metavar="NAME", help="Rank by this answer, against all others to it.")
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
    question: str | None,
    answer: str | None,
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
    is ranked on its own. IMAGES is a folder as for `train`.

    A model of a decision tree ranks by one --question, which you would put to N volunteers by
    itself. Those whom the tree would not lead to it say that it does not apply.

    The output has the columns id_str, image and mutual_information, in nats. --manifest makes a
    folder that `panoptes subject-set upload-subjects` uploads.
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
    loader, estimator, metadata = load_model(model)
    named = _check_named(estimator, question, answer, metadata.get("not_learned", []))
    loader.set_params(crop=crop or loader.crop)
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        # the library would name its own `n_instances`
        if n > readable.sum():
            raise ValueError(f"`-n` must not exceed the {readable.sum()} galaxies. Got {n}.")
        ask, joint = query.mutual_information_sampling, strategy == "joint"
        if joint:
            ask, estimator = query.joint_sampling, query.ensure_draws(estimator)
        if named:
            show_progress(estimator, wants_bars(quiet))
            rows, scores = rank_by_question(
                estimator, pixels, readable, named, n, n_votes, joint=joint
            )
        else:
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


def _check_named(
    estimator: Any, question: str | None, answer: str | None, unknown: list[str]
) -> tuple[str, ...]:
    """Question, or question and answer, of a model of a tree; empty of a model of one answer."""
    tree = tree_of(estimator)
    if tree is None:
        refuse_given(["question", "answer"], "is for a model of a decision tree; leave it out.")
        return ()
    refuse_given(["checkpoint"], "is for a model of one question; leave it out.")
    if question is None:
        raise ValueError(
            f"`--question` must name a question of {tree.name}: {', '.join(tree.questions)}. "
            "Got None."
        )
    named = (question,) if answer is None else (question, answer)
    blank_posterior(tree, 1)[named if answer else question]  # refuses unknown names
    if question in not_reached(tree, unknown):
        raise ValueError(
            "`--question` must be one that the model has learned, with those before it. Got "
            f"{question!r}; the model had no votes on {', '.join(unknown)}."
        )
    return named
