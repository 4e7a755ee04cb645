"""Decision trees in commands: votes on a whole tree joined, and one question's information."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skgalaxy.cli._common import note

if TYPE_CHECKING:  # as in _common.py
    from numpy.typing import NDArray

    from skgalaxy import TreePosterior
    from skgalaxy.votes import DecisionTree, TreeVotes

_PARTS = ("fraction", "5pc", "95pc")  # columns of an answer, whoever is asked
_BLOCK = 512  # galaxies whose draws of all answers are in memory at once

tree_option = click.option(
    "--tree",
    metavar="gz2|gz_decals|FILE.toml",
    help="Learn all questions of a decision tree: a published one, or one in a file of yours.",
)


def find_tree(name: str) -> "DecisionTree":
    """Tree of that name, or in that file."""
    from skgalaxy.votes import GZ2, GZ_DECALS, read_tree

    published = {"gz2": GZ2, "gz_decals": GZ_DECALS}
    if name not in published and not name.lower().endswith(".toml"):
        raise click.BadParameter(
            f"{name!r} is none of {', '.join(published)}, and no file that ends in .toml.",
            param_hint="'--tree'",
        )
    return published[name] if name in published else read_tree(name)


def read_tree_votes(
    path: Path, tree: "DecisionTree", dialect: str, id_column: str | None
) -> "TreeVotes":
    """Votes of a table on a tree's questions. Questions that only one of them has are named."""
    from skgalaxy.votes import list_questions, read_votes
    from skgalaxy.votes._question_names import without_release

    table = read_votes(path, tree=tree, dialect=dialect, id_column=id_column)
    tree.check_counts(table.counts, len(table))
    found = list_questions(path, dialect=dialect)
    strange = [name for name in found if not {name, without_release(name)} & set(tree.questions)]
    if strange:
        note(f"skgalaxy: passed over questions that {tree.name} has not: {', '.join(strange)}.")
    if table.missing:
        note(
            f"skgalaxy: {str(path)!r} lacks these questions of {tree.name}, and the model cannot "
            f"learn them: {', '.join(table.missing)}."
        )
    return table


def most_votes(counts: "NDArray[Any]", tree: "DecisionTree") -> "NDArray[Any]":
    """Votes on the question of each galaxy that has most, shape (n_galaxies,)."""
    import numpy as np

    known = np.nan_to_num(counts)
    return np.max([known[:, here].sum(axis=1) for here in tree.slices.values()], axis=0)


def not_learned(counts: "NDArray[Any]", tree: "DecisionTree") -> list[str]:
    """Questions without a vote: a model's answers to them mean nothing."""
    import numpy as np

    return [question for question, here in tree.slices.items() if not np.nansum(counts[:, here])]


def not_calibrated(estimator: Any, unknown: Sequence[str]) -> list[str]:
    """Questions with votes, of which none held out tells how wide intervals must be."""
    from skgalaxy.calibration import Recalibration

    numbers = getattr(estimator.recalibration_, "questions", {})
    return [name for name, one in numbers.items() if one == Recalibration() and name not in unknown]


def not_reached(tree: "DecisionTree", unknown: Sequence[str]) -> list[str]:
    """Questions that a model has not learned, and those that they lead to."""
    found: list[str] = []
    for question in tree.questions:
        if question in unknown or any(before in found for before, _ in tree.parents(question)):
            found.append(question)
    return found


def meaningless_columns(tree: "DecisionTree", unknown: Sequence[str]) -> list[str]:
    """Columns of a catalogue that rest on questions that a model has not learned.

    Nobody knows who is asked a question below one of these, but fractions among those who are.
    """
    found = []
    for question in not_reached(tree, unknown):
        answers = tree.columns[tree.slices[question]]
        found += [f"{question}_asked_fraction", f"{question}_hardly_asked"]
        found += [f"{answer}_expected_votes" for answer in answers]
        if question in unknown:
            found += [f"{answer}_{part}" for answer in answers for part in _PARTS]
    return found


def blank_posterior(tree: "DecisionTree", n_galaxies: int) -> "TreePosterior":
    """A posterior with which to try, before the work, what will be done with that of a model."""
    import numpy as np

    from skgalaxy import TreePosterior
    from skgalaxy.likelihoods import Multinomial, TreeLikelihood

    even = {
        question: Multinomial(np.full((n_galaxies, 1, n), 1 / n))
        for question in tree.questions
        for n in [len(tree.answers(question))]
    }
    return TreePosterior(TreeLikelihood(tree, even))


