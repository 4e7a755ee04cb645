"""The command `predict`: a catalogue, in which a sample can be marked."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from skgalaxy.cli._common import (
    FILE,
    FOLDER,
    NEW_FILE,
    Command,
    check_new,
    examples,
    force_option,
    list_images,
    n_votes_option,
    note,
    packed,
    pool_crop_option,
    quiet_option,
    refuse_given,
    store_option,
    strict_option,
    wants_bars,
)
from skgalaxy.cli._model_files import (
    load_model,
    n_learned_from,
    provenance,
    say_calibration,
    show_progress,
    tree_of,
)
from skgalaxy.cli._trees import blank_posterior, check_question, meaningless_columns

if TYPE_CHECKING:  # as in _common.py
    import pandas as pd
    from numpy.typing import NDArray

    from skgalaxy import TreePosterior, VotePosterior
    from skgalaxy.novelty import Novelty
    from skgalaxy.votes import DecisionTree

_LIKE = "like_training_p_value"  # name of a column


class _Goal(NamedTuple):
    """Purity or completeness to expect of a sample, for example purity 0.9."""

    name: str
    value: float
    threshold: float = 0.5

    def __str__(self) -> str:
        return f"{self.name}={self.value:g} of rho > {self.threshold:g}"


class _GoalType(click.ParamType):
    name = "goal"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> _Goal:
        if isinstance(value, _Goal):
            return value
        name, _, number = value.partition("=")
        with suppress(ValueError):
            # NaN compares false
            if name in ("purity", "completeness") and 0 < float(number) <= 1:
                return _Goal(name, float(number))
        self.fail(f"{value!r} is not purity=X or completeness=X, of X in (0, 1].", param, ctx)


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy predict featured.skgalaxy images catalogue.csv",
        "skgalaxy predict bars.skgalaxy /survey/jpegs bars.parquet --n-votes 5 --store packed",
        "skgalaxy predict featured.skgalaxy images featured.csv --select purity=0.9",
        "skgalaxy predict gz2.skgalaxy images all.fits --select purity=0.9 --question bar \\",
        "    --answer yes",
    ),
)
@click.argument("model", type=FILE)
@click.argument("images", type=FOLDER)
@click.argument("catalogue", type=NEW_FILE)
@n_votes_option
@click.option(
    "--select",
    "goal",
    type=_GoalType(),
    metavar="purity=X|completeness=X",
    help="Mark the largest sample of this expected purity, for example purity=0.9, or the smallest "
    "of this completeness.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.5,
    help="Vote fraction that galaxies of the sample must be above.",
)
@click.option(
    "--question", metavar="NAME", help="Question of the sample, for a model of a decision tree."
)
@click.option("--answer", metavar="NAME", help="Answer to --question that the sample has.")
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
    goal: _Goal | None,
    threshold: float,
    question: str | None,
    answer: str | None,
    crop: int | None,
    store: Path | None,
    strict: bool,
    quiet: bool,
    force: bool,
) -> None:
    """Write a catalogue of the votes predicted on each image.

    MODEL is a file from `skgalaxy train`. It holds no code, so that opening a stranger's file runs
    nothing. CATALOGUE ends in .csv, .ecsv, .parquet or .fits. For each galaxy it holds the fraction
    of volunteers who would give the answer, with its 5th and 95th percentile; the number of such
    votes to expect from N volunteers; and the mutual information of their votes with the model, in
    nats. Of a model of a decision tree it holds all questions: instead of the information, the
    probability to be asked each, and a flag where fewer than one of N would be asked.

    Images may be unlike those that MODEL learned from, for example of another telescope, scale or
    depth, and its predictions are then wrong by more than they say. A warning tells if they are
    unlike as a whole, or one by one. The column like_training_p_value holds, for each galaxy, the
    share of galaxies held out in training that are as unlike: below 0.01 is 1 % of galaxies like
    them. A model that is not calibrated has held none out, and cannot tell.

    --select marks a sample of the galaxies with a vote fraction above --threshold: the largest
    sample of that purity, or the smallest of that completeness. Both are expectations, and as good
    as the calibration of the model. Of a decision tree it is of one --answer to a --question, among
    the galaxies of which at least one of N volunteers would be asked it.
    """
    from skgalaxy.catalogue import write_catalogue

    if goal is None:
        refuse_given(["threshold", "question", "answer"], "is for samples; add --select.")
    else:
        goal = goal._replace(threshold=threshold)
    check_new(catalogue, force)
    files = list_images(images)
    loader, estimator, metadata = load_model(model)
    kind = _kind_of(estimator, metadata, question, answer, goal)
    header = {**kind.header, **provenance(model, estimator, metadata, n_votes)}
    _rehearse(catalogue, kind, list(files), goal, {"model": model.name, "metadata": header})
    if unknown := metadata.get("not_learned"):
        note(f"Left out what the model had no votes on: {', '.join(unknown)}.", quiet)
    # the pool may show another part of the sky than the images of training
    loader.set_params(crop=crop or loader.crop)
    say_calibration(estimator, quiet)
    show_progress(estimator, wants_bars(quiet))
    with packed(files.values(), loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        posterior = estimator.predict_posterior(pixels)[readable]
        novelty = _novelty_of(estimator, pixels, readable)
        n_known = n_learned_from(estimator, pixels)
    ids = [id_ for id_, good in zip(files, readable, strict=True) if good]
    table, sample = kind.table(posterior, ids, n_votes), {}
    if goal is not None:
        table, sample = _add_sample(table, *kind.of_sample(posterior, table), goal, kind.sampled)
    if isinstance(novelty, str):
        header["novelty"] = "not known"
        note(f"Not known whether images are like those of training: {novelty}.", quiet)
    else:
        table[_LIKE] = novelty.p_values
        header |= _novelty_header(novelty)
        novelty.warn()
    write_catalogue(catalogue, table, model=model.name, metadata={**header, **sample})
    if sample:
        _say_sample(sample, quiet)
    if n_known:
        note(f"{n_known} galaxies have been learned from: their intervals are too narrow.", quiet)
    note(f"Wrote {len(ids)} galaxies to {catalogue}.", quiet)


class _OneAnswer:
    """Catalogue of a model of one question."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self.header = {name: metadata[name] for name in ("question", "answer")}
        self.sampled = "_".join(self.header.values())

    def blank(self, n_galaxies: int) -> "VotePosterior":
        """A posterior to try with, before the work, what will be done."""
        return _sure(n_galaxies)

    def table(self, posterior: Any, ids: Sequence[str], n_votes: int) -> "pd.DataFrame":
        """Catalogue of a posterior."""
        from skgalaxy.catalogue import make_catalogue

        return make_catalogue(posterior, ids, **self.header, n_votes=n_votes)

    def of_sample(self, posterior: Any, table: "pd.DataFrame") -> tuple[Any, "NDArray[Any]"]:
        """Posterior that a sample is selected by, and a mask of the galaxies that can be in it."""
        import numpy as np

        return posterior, np.ones(len(table), dtype=bool)


