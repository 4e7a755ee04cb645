"""The command `evaluate`: what a model's predictions and error bars are worth."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skgalaxy.cli._common import (
    FILE,
    FOLDER,
    LEVEL,
    Command,
    dialect_option,
    examples,
    full_name,
    id_column_option,
    join,
    list_images,
    packed,
    quiet_option,
    refuse_given,
    store_option,
    strict_option,
    wants_bars,
)
from skgalaxy.cli._model_files import load_model, say_calibration, show_progress, tree_of
from skgalaxy.cli._trees import read_tree_votes, scores_of_tree

if TYPE_CHECKING:  # as in _common.py
    from numpy.typing import NDArray

    from skgalaxy import VotePosterior
    from skgalaxy.votes import VoteTable


@click.command(
    cls=Command,
    epilog=examples(
        "skgalaxy evaluate featured.skgalaxy images test_votes.csv",
        "skgalaxy evaluate bars.skgalaxy images gz_decals.csv --answer strong --answer weak",
    ),
)
@click.argument("model", type=FILE)
@click.argument("images", type=FOLDER)
@click.argument("votes", type=FILE)
@click.option("--question", metavar="NAME", help="Question of VOTES.  [default: that of the model]")
@click.option(
    "--answer",
    "answers",
    metavar="NAME",
    multiple=True,
    help="Answer in VOTES that the model predicts, as in `train`.  [default: that of the model]",
)
@dialect_option
@id_column_option
@store_option
@strict_option
@quiet_option
def evaluate(
    model: Path,
    images: Path,
    votes: Path,
    question: str | None,
    answers: tuple[str, ...],
    dialect: str,
    id_column: str | None,
    store: Path | None,
    strict: bool,
    quiet: bool,
) -> None:
    """Judge a model by votes on galaxies that it has not seen.

    IMAGES and VOTES are as for `train`, and must be of the same question; images are read as in
    training. A galaxy that the model was trained on, or that calibrated it, is refused.

    Prints the errors of the predicted vote fractions, and the RMSE that a perfect model would still
    have, because votes scatter; D², the share of the deviance explained; and the coverage of the
    posterior and its log-likelihood per vote. Of a model of a decision tree it prints, for every
    question, the RMSE over the fractions of its answers, D², and the log-likelihood per vote.
    """
    from skgalaxy.votes import read_votes

    loader, estimator, metadata = load_model(model)
    tree = tree_of(estimator)
    if tree is None:
        _check_question(votes, dialect, question or metadata["question"], metadata["question"])
        table = read_votes(votes, str(metadata["question"]), dialect=dialect, id_column=id_column)
        counted = _answers(table, answers, metadata["answer"])
        table, paths = join(table, list_images(images), images, quiet)
        y = table.votes(*counted)
        _check_countable(y)
    else:
        refuse_given(["question", "answers"], "is for a model of one question; leave it out.")
        table = read_tree_votes(votes, tree, dialect, id_column)
        table, paths = join(table, list_images(images), images, quiet)
        y = table.counts
    say_calibration(estimator, quiet)
    show_progress(estimator, wants_bars(quiet))
    with packed(paths, loader, store, strict=strict, quiet=quiet) as (pixels, readable):
        _refuse_known(estimator, pixels, readable, table.ids)
        posterior = estimator.predict_posterior(pixels)[readable]
    if tree is None:
        scores = _scores(posterior, y[readable])
        lines = (f"{name:17} {value:>8}   {remark}".rstrip() for name, value, remark in scores)
    else:
        lines = scores_of_tree(posterior, y[readable])
    click.echo("\n".join(lines))


def _check_question(votes: Path, dialect: str, asked: str, of_model: str) -> None:
    """Refuse a table, or a `--question`, of another question than the model's."""
    from skgalaxy.votes import list_questions

    if asked != of_model:
        raise ValueError(
            f"`--question` must be the one that the model learned, {of_model!r}. Got {asked!r}; "
            "leave it out."
        )
    questions = list_questions(votes, dialect=dialect)
    if questions and of_model not in questions:  # of none, `read_votes` says why
        raise ValueError(
            f"`VOTES` must be on the question that the model learned, {of_model!r}. Got "
            f"{', '.join(questions)} in {str(votes)!r}; give a table of that question."
        )


