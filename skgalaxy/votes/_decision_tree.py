"""Decision trees: questions with answers that lead to further questions."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._arrays import check_numbers
from skgalaxy._validation import check_bool, check_n_votes
from skgalaxy.votes._question_names import check_names
from skgalaxy.votes._tree_checks import check_mapping, check_parents
from skgalaxy.votes._tree_counts import check_tree_counts
from skgalaxy.votes._tree_drawing import drawn
from skgalaxy.votes._tree_steps import asked_fraction, asked_fractions, steps_of
from skgalaxy.votes._tree_tables import too_many_votes
from skgalaxy.votes._tree_texts import check_texts, find_text
from skgalaxy.votes._vote_table import VoteTable


class DecisionTree:
    """The questions volunteers are asked, and after which answers.

    A question may follow any of several answers: Galaxy Zoo asks "anything odd?" after "smooth"
    and after "features or disk". The probability that a volunteer is asked it is the sum over
    these answers of the probability to be asked the parent and to answer so.

    Parameters
    ----------
    answers : dict of str to sequence of str
        The answers to each question. A question stands after those that lead to it.
    asked_after : dict of str to sequence of str, default=None
        For each question that is not put to everyone, the answers it follows, as
        ``"{question}_{answer}"``. No volunteer may give two of them.
    name : str, default="Decision tree"
        Whose tree it is.
    texts : dict of str to dict, default=None
        What volunteers read. For each question a dict with any of the keys "text", "help",
        "translations" (by language a dict of "text" and "help") and "answers" (by answer a dict
        with the first three).

    Attributes
    ----------
    questions : tuple of str
    columns : tuple of str
        Names of all answers, ``"{question}_{answer}"``, question by question.
    slices : dict of str to slice
        Places of the answers to every question in `columns`.
    n_answers : int
        Number of answers to all questions.
    name : str

    Raises
    ------
    ValueError
        If there is no question, or one without answers or with the same twice; if `asked_after`
        names an unknown question, or an answer that is unknown or belongs to a later question, or
        two answers that one volunteer may give; if two answers have one name in `columns`.

    See Also
    --------
    read_tree : Read a tree, with its texts, from a file.
    skgalaxy.plotting.DecisionTreeDisplay : Draw it.

    Examples
    --------
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree(
    ...     {"animal": ["lion", "zebra", "none"], "running": ["yes", "no"], "young": ["yes", "no"]},
    ...     asked_after={"running": ["animal_lion", "animal_zebra"], "young": ["animal_lion"]},
    ...     name="Savannah",
    ... )
    >>> print(tree)
    Savannah
    animal: lion, zebra, none
    ├─ lion or zebra
    │  └─ running: yes, no
    └─ lion
       └─ young: yes, no
    >>> tree.expected_votes("running", {"animal_lion": 0.5, "animal_zebra": 0.25}, 40)
    30.0
    """

    def __init__(
        self,
        answers: Mapping[str, Iterable[str]],
        asked_after: Mapping[str, Iterable[str]] | None = None,
        *,
        name: str = "Decision tree",
        texts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        if not answers:
            raise ValueError(f"`answers` must hold at least one question. Got {answers!r}.")
        self.name: str = name
        check_mapping(answers, "answers", "answers by question")
        check_names(list(answers), "answers")
        self._answers = {
            question: check_names(given, f"answers[{question!r}]")
            for question, given in answers.items()
        }
        self._parents = check_parents(self._answers, {} if asked_after is None else asked_after)
        self._texts = check_texts(texts, self._answers)

    @property
    def questions(self) -> tuple[str, ...]:
        """All questions, each after those that lead to it."""
        return tuple(self._answers)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all answers, ``"{question}_{answer}"``, question by question."""
        return tuple(f"{q}_{answer}" for q, given in self._answers.items() for answer in given)

    @property
    def n_answers(self) -> int:
        """Number of answers to all questions."""
        return sum(map(len, self._answers.values()))

    @property
    def slices(self) -> dict[str, slice]:
        """Places of the answers to every question in `columns`."""
        ends = np.cumsum([len(given) for given in self._answers.values()]).tolist()
        return {
            question: slice(end - len(given), end)
            for (question, given), end in zip(self._answers.items(), ends, strict=True)
        }

    def to_dict(self) -> dict[str, Any]:
        """Questions, answers, parents and texts: ``DecisionTree(**tree.to_dict())`` is this."""
        asked_after = {
            question: [f"{q}_{answer}" for q, answer in parents]
            for question, parents in self._parents.items()
            if parents
        }
        answers = {question: list(given) for question, given in self._answers.items()}
        tree = {"answers": answers, "asked_after": asked_after, "name": self.name}
        return tree | ({"texts": deepcopy(self._texts)} if self._texts else {})

    def __eq__(self, other: object) -> bool:
        """True for a tree of the same questions, answers and parents, in the same order."""
        if not isinstance(other, DecisionTree):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return tuple(self._answers.items()), tuple(self._parents.items())

    def __repr__(self) -> str:
        return f"DecisionTree({self.name!r}, {len(self.questions)} questions)"

    def __str__(self) -> str:
        return "\n".join([self.name, *drawn(self)])

    def answers(self, question: str) -> tuple[str, ...]:
        """Answers to a question, a tuple of str.

        Parameters
        ----------
        question : str
            One of `questions`.

        Returns
        -------
        answers : tuple of str

        Examples
        --------
        >>> from skgalaxy.votes import GZ_DECALS
        >>> GZ_DECALS.answers("bar")
        ('strong', 'weak', 'no')
        """
        return self._answers[self._check_question(question)]

    def text(self, question: str, answer: str | None = None, *, language: str | None = None) -> str:
        """Text that volunteers read for a question or an answer.

        Parameters
        ----------
        question : str
            One of `questions`.
        answer : str, default=None
            One of its answers; None is the question itself.
        language : str, default=None
            A language of the tree's translations, for example "de". None, and a language without
            that text, is the tree's own.

        Returns
        -------
        text : str
            The name, if the tree has no text for it.

        Examples
        --------
        >>> from skgalaxy.votes import DecisionTree
        >>> texts = {"ring": {"text": "Is there a ring?", "answers": {"yes": {"text": "Yes!"}}}}
        >>> tree = DecisionTree({"ring": ["yes", "no"]}, texts=texts)
        >>> tree.text("ring"), tree.text("ring", "yes"), tree.text("ring", "no")
        ('Is there a ring?', 'Yes!', 'no')
        """
        self._check_answer(question, answer)
        found = find_text(self._texts, question, answer, language, "text")
        return found or (question if answer is None else answer)

    def help(self, question: str, answer: str | None = None, *, language: str | None = None) -> str:
        """Help that volunteers can read for a question or an answer, "" if there is none.

        Parameters
        ----------
        question, answer, language
            As in `text`.

        Returns
        -------
        text : str

        Examples
        --------
        >>> from skgalaxy.votes import DecisionTree
        >>> texts = {"ring": {"help": "Look at its colour, too."}}
        >>> DecisionTree({"ring": ["yes", "no"]}, texts=texts).help("ring")
        'Look at its colour, too.'
        """
        self._check_answer(question, answer)
        return find_text(self._texts, question, answer, language, "help") or ""

    def _check_answer(self, question: str, answer: str | None) -> None:
        """Refuse what is no answer to a question; None is the question itself."""
        if answer is not None and answer not in self.answers(question):
            raise ValueError(
                f"`answer` to {question!r} must be one of {', '.join(self.answers(question))}. "
                f"Got {answer!r}."
            )
        self._check_question(question)

    def parents(self, question: str) -> tuple[tuple[str, str], ...]:
        """Return the answers a question follows.

        Parameters
        ----------
        question : str
            One of `questions`.

        Returns
        -------
        parents : tuple of (question, answer)
            Empty for a question that everyone is asked.

        Examples
        --------
        >>> from skgalaxy.votes import GZ2
        >>> GZ2.parents("bar")
        (('disk-edge-on', 'no'),)
        """
        return self._parents[self._check_question(question)]

    def asked(self, said: Mapping[str, str]) -> tuple[str, ...]:
        """Questions that a volunteer is asked who gives these answers.

        Parameters
        ----------
        said : mapping of str to str
            The volunteer's answer to each question; a question without one leads nowhere.

        Returns
        -------
        questions : tuple of str
            The questions put to this volunteer, in the tree's order.

        Examples
        --------
        >>> from skgalaxy.votes import GZ_DECALS
        >>> GZ_DECALS.asked({"smooth-or-featured": "smooth", "how-rounded": "round"})
        ('smooth-or-featured', 'how-rounded', 'merging')
        """
        check_mapping(said, "said", "answer by question")
        asked = []
        for question, parents in self._parents.items():
            if not parents or any(q in asked and said.get(q) == answer for q, answer in parents):
                asked.append(question)
        return tuple(asked)

    def expected_votes(
        self, question: str, fractions: Mapping[str, ArrayLike], n_votes: ArrayLike
    ) -> float | NDArray[np.float64]:
        """Return how many of the volunteers who are shown a galaxy will be asked a question.

        Parameters
        ----------
        question : str
            One of `questions`.
        fractions : mapping of str to array-like of shape (n_galaxies,) or float
            Predicted vote fractions in [0, 1] by ``"{question}_{answer}"``, such as a DataFrame;
            only the answers that lead to `question` are looked up. Where they add up to more than
            1, everyone is asked.
        n_votes : int or array-like of shape (n_galaxies,)
            Volunteers who are shown the galaxy, the N of a question that everyone is asked.

        Returns
        -------
        expected : float64 array of shape (n_galaxies,), or float
            Expected N of `question`.

        Raises
        ------
        ValueError
            If `question` is unknown; if a fraction is missing or outside [0, 1].

        Examples
        --------
        >>> from skgalaxy.votes import GZ_DECALS
        >>> fractions = {
        ...     "smooth-or-featured_featured-or-disk": [0.5, 0.9],
        ...     "disk-edge-on_no": [1.0, 0.5],
        ... }
        >>> GZ_DECALS.expected_votes("bar", fractions, 40)
        array([20., 18.])
        """
        check_mapping(fractions, "fractions", "vote fractions by '{question}_{answer}'")
        asked = np.asarray(asked_fraction(self, self._check_question(question), fractions))
        if asked.ndim or np.ndim(n_votes):
            n_galaxies = len(asked) if asked.ndim else len(np.asarray(n_votes))
            return asked * check_n_votes(n_votes, n_galaxies).astype(np.float64)
        return float(asked * check_n_votes(n_votes, 1)[0])

    def asked_fractions(self, fractions: ArrayLike) -> NDArray[np.float64]:
        """Return the probability that a volunteer is asked each question.

        Parameters
        ----------
        fractions : array-like of shape (..., n_answers)
            Fraction of every answer among those who are asked its question, in [0, 1], in the
            order of `columns`.

        Returns
        -------
        asked : float64 array of shape (..., n_questions)
            In the order of `questions`; the product of the fractions that lead to a question,
            summed over its parents, and at most 1.

        Raises
        ------
        ValueError
            If the last axis is not that of all answers.

        Examples
        --------
        >>> from skgalaxy.votes import DecisionTree
        >>> tree = DecisionTree(
        ...     {"disc": ["yes", "no"], "arms": ["1", "2"]}, asked_after={"arms": ["disc_yes"]}
        ... )
        >>> tree.asked_fractions([0.9, 0.1, 0.5, 0.5])
        array([1. , 0.9])
        """
        values = check_numbers(fractions, "fractions")
        if values.ndim == 0 or values.shape[-1] != self.n_answers:
            raise ValueError(
                f"`fractions` must have the {self.n_answers} answers of {self.name} as last axis. "
                f"Got shape {values.shape}."
            )
        return asked_fractions(steps_of(self), values)

    def check_counts(self, y: Any, n_galaxies: int | None = None) -> NDArray[np.float64]:
        """Check the votes on all questions, and put them in the order of `columns`.

        Parameters
        ----------
        y : array-like of shape (n_galaxies, n_answers), or DataFrame
            Counts in the order of `columns`, or a table with these columns, which may have others.
            A question that is not known is NaN in all its answers, or has no column at all.
            A masked value is NaN.
        n_galaxies : int, default=None
            Number of rows that there must be; None takes any.

        Returns
        -------
        counts : float64 array of shape (n_galaxies, n_answers)
            NaN in questions that are not known.

        Raises
        ------
        ValueError
            If columns are missing, or there twice, or count an answer that a question lacks; if a
            value is no count, or a question is known in part; or if a question has more votes than
            were given to the answers before it, by more than two and by more than a tenth, as few
            galaxies of real tables have.

        Examples
        --------
        >>> import pandas as pd
        >>> from skgalaxy.votes import DecisionTree
        >>> tree = DecisionTree(
        ...     {"disc": ["yes", "no"], "arms": ["1", "2"]}, asked_after={"arms": ["disc_yes"]}
        ... )
        >>> tree.check_counts(pd.DataFrame({"disc_no": [9], "disc_yes": [31]}))
        array([[31.,  9., nan, nan]])
        """
        return check_tree_counts(self, y, n_galaxies)

    def validate(
        self, tables: VoteTable | Iterable[VoteTable], *, strict: bool = False
    ) -> pd.DataFrame:
        """Find galaxies with more votes on a question than were given to the answers before it.

        Real tables have a few, of volunteers counted in one question and not in another; many are
        a sign that columns are mixed up, or that N is not the question's own.

        Parameters
        ----------
        tables : iterable of VoteTable
            One for each question, galaxies in any order. A question with a parent that is not
            among them is not checked. "bar-dr5" is the tree's "bar" as release DR5 asked it:
            releases are checked one by one, and an answer may be one of the release's own.
        strict : bool, default=False
            Raise if there is any such galaxy.

        Returns
        -------
        report : pandas.DataFrame
            One row for each galaxy and question with more votes than it can have: ``id``,
            ``question``, ``n_votes``, ``n_allowed``. Of several releases ``question`` has the
            release, too.

        Raises
        ------
        ValueError
            If a table has a question that is not in the tree, or, of no release, an answer that
            is not; if it lacks an answer that leads to another table's question; with `strict`,
            if the report is not empty.

        Examples
        --------
        >>> from skgalaxy.votes import GZ_DECALS, VoteTable
        >>> edge_on = VoteTable(["a", "b"], "disk-edge-on", ["yes", "no"], [[1, 9], [8, 2]])
        >>> bar = VoteTable(["a", "b"], "bar", ["strong", "weak", "no"], [[1, 3, 5], [0, 0, 3]])
        >>> print(GZ_DECALS.validate([edge_on, bar]))
          id question  n_votes  n_allowed
        0  b      bar        3          2
        """
        strict = check_bool(strict, "strict")
        tables = [tables] if isinstance(tables, VoteTable) else tables
        if not isinstance(tables, Iterable):
            raise TypeError(f"`tables` must be vote tables. Got {tables!r}.")
        tables = list(tables)
        strange = [table for table in tables if not isinstance(table, VoteTable)]
        if strange:
            raise TypeError(f"`tables` must be vote tables. Got {strange[0]!r} among them.")
        report = too_many_votes(self, tables)
        if strict and len(report):
            first = report.iloc[0]
            raise ValueError(
                f"{first['question']!r} must not have more votes than were given to the answers "
                f"before it. Got {first['n_votes']} of {first['n_allowed']} for galaxy "
                f"{first['id']}, and {len(report) - 1} more such rows."
            )
        return report

    def _check_question(self, question: str) -> str:
        if not isinstance(question, str) or question not in self._answers:
            raise ValueError(
                f"`question` must be one of {', '.join(self._answers)}. Got {question!r}."
            )
        return question