class _WholeTree:
    """Catalogue of a model of a decision tree; a sample is of one answer."""

    def __init__(
        self, tree: "DecisionTree", metadata: Mapping[str, Any], question: Any, answer: Any
    ) -> None:
        self.tree, self.question, self.answer = tree, question, answer
        self.header = {"tree": metadata["tree"]}
        self.sampled = f"{question}_{answer}"
        self.left_out = meaningless_columns(tree, metadata.get("not_learned", []))

    def blank(self, n_galaxies: int) -> "TreePosterior":
        return blank_posterior(self.tree, n_galaxies)

    def table(self, posterior: Any, ids: Sequence[str], n_votes: int) -> "pd.DataFrame":
        from skgalaxy.catalogue import make_catalogue

        return make_catalogue(posterior, ids, n_votes=n_votes).drop(columns=self.left_out)

    def of_sample(self, posterior: Any, table: "pd.DataFrame") -> tuple[Any, "NDArray[Any]"]:
        asked = ~table[f"{self.question}_hardly_asked"].to_numpy()
        return posterior[self.question, self.answer], asked


def _kind_of(
    estimator: Any,
    metadata: Mapping[str, Any],
    question: str | None,
    answer: str | None,
    goal: _Goal | None,
) -> _OneAnswer | _WholeTree:
    """The catalogue that a model makes; options that it does not take are refused."""
    tree = tree_of(estimator)
    if tree is None:
        refuse_given(["question", "answer"], "is for a model of a decision tree; leave it out.")
        return _OneAnswer(metadata)
    if goal is not None and (question is None or answer is None):
        raise click.UsageError(
            "--select from a decision tree is of one answer; add --question and --answer."
        )
    if question is not None:
        check_question(tree, question, answer, metadata.get("not_learned", []))
    return _WholeTree(tree, metadata, question, answer)