def _answers(table: "VoteTable", given: Sequence[str], of_model: str) -> list[str]:
    """Answers of a table that the model predicts as one."""
    found = list(_readings(of_model, table.answers))
    if given:
        table.votes(*given)  # an unknown answer is an error
        names = [full_name(answer, table.answers) for answer in given]
        if not any(set(names) == set(reading) for reading in found):
            raise ValueError(
                f"`--answer` must be as in training, {of_model!r}. Got "
                f"{'-or-'.join(names)!r}; leave it out."
            )
        return names
    if len(found) != 1:
        several = "which the names of answers give in several ways; name them by --answer"
        raise ValueError(
            f"`VOTES` must count the answer that the model learned, {of_model!r}. Got "
            f"{', '.join(table.answers)} in {str(table.source)!r}"
            f"{', ' + several if found else '; give a table of the same answers'}."
        )
    return found[0]


def _readings(name: str, answers: Sequence[str]) -> Iterator[list[str]]:
    """Lists of answers that `train` would call so: an answer may itself hold the word "or"."""
    for answer in answers:
        others = [other for other in answers if other != answer]
        if name == answer:
            yield [answer]
        elif name.startswith(f"{answer}-or-"):
            rest = name.removeprefix(f"{answer}-or-")
            yield from ([answer, *reading] for reading in _readings(rest, others))


def _check_countable(y: "NDArray[Any]") -> None:
    """Refuse votes that the scores cannot be computed of, before any image is read."""
    from skgalaxy._validation import MOST_OUTCOMES, check_n_votes

    check_n_votes(y[:, 1], len(y), most=MOST_OUTCOMES, name="VOTES")
    if y[:, 1].max() < 2:
        raise ValueError(
            "`VOTES` must hold a galaxy with an image and two votes or more, to tell how votes "
            "scatter. Got one vote everywhere."
        )


def _refuse_known(
    estimator: Any, pixels: Any, readable: "NDArray[Any]", ids: "NDArray[Any]"
) -> None:
    """Refuse galaxies that the model was trained or calibrated on."""
    from skgalaxy.query._learners import was_trained_on

    _refuse(
        ids[was_trained_on(estimator, pixels) & readable], readable, "not trained on", "training"
    )
    if len(getattr(estimator, "held_out_", [])):  # files of earlier versions do not know
        known = estimator.was_calibrated_on(pixels)
        _refuse(ids[known & readable], readable, "not calibrated on", "calibration")


def _refuse(seen: "NDArray[Any]", readable: "NDArray[Any]", rule: str, of: str) -> None:
    if len(seen):
        raise ValueError(
            f"`VOTES` must be of galaxies that the model was {rule}. Got "
            f"{len(seen)} of {readable.sum()} from its {of} set, for example {str(seen[0])!r}; "
            "take their rows out, or train a model without some galaxies, to judge it by these."
        )


def _scores(posterior: "VotePosterior", y: "NDArray[Any]") -> Iterator[tuple[str, str, str]]:
    """Name, value and a remark of each score."""
    import numpy as np
    from sklearn.metrics import mean_absolute_error

    from skgalaxy import metrics

    votes, n_votes = y.T
    yield "galaxies", f"{len(y)}", f"{n_votes.sum()} votes"
    rmse, floor = metrics.vote_fraction_rmse(y, posterior.mean), metrics.vote_noise_floor(y)
    yield "RMSE", f"{rmse:.4f}", f"of the vote fraction; a perfect model's is {floor:.4f}"
    yield "MAE", f"{mean_absolute_error(votes / n_votes, posterior.mean):.4f}", ""
    d2 = metrics.d2_binomial_score(y, posterior.mean)
    yield "D²", f"{d2:.4f}", "of 1, the deviance explained"
    pmf = posterior.pmf(n_votes)
    error = metrics.coverage_error(y, pmf)
    yield "coverage error", f"{100 * error:+.1f} %", "within 0.2; over-confident if above 0"
    covered = metrics.interval_coverage(y, pmf, LEVEL)
    # of a binomial share, if the intervals are right
    scatter = np.sqrt(LEVEL * (1 - LEVEL) / len(y))
    yield (
        f"in {100 * LEVEL:.0f} % intervals",
        f"{100 * covered:.1f} %",
        f"of the galaxies; {100 * LEVEL:.0f} ± {100 * scatter:.1f} % if they are right",
    )
    log_prob = posterior.log_prob(votes, n_votes).sum() / n_votes.sum()
    yield "log-likelihood", f"{log_prob:.4f}", "nats per vote"
