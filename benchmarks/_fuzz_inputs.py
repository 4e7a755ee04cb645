"""Bad inputs to public functions, estimators and commands: each is refused in a clear sentence.

Every argument is given each of the values that are bad for it. A refusal is *clear* if it is one
sentence of a documented error, names the argument, and says what it got. Where a bad value is
accepted, a person must look: it is wrong without a word, or not bad at all.
"""

import contextlib
import io
import re
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from sklearn.pipeline import make_pipeline

from _bad_values import ARGUMENTS, POSTERIOR, VALUES
from skgalaxy import BayesianCNNRegressor, active, cli, images, query, votes, zooniverse
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.catalogue import make_catalogue, select_sample, write_catalogue
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.model_selection import cross_val_posterior
from skgalaxy.networks import GalaxyZooNetwork

SECONDS = 60  # after which a call hangs
N = 3  # galaxies
X = np.random.default_rng(0).integers(0, 255, (N, 12, 12), dtype=np.uint8)
Y = np.array([[1, 4], [3, 4], [2, 4]])
IDS = ["a", "b", "c"]
TREE = votes.DecisionTree({"bar": ["yes", "no"]})
SHARES = np.array([[0.25, 0.75]] * N)
STRATEGIES = (query.mutual_information_sampling, query.joint_sampling, query.random_sampling)


class Case(NamedTuple):
    """One bad value, and the argument that it is given as."""

    name: str  # of the argument, as messages have it
    where: str
    label: str
    call: Callable[[Any], Any]
    value: Any


def cases(arguments: Any) -> Iterator[Case]:
    """Every argument with every value that is bad for it."""
    for name, kind, calls in arguments:
        for label, value in VALUES[kind].items():
            for call in calls:
                yield Case(name, f"{name.replace('|', ' or ')}, {kind}", label, call, value)


