"""The command `rank`: the galaxies to ask about next."""

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
    examples,
    force_option,
    list_images,
    n_votes_option,
    note,
    output_option,
    packed,
    pool_crop_option,
    quiet_option,
    refuse_given,
    store_option,
    strict_option,
    wants_bars,
    write_csv,
)
from skgalaxy.cli._model_files import load_model, n_learned_from, tree_of
from skgalaxy.cli._trees import (
    PartOf,
    blank_posterior,
    check_question,
    not_reached,
    put_alone,
    without,
)

if TYPE_CHECKING:  # as in _common.py
    from skgalaxy.votes import DecisionTree


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy rank featured.skgalaxy images -n 20",
        "skgalaxy rank featured.skgalaxy pool -n 500 -o round_2.csv --manifest round_2 \\",
        "    --store packed --checkpoint scores.sqlite",
        "skgalaxy rank gz2.skgalaxy pool -n 20",
        "skgalaxy rank gz2.skgalaxy pool --question bar",
    ),
)
@click.argument("model", type=FILE)
@click.argument("images", type=FOLDER)
@click.option("-n", "--n", type=POSITIVE, default=100, help="Number of images to list.")
@click.option(
    "--question",
    metavar="NAME",
    help="Question you would ask by itself, for a model of a decision tree.  [default: all, down "
    "the tree]",
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

    A model of a decision tree ranks by what N volunteers tell who walk down the tree. With
    --question they are asked that one by itself, and those whom the tree would not lead to it say
    that it does not apply.

    The output has the columns id_str, image and mutual_information, in nats. --manifest makes a
    folder that `panoptes subject-set upload-subjects` uploads.
    """
    import numpy as np
    import pandas as pd

    from skgalaxy import query
    from skgalaxy._spreadsheets import refuse_formulas
    from skgalaxy._validation import check_ids
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
    # now, not when the ranking is written; ids that `predict` and a manifest would refuse
    refuse_formulas(check_ids(list(files), "IMAGES", None), "IMAGES")
    loader, estimator, metadata = load_model(model)
    tree, unknown = tree_of(estimator), metadata.get("not_learned", [])
    if tree is None:
        refuse_given(["question", "answer"], "is for a model of a decision tree; leave it out.")
        learner = estimator
    elif question is None:
        learner = _walks(estimator, tree, answer, unknown)
        blank_posterior(tree, 1).mutual_information(n_votes)  # refuses too many volunteers now
    else:
        check_question(tree, question, answer, unknown)
        put_alone(blank_posterior(tree, 1), question, answer).mutual_information(n_votes)
        learner = PartOf(estimator, lambda whole: put_alone(whole, question, answer))
    loader.set_params(crop=crop or loader.crop)
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        # the library would name its own `n_instances`
        if n > readable.sum():
            raise ValueError(f"`-n` must not exceed the {readable.sum()} galaxies. Got {n}.")
        ask = query.mutual_information_sampling
        if strategy == "joint":
            ask = query.joint_sampling
            if tree is None or question is not None:
                query.ensure_draws(estimator)
            else:  # draws of a whole tree are large: no more than `joint_sampling` needs
                query.ensure_draws(estimator, 2 * n)
        rows, scores = ask(
            learner,
            pixels,
            n,
            n_votes=n_votes,
            eligible=readable,
            random_state=0,  # of ties: the same command writes the same table
            checkpoint=checkpoint,
            verbose=wants_bars(quiet),
        )
        if n_known := n_learned_from(estimator, pixels[np.sort(rows)]):
            note(
                f"{n_known} of these {n} have been learned from: volunteers have answered about "
                "them. Leave them out of IMAGES to ask about others.",
                quiet,
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


def _walks(estimator: Any, tree: "DecisionTree", answer: str | None, unknown: list[str]) -> Any:
    """A model of a tree, to be asked about walks down all that it has learned of it."""
    if answer is not None:
        raise click.UsageError("--answer is one to a question; add --question.")
    if not unknown:
        return estimator
    if len(not_reached(tree, unknown)) == len(tree.questions):
        raise ValueError(
            "`MODEL` must have learned a question that the tree begins with. Got one without votes "
            f"on {', '.join(unknown)}."
        )
    note(f"skgalaxy: walks leave out what the model had no votes on: {', '.join(unknown)}.")
    return PartOf(estimator, lambda whole: without(whole, unknown))