def _sure(n_galaxies: int) -> "VotePosterior":
    """Posterior of which any sample has galaxies: ρ = 1."""
    import numpy as np

    from skgalaxy import VotePosterior

    return VotePosterior(np.ones((n_galaxies, 1)))


def _rehearse(
    path: Path,
    kind: _OneAnswer | _WholeTree,
    ids: Sequence[str],
    goal: _Goal | None,
    header: Mapping[str, Any],
) -> None:
    """Check a catalogue of these galaxies, to fail before the work if it cannot be written."""
    import numpy as np

    from skgalaxy.catalogue._formats import KINDS
    from skgalaxy.catalogue._write import check_writable

    if path.suffix.lower() not in KINDS:
        raise click.BadParameter(
            f"{str(path)!r} does not end in {', '.join(KINDS)}.", param_hint="'CATALOGUE'"
        )
    table, sample = kind.table(kind.blank(len(ids)), ids, 1), {}
    if goal is not None:
        everyone = np.ones(len(ids), dtype=bool)
        table, sample = _add_sample(table, _sure(len(ids)), everyone, goal, kind.sampled)
    table[_LIKE] = 1.0
    more = {**sample, "novelty": "", "pool_p_value": 1.0, "pool_differs_by": ""}
    check_writable(path, table, model=header["model"], metadata={**header["metadata"], **more})


def _novelty_of(estimator: Any, pixels: Any, readable: Any) -> "Novelty | str":
    """Compare images with those of training, or say why that cannot be done."""
    if not hasattr(estimator, "novelty"):
        return "the model is not calibrated, and has held no galaxies out"
    if reason := estimator.novelty_unknown():
        return reason
    return estimator.novelty(pixels)[readable]


def _novelty_header(novelty: "Novelty") -> dict[str, Any]:
    """Entries of a catalogue's header about how unlike training its galaxies are."""
    from skgalaxy.novelty import FEWEST

    header: dict[str, Any] = {"novelty": f"p-values by {novelty.n_held_out} galaxies held out"}
    if len(novelty) >= FEWEST:
        shift = novelty.pool
        header |= {"pool_p_value": float(f"{shift.p_value:.3g}"), "pool_differs_by": shift.by}
    return header


def _add_sample(
    table: "pd.DataFrame",
    posterior: "VotePosterior",
    possible: "NDArray[Any]",
    goal: _Goal,
    name: str,
) -> tuple["pd.DataFrame", dict[str, Any]]:
    """Add columns that mark a sample to a catalogue.

    Parameters
    ----------
    table : DataFrame of n_galaxies rows
    posterior : VotePosterior of n_galaxies
    possible : bool array of shape (n_galaxies,)
        Galaxies that can be in the sample.
    goal : _Goal
    name : str
        ``{question}_{answer}``.

    Returns
    -------
    table : DataFrame
        With the columns ``{name}_probability``, P(ρ > threshold), and ``selected``.
    header : dict
        What is expected of the sample.
    """
    import numpy as np

    from skgalaxy.catalogue import select_sample

    rows = np.flatnonzero(possible)
    aim: dict[str, Any] = {goal.name: goal.value}
    sample = select_sample(posterior[rows], threshold=goal.threshold, **aim)
    columns = {
        f"{name}_probability": posterior.probability_above(goal.threshold),
        "selected": np.isin(np.arange(len(table)), rows[sample.rows]),
    }
    expected = {
        "expected_purity": round(sample.purity, 4),
        "expected_completeness": round(sample.completeness, 4),
    }
    header = {
        "sample": f"{goal}, only as good as the calibration",
        "sample_of": name,
        "n_selected": len(sample.rows),
        # headers hold no NaN, which is the purity of no galaxies
        **{key: number for key, number in expected.items() if np.isfinite(number)},
    }
    return table.assign(**columns), header


def _say_sample(header: dict[str, Any], quiet: bool) -> None:
    """Print the purity and completeness of a sample; an empty one was a warning."""
    expected = ""
    if header["n_selected"]:
        expected = (
            f", expected to be {100 * header['expected_purity']:.1f} % pure and "
            f"{100 * header['expected_completeness']:.1f} % complete"
        )
    note(f"Selected {header['n_selected']} galaxies{expected}: {header['sample']}.", quiet)
