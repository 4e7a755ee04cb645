"""The command `rank`: the galaxies to ask about next."""

from collections.abc import Sequence
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
    find_listed,
    force_option,
    id_column_option,
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
    import numpy as np
    from numpy.typing import NDArray

    from skgalaxy import TreePosterior
    from skgalaxy.votes import DecisionTree

STRATEGIES = {  # by name: the function of skgalaxy.query, and what its scores are
    "joint-variance": ("joint_variance_sampling", "variance_information"),
    "joint": ("joint_sampling", "mutual_information"),
    "mutual-information": ("mutual_information_sampling", "mutual_information"),
}


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy rank featured.skgalaxy images -n 20",
        "skgalaxy rank featured.skgalaxy pool -n 500 -o round_2.csv --manifest round_2 \\",
        "    --store packed --checkpoint scores.sqlite --without votes.csv --without round_1.csv",
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
    type=click.Choice(list(STRATEGIES)),
    show_default="joint-variance; joint down a whole tree",
    help="Rank each image by what it adds to those above it: to knowing vote fractions, or to "
    "knowing the network; or by its own mutual information.",
)
@n_votes_option
@click.option(
    "--without",
    "left_out",
    type=FILE,
    multiple=True,
    help="Table of galaxies to leave out, for example votes, or what was asked before; repeat it.",
)
@id_column_option
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
    strategy: str | None,
    n_votes: int,
    left_out: Sequence[Path],
    id_column: str | None,
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

    By default images are ranked by how uncertain their vote fractions are, and each image only
    counts what it adds to the images above it, so near-duplicates drop down; you can list up to
    500. --strategy joint ranks by information about the network in place of the fractions. With
    --strategy mutual-information each image is ranked on its own. IMAGES is a folder as for
    `train`.

    A model of a decision tree ranks by what N volunteers tell who walk down the tree, by default
    about the network. With --question they are asked that one by itself, and those whom the tree
    would not lead to it say that it does not apply.

    The output has the columns id_str, image and the score, in nats: variance_information, or
    mutual_information of the other strategies. --manifest makes a folder that `panoptes
    subject-set upload-subjects` uploads.
    """
    import numpy as np
    import pandas as pd

    from skgalaxy import query
    from skgalaxy._spreadsheets import refuse_formulas
    from skgalaxy._validation import check_ids
    from skgalaxy.zooniverse import write_manifest

    check_new(output, force)
    check_new(manifest)
    if id_column is not None and not left_out:
        raise click.UsageError("--id-column is that of tables to leave out; add --without.")
    is_joint = strategy != "mutual-information"
    if is_joint and n > query.largest_batch():
        # now: the library only warns, after the pool is scored
        raise ValueError(
            f"`-n` must be at most {query.largest_batch()} to rank jointly. Got {n}; add "
            "--strategy mutual-information."
        )
    files = list_images(images)
    # now, not when the ranking is written; ids that `predict` and a manifest would refuse
    refuse_formulas(check_ids(list(files), "IMAGES", None), "IMAGES")
    eligible = _left_in(list(files), left_out, id_column, quiet)
    loader, estimator, metadata = load_model(model)
    tree, unknown = tree_of(estimator), metadata.get("not_learned", [])
    is_whole_tree = tree is not None and question is None
    # unless told otherwise, what the study of labels saved found best
    function, score = STRATEGIES[strategy or ("joint" if is_whole_tree else "joint-variance")]
    if tree is None:
        refuse_given(["question", "answer"], "is for a model of a decision tree; leave it out.")
        learner = estimator
    else:
        learner, blank = _part(estimator, tree, question, answer, unknown)
        if score == "mutual_information":
            blank.mutual_information(n_votes)  # refuses too many volunteers now
    _check_n(n, eligible, left_out)
    loader.set_params(crop=crop or loader.crop)
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        eligible &= readable
        _check_n(n, eligible, left_out)
        if is_joint and is_whole_tree:  # their draws are large: no more than the batch needs
            query.ensure_draws(estimator, 2 * n)
        elif is_joint:
            query.ensure_draws(estimator)
        rows, scores = getattr(query, function)(
            learner,
            pixels,
            n,
            n_votes=n_votes,
            eligible=eligible,
            random_state=0,  # of ties: the same command writes the same table
            checkpoint=checkpoint,
            verbose=wants_bars(quiet),
        )
        if n_known := n_learned_from(estimator, pixels[np.sort(rows)]):
            note(
                f"{n_known} of these {n} have been learned from: volunteers have answered about "
                "them. Add --without and the table of their votes to ask about others.",
                quiet,
            )
    # ids are text: spreadsheets and float columns mangle numbers of 18 digits
    pool = pd.DataFrame({"id_str": list(files), "image": list(map(str, files.values()))})
    ranking = pool.iloc[rows].assign(**{score: scores})
    if manifest is not None:
        # columns with a # are not shown to volunteers
        hidden = {"#acquisition": ranking[score], "#model_version": model.name}
        write_manifest(
            manifest, ranking["id_str"], ranking["image"], metadata=hidden, bands=loader.bands
        )
        note(f"Wrote {n} images and their table to {manifest}.", quiet)
    write_csv(ranking, output)


def _left_in(
    ids: list[str], tables: Sequence[Path], id_column: str | None, quiet: bool
) -> "NDArray[np.bool_]":
    """Mask of the images that are in none of the tables; of each it is said how many are."""
    import numpy as np

    left_in = np.ones(len(ids), dtype=bool)
    for path in tables:
        listed = find_listed(path, ids, "--without", id_column)
        note(f"skgalaxy: left out {listed.sum()} images that {str(path)!r} lists.", quiet)
        left_in &= ~listed
    return left_in


def _check_n(n: int, eligible: "NDArray[np.bool_]", tables: Sequence[Path]) -> None:
    """Refuse more images than there are: the library would name its own `n_instances`."""
    if n > eligible.sum():
        which = " that --without leaves" if tables else ""
        raise ValueError(f"`-n` must not exceed the {eligible.sum()} galaxies{which}. Got {n}.")


def _part(
    estimator: Any,
    tree: "DecisionTree",
    question: str | None,
    answer: str | None,
    unknown: list[str],
) -> tuple[Any, "TreePosterior"]:
    """A model of a tree, to be asked about a part of it, and a blank posterior of that part."""
    if question is None:
        return _walks(estimator, tree, answer, unknown), blank_posterior(tree, 1)
    check_question(tree, question, answer, unknown)
    part = PartOf(estimator, lambda whole: put_alone(whole, question, answer))
    return part, put_alone(blank_posterior(tree, 1), question, answer)


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