def rank_by_question(
    estimator: Any,
    pixels: Any,
    readable: "NDArray[Any]",
    named: tuple[str, ...],
    n: int,
    n_votes: int,
    *,
    joint: bool,
) -> tuple["NDArray[Any]", "NDArray[Any]"]:
    """Rows of `pixels` by the information in volunteers' answers to one question.

    Parameters
    ----------
    estimator : fitted estimator of a tree
    pixels : array of shape (n_galaxies, ...)
    readable : bool array of shape (n_galaxies,)
        Those to rank.
    named : (question,) or (question, answer)
        An answer is ranked against all others.
    n, n_votes : int
        Number of rows, and of volunteers.
    joint : bool
        Rank each by what it adds to those above it.

    Returns
    -------
    rows, scores : ndarray of shape (n,)
        Best first, and what each adds, or tells alone, in nats.
    """
    import numpy as np

    from skgalaxy.acquisition import greedy_walks, walk_information

    rows = np.flatnonzero(readable)
    # block by block: only draws of this question are kept
    parts = [
        _put_alone(estimator.predict_posterior(pixels[rows[start : start + _BLOCK]]), named)
        for start in range(0, len(rows), _BLOCK)
    ]
    draws = np.concatenate([part for part, _, _ in parts])
    how = {"tree": parts[0][2], "concentrations": np.concatenate([part for _, part, _ in parts])}
    scores, _ = walk_information(draws, n_votes, **how)
    if joint:
        picks, gains = greedy_walks(draws, scores, n, n_walks=n_votes, **how)
        return rows[picks], gains
    best = np.argsort(-scores, kind="stable")[:n]
    return rows[best], scores[best]


def _put_alone(
    posterior: "TreePosterior", named: tuple[str, ...]
) -> tuple["NDArray[Any]", "NDArray[Any]", "DecisionTree"]:
    """Draws, concentrations and tree of a question that is put to volunteers by itself.

    Those whom the tree would not lead to it say so, as in `acquisition.question_information`.
    """
    import numpy as np

    from skgalaxy.votes import DecisionTree

    tree, question = posterior.tree, named[0]
    number, here = tree.questions.index(question), tree.slices[question]
    draws, answers = posterior.draws[..., here], tree.answers(question)
    concentrations = posterior.likelihood.concentration[..., [number]]
    if len(named) == 2:  # a sum of Dirichlet's fractions has the same concentration
        fraction = draws[..., [answers.index(named[1])]]
        draws, answers = np.concatenate([fraction, 1 - fraction], axis=-1), ("this", "others")
    if not tree.parents(question):
        return draws, concentrations, DecisionTree({question: answers})
    asked = tree.asked_fractions(posterior.draws)[..., [number]]
    before = f"is-{question}"
    return (
        np.concatenate([asked, 1 - asked, draws], axis=-1),
        np.concatenate([np.full_like(concentrations, np.inf), concentrations], axis=-1),
        DecisionTree({before: ["yes", "no"], question: answers}, {question: [f"{before}_yes"]}),
    )


def scores_of_tree(posterior: "TreePosterior", counts: "NDArray[Any]") -> Iterator[str]:
    """Lines of a table: the scores of every question, of the galaxies with votes on it."""
    import numpy as np

    from skgalaxy.metrics import d2_tree_score
    from skgalaxy.votes import DecisionTree

    tree, known = posterior.tree, np.nan_to_num(counts)
    width = max(map(len, tree.questions))
    yield f"{'question':{width}} galaxies   votes    RMSE       D²  log-likelihood per vote"
    for question, here in tree.slices.items():
        rows = np.flatnonzero(known[:, here].sum(axis=1) > 0)
        if not len(rows):
            yield f"{question:{width}} {0:8d} {0:7d}   no votes to judge it by"
            continue
        k, of_question = known[rows][:, here], posterior[rows][question]
        n_votes = k.sum(axis=1, keepdims=True)
        rmse = np.sqrt(np.mean((k / n_votes - of_question.mean) ** 2))
        d2 = d2_tree_score(DecisionTree({question: tree.answers(question)}), k, of_question.mean)
        log_prob = of_question.log_prob(k).sum() / n_votes.sum()
        yield (
            f"{question:{width}} {len(rows):8d} {n_votes.sum():7.0f} {rmse:7.4f} {d2:8.4f} "
            f"{log_prob:9.4f}"
        )