class Hang(BaseException):
    """A call that takes too long."""


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """End a call that hangs, where the system can."""
    if not hasattr(signal, "SIGALRM"):  # Windows
        yield
        return

    def end(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(case: Case) -> str:
    """Outcome of a case: "clear", or "accepted", "unclear" or "hang" with the details."""
    try:
        with _limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f"accepted: {case.call(case.value)!r:.200}"
    except (TypeError, ValueError, OSError) as error:
        if is_clear(case, str(error)):
            return "clear"
        return f"unclear: {type(error).__name__}: {error!s:.300}"
    except Hang:
        return "hang: "
    except Exception as error:
        return f"unclear: {error!r:.300}"


# Sentences about X and splits that scikit-learn's own checks of estimators ask for.
COMMAND = re.compile(
    r"(Usage: .*\n\nError: [^\n]*['(`][^\n]*|skgalaxy: [^\n]*'[^\n]*)\n", re.DOTALL
)
SKLEARN = re.compile(r"(Expected|Complex|Sparse|Cannot have|Input X) .*", re.DOTALL)


def is_clear(case: Case, text: str) -> bool:
    """True for a sentence that names the argument or the file, and says what it got."""
    if case.call is _call:
        return (
            not re.search("Traceback|No such option", text)
            and bool(COMMAND.fullmatch(text))
            and len(text) < 400
        )
    if case.name in ("X", "cv") and SKLEARN.fullmatch(text):
        return True
    names = [f"`{name}" in text for name in case.name.split("|")]
    is_path = isinstance(case.value, str) and repr(case.value) in text
    named = any(names) or is_path or text.startswith("Votes k must not exceed")
    return named and ("Got" in text or is_path) and text.endswith(".") and len(text) < 400


def _estimator(name: str) -> Callable[[Any], Any]:
    def fit(value: Any) -> Any:
        parameters = {"epochs": 1, "network": GalaxyZooNetwork(((2,),), 4), name: value}
        return BayesianCNNRegressor(**parameters).fit(X, Y)

    return fit


def _arguments_of_objects(folder: Path) -> list[tuple[str, str, tuple[Callable[[Any], Any], ...]]]:
    """Arguments of estimators, strategies and readers of files; some write below `folder`."""
    picture, table, export = folder / "a.png", folder / "votes.csv", folder / "export.csv"
    Image.linear_gradient("L").save(picture)
    table.write_text("id_str,bar_yes,bar_no,bar_total-votes\na,1,3,4\nb,2,2,4\nc,3,1,4\n")
    export.write_text("classification_id,workflow_id,annotations,subject_data,subject_ids\n")
    fitted = BayesianCNNRegressor(network=GalaxyZooNetwork(((2,),), 4), epochs=1).fit(X, Y)
    catalogue = make_catalogue(POSTERIOR, IDS, question="bar", answer="yes")
    read = partial(images.read_image, picture)
    plain = BayesianCNNRegressor(epochs=1)
    of_rows = make_pipeline(images.PoolReader(X), plain)
    volunteers = active.SimulatedVolunteers(IDS, Y[:, 0] / 4)

    def strategies(name: str) -> tuple[Callable[[Any], Any], ...]:
        return tuple(lambda v, s=s: s(POSTERIOR, None, **{name: v}) for s in STRATEGIES)

    return [
        *[
            (name, "integer", (_estimator(name),))
            for name in ("n_networks", "n_draws", "batch_size", "n_views")
        ],
        *[
            (name, "number", (_estimator(name),))
            for name in ("dropout", "learning_rate", "validation_fraction")
        ],
        *[
            (name, "name", (_estimator(name),))
            for name in ("likelihood", "posterior", "schedule", "precision")
        ],
        *[(name, "flag", (_estimator(name),)) for name in ("augment", "warm_start")],
        ("random_state", "seed", (_estimator("random_state"), *strategies("random_state"))),
        ("y", "y", (lambda v: BayesianCNNRegressor(epochs=1).fit(X, v),)),
        ("X", "array", (lambda v: plain.fit(v, Y), fitted.predict, fitted.predict_posterior)),
        ("sample_weight", "array", (lambda v: plain.fit(X, Y, sample_weight=v),)),
        ("n_instances", "integer", strategies("n_instances")),
        ("n_votes", "n_votes", strategies("n_votes")),
        ("eligible|n_instances", "mask", strategies("eligible")),
        ("n_votes", "n_votes", (lambda v: query.score_pool(POSTERIOR, None, n_votes=v),)),
        ("share", "number", (lambda v: query.mix_random(query.joint_sampling, v),)),
        ("groups", "ids", (lambda v: cross_val_posterior(plain, X, Y, groups=[[v], [v]]),)),
        ("cv", "name", (lambda v: CalibratedRegressorCV(plain, cv=v or "none").fit(X, Y),)),
        ("ids", "ids", (lambda v: make_catalogue(POSTERIOR, v, question="q", answer="a"),)),
        ("ids|counts", "ids", (lambda v: votes.VoteTable(v, "bar", ["yes", "no"], Y),)),
        ("ids|y", "ids", (lambda v: active.SimulatedVolunteers(v, Y[:, 0] / 4),)),
        ("counts", "counts", (lambda v: votes.VoteTable(IDS, "bar", ["yes", "no"], v),)),
        ("ids|counts", "ids", (lambda v: votes.TreeVotes(v, TREE, Y),)),
        ("counts", "counts", (lambda v: votes.TreeVotes(IDS, TREE, v),)),
        ("tree", "name", (lambda v: votes.walk_votes(v, SHARES, 4),)),
        ("fractions", "array", (lambda v: votes.walk_votes(TREE, v, 4),)),
        ("n_votes", "n_votes", (lambda v: votes.walk_votes(TREE, SHARES, v),)),
        ("random_state", "seed", (lambda v: votes.walk_votes(TREE, SHARES, 4, v),)),
        ("path", "path", (votes.read_tree, votes.reconstruct_counts, votes.draw_counts)),
        ("purity", "number", (lambda v: select_sample(POSTERIOR, purity=v),)),
        ("threshold", "number", (lambda v: select_sample(POSTERIOR, purity=0.9, threshold=v),)),
        ("path", "path", (images.read_image, votes.read_votes, votes.list_questions)),
        (
            "path",
            "path",
            (active.read_ledger, lambda v: write_catalogue(v, catalogue, model="one")),
        ),
        ("path", "path", (lambda v: zooniverse.read_classifications(v, task="T0"),)),
        ("path", "path", (lambda v: zooniverse.read_tree_classifications(v, votes.GZ2),)),
        ("store", "path", (images.open_images,)),
        ("folder|votes_file", "path", (load_galaxy_zoo,)),
        ("image_size", "integer", (lambda v: load_galaxy_zoo(folder, image_size=v),)),
        ("size", "integer", (lambda v: read(size=v),)),
        ("crop", "integer", (lambda v: read(crop=v),)),
        ("color", "flag", (lambda v: read(color=v),)),
        ("stretch", "name", (lambda v: read(stretch=v),)),
        ("softening", "number", (lambda v: read(softening=v),)),
        ("tolerance", "number", (lambda v: votes.read_votes(table, tolerance=v),)),
        ("dialect", "name", (lambda v: votes.read_votes(table, dialect=v),)),
        ("n_galaxies", "integer", (lambda v: make_galaxies(v, image_size=8),)),
        ("n_rounds", "integer", (lambda v: _run(of_rows, volunteers, n_rounds=v),)),
        ("n_instances", "integer", (lambda v: _run(of_rows, volunteers, n_instances=v),)),
    ]


def _run(learner: Any, volunteers: Any, **arguments: Any) -> Any:
    from modAL.models import ActiveLearner

    learner = ActiveLearner(learner, query.random_sampling)
    arguments = {"initial": 1, "n_rounds": 1, "n_instances": 1} | arguments
    return active.run(learner, np.arange(N), volunteers, ids=IDS, **arguments)


NO_COUNTS_TYPED = ("0", "-1", "1.5", "x", "", "nan", "1e3")
OPTIONS = {
    "predict": (("--crop", NO_COUNTS_TYPED), ("--select", ("x", "purity", "purity=2", "purity=x"))),
    "rank": (
        ("--n-votes", NO_COUNTS_TYPED),
        ("--strategy", ("x", "")),
    ),
    "train": (
        ("--epochs", NO_COUNTS_TYPED),
        ("--size", NO_COUNTS_TYPED),
        ("--precision", ("float16", "x", "")),
        ("--pictures", ("x", "")),
        ("--dialect", ("x", "")),
    ),
    "votes": (("--dialect", ("x", "")),),
    "simulate": (("--seed", ("-1", "x", "")), ("--size", NO_COUNTS_TYPED)),
    "demo": (("--seed", ("-1", "x", "")),),
}
ARGUMENTS_OF_COMMANDS = ("", "no/such/file", "a\nb", "/dev/null", "/dev/zero", "..")


def commands() -> Iterator[Case]:
    """Commands with a bad option, or with paths that hold no such thing."""
    for command, options in OPTIONS.items():
        for option, values in options:
            for value in values:
                words = [command, option, value]
                yield Case(option, f"skgalaxy {command} {option}", repr(value), _call, words)
    for command in ("predict", "rank", "evaluate", "votes", "train", "serve"):
        for path in ARGUMENTS_OF_COMMANDS:
            words = [command, *[path] * 3]
            yield Case(path, f"skgalaxy {command} paths", repr(path), _call, words)


def _call(words: list[str]) -> str:
    """Run a command, and raise what it says if it fails."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        status = cli.main(words)
    if status == 0:
        return said.getvalue()
    raise ValueError(said.getvalue())


def fuzz(n: int, rng: np.random.Generator, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Try `n` of the bad inputs, or all if there are not so many."""
    every = [*cases(ARGUMENTS), *cases(_arguments_of_objects(folder)), *commands()]
    chosen = rng.permutation(len(every))[:n]
    counts: dict[str, Counter[str]] = {}
    others = []
    for case in [every[i] for i in np.sort(chosen)]:
        found = outcome(case)
        counts.setdefault(case.where, Counter())[found.split(":")[0]] += 1
        if found != "clear":
            others.append(f"{case.where}, {case.label}: {found}")
    return counts, others
