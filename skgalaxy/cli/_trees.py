"""Decision trees in commands: votes on a whole tree joined, and one question's information."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skgalaxy.cli._common import LEVEL, note

if TYPE_CHECKING:  # as in _common.py
    from numpy.typing import NDArray

    from skgalaxy import TreePosterior
    from skgalaxy.tree_posterior import AnswersPosterior
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
    note_missing(table, path, ", and the model cannot learn them")
    return table


def note_missing(table: "TreeVotes", path: Path, hence: str = "") -> None:
    """Name the questions of a tree of which a table has no counts."""
    if table.missing:
        note(
            f"skgalaxy: {str(path)!r} lacks counts of these questions of {table.tree.name}{hence}: "
            f"{', '.join(table.missing)}. `skgalaxy votes --reconstruct` makes counts of "
            "fractions, if the table has them."
        )


def not_learned(counts: "NDArray[Any]", tree: "DecisionTree") -> list[str]:
    """Questions without a vote: a model's answers to them mean nothing."""
    import numpy as np

    return [question for question, here in tree.slices.items() if not np.nansum(counts[:, here])]


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


def check_question(
    tree: "DecisionTree", question: str, answer: str | None, unknown: Sequence[str]
) -> None:
    """Refuse a question, or an answer to it, that a tree has not, or a model has not learned."""
    posterior = blank_posterior(tree, 1)[question]  # refuses unknown names
    if answer is not None:
        posterior[answer]
    if question in not_reached(tree, unknown):
        raise ValueError(
            "`--question` must be one that the model has learned, with those before it. Got "
            f"{question!r}; the model had no votes on {', '.join(unknown)}."
        )


class PartOf:
    """A fitted model of a tree that is asked about a part of it, as strategies take a learner.

    Parameters
    ----------
    estimator : fitted estimator of a tree
    take : function of a TreePosterior
        Posterior of the part, for example `put_alone` of a question.
    """

    def __init__(self, estimator: Any, take: "Callable[[TreePosterior], TreePosterior]") -> None:
        self.estimator, self.take = estimator, take

    def predict_posterior(self, pixels: Any) -> "TreePosterior":
        """Posterior of the part; draws of the whole tree are in memory for a block of galaxies."""
        from skgalaxy import TreePosterior

        starts = range(0, max(len(pixels), 1), _BLOCK)
        blocks = (pixels[start : start + _BLOCK] for start in starts)
        parts = [self.take(self.estimator.predict_posterior(block)) for block in blocks]
        return TreePosterior.concatenate(parts)


def put_alone(posterior: "TreePosterior", question: str, answer: str | None) -> "TreePosterior":
    """Posterior of a question that is put to volunteers by itself, or of one answer to it.

    Those whom the tree would not lead to it say so, as in `acquisition.question_information`.
    """
    import numpy as np

    from skgalaxy import TreePosterior
    from skgalaxy.likelihoods import DirichletMultinomial, Multinomial, TreeLikelihood
    from skgalaxy.votes import DecisionTree

    tree, number = posterior.tree, posterior.tree.questions.index(question)
    fractions, answers = posterior.draws[..., tree.slices[question]], tree.answers(question)
    if answer is not None:  # a sum of Dirichlet's fractions has the same concentration
        this = fractions[..., [answers.index(answer)]]
        fractions, answers = np.concatenate([this, 1 - this], axis=-1), ("this", "others")
    concentration = posterior.likelihood.concentration[..., number]
    likelihoods: dict[str, Any] = {question: DirichletMultinomial(fractions, concentration)}
    if not tree.parents(question):
        return TreePosterior(TreeLikelihood(DecisionTree({question: answers}), likelihoods))
    before = f"is-{question}"
    asked = tree.asked_fractions(posterior.draws)[..., [number]]
    likelihoods[before] = Multinomial(np.concatenate([asked, 1 - asked], axis=-1))
    short = DecisionTree({before: ["yes", "no"], question: answers}, {question: [f"{before}_yes"]})
    return TreePosterior(TreeLikelihood(short, likelihoods))


def without(posterior: "TreePosterior", left_out: Sequence[str]) -> "TreePosterior":
    """Posterior of a tree without some questions, and without those that they lead to."""
    from skgalaxy import TreePosterior
    from skgalaxy.likelihoods import TreeLikelihood
    from skgalaxy.votes import DecisionTree

    tree = posterior.tree
    gone = not_reached(tree, left_out)
    rest = [question for question in tree.questions if question not in gone]
    smaller = DecisionTree(
        {question: tree.answers(question) for question in rest},
        {
            question: [f"{before}_{answer}" for before, answer in parents]
            for question in rest
            if (parents := tree.parents(question))
        },
    )
    votes = {question: posterior.likelihood.question(question) for question in rest}
    return TreePosterior(TreeLikelihood(smaller, votes))


def scores_of_tree(posterior: "TreePosterior", counts: "NDArray[Any]") -> Iterator[str]:
    """Lines of a table: the scores of every question, of the galaxies with votes on it."""
    import numpy as np

    from skgalaxy.metrics import d2_tree_score
    from skgalaxy.votes import DecisionTree

    tree, known = posterior.tree, np.nan_to_num(counts)
    width = max(map(len, [*tree.questions, "question"]))
    yield (
        f"{'question':{width}} galaxies   votes    RMSE  perfect       D²  log-likelihood per vote"
        f"  in {100 * LEVEL:.0f} % intervals"
    )
    for question, here in tree.slices.items():
        rows = np.flatnonzero(known[:, here].sum(axis=1) > 0)
        if not len(rows):
            yield f"{question:{width}} {0:8d} {0:7d}   no votes to judge it by"
            continue
        k, of_question = known[rows][:, here].astype(int), posterior[rows][question]
        n_votes = k.sum(axis=1, keepdims=True)
        rmse = np.sqrt(np.mean((k / n_votes - of_question.mean) ** 2))
        d2 = d2_tree_score(DecisionTree({question: tree.answers(question)}), k, of_question.mean)
        log_prob = of_question.log_prob(k).sum() / n_votes.sum()
        floor, covered = _floor_and_coverage(of_question, k, n_votes[:, 0])
        yield (
            f"{question:{width}} {len(rows):8d} {n_votes.sum():7d} {rmse:7.4f}  {floor} {d2:8.4f} "
            f"{log_prob:24.4f}  {covered}"
        )


def _floor_and_coverage(
    posterior: "AnswersPosterior", k: "NDArray[Any]", n_votes: "NDArray[Any]"
) -> tuple[str, str]:
    """RMSE of a perfect model, and the share of votes in intervals, over answers."""
    import numpy as np

    from skgalaxy.metrics import interval_coverage, vote_noise_floor

    # of two answers, one tells of the other
    judged = posterior.answers[: 1 if len(posterior.answers) == 2 else None]
    of_answers = [np.stack([k[:, a], n_votes], axis=1) for a in range(len(judged))]
    covered = np.mean(
        [
            interval_coverage(y, posterior[answer].pmf(n_votes), LEVEL)
            for answer, y in zip(judged, of_answers, strict=True)
        ]
    )
    # of a binomial share, if the intervals are right
    scatter = np.sqrt(LEVEL * (1 - LEVEL) / len(k))
    share = f"{100 * covered:.1f} % ({100 * LEVEL:.0f} ± {100 * scatter:.1f} % if they are right)"
    if n_votes.max() < 2:
        return f"{'-':>7}", share
    floor = np.sqrt(np.mean([vote_noise_floor(y) ** 2 for y in of_answers]))
    return f"{floor:7.4f}", share
