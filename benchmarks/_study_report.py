"""Tables, targets and figures of the study of labels saved."""

import functools
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from _data_sets import DATA_NAMES, SETS
from _labels_saved import interval, labels_saved, saved_of_best
from _report import Target, print_table
from numpy.typing import NDArray

from skgalaxy.metrics import vote_noise_floor

TOP_K, PER_VOTE = "mutual information", "log-lik. per vote"
DEFAULT = "joint"  # the strategy whose targets are those of the default
CORE = ("random", TOP_K, DEFAULT, "variance", "power", "diverse", "EPIG")


def curves_of(found: dict[str, Any], key: str) -> dict[str, NDArray[Any]]:
    """Return a score of every strategy, seed and round, the less the better."""
    sign = -1 if key.startswith("log-lik.") else 1
    return {
        strategy: sign * np.array([run["rounds"][key] for run in runs])
        for strategy, runs in found.items()
    }


def report(options: Namespace, data: Any, results: Any) -> tuple[dict[str, Any], list[Target]]:
    """Print the tables, draw the figures, and return figures and targets."""
    figures, found_by_set = {}, {}
    for name, posterior, strategy, _ in results:
        found_by_set.setdefault((name, posterior), {}).setdefault(strategy, [])
    for (name, posterior, strategy, _), run in results.items():
        found_by_set[name, posterior][strategy].append(run)
    for (name, posterior), found in found_by_set.items():
        floor = vote_noise_floor(data[name].test)
        n_seeds = len(found["random"])
        print(f"{name}, {posterior}, {n_seeds} seeds; noise floor of the RMSE {floor:.4f}:")
        print_table(table_of_savings(found))
        print_table(table_of_posteriors(found, data[name]))
        saved = summary(found)
        figures[f"{name}, {posterior}"] = {
            "noise floor": floor,
            "strategies": {
                strategy: {**saved.get(strategy, {}), "runs": list(map(without_rows, runs))}
                for strategy, runs in found.items()
            },
        }
        if options.figures:
            draw(options.figures, name, posterior, found, floor)
    return figures, targets_of(found_by_set)


def without_rows(run: dict[str, Any]) -> dict[str, Any]:
    """Return what a run found but the galaxies it asked about, which its ledger has."""
    return {key: run[key] for key in ("rounds", "overhead", "seconds")}


def score_of(found: dict[str, Any]) -> str:
    """Return what to compare strategies by: the RMSE of ρ where it is known, or of votes."""
    return next(k for k in ("RMSE of ρ", "RMSE") if k in found["random"][0]["rounds"])


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return what every strategy but random saves: with all seeds, by seed, by log-likelihood."""
    n_labels = np.array(found["random"][0]["rounds"]["n_labelled"])
    saved = functools.partial(labels_saved, n_labels)
    by_score, by_likelihood = curves_of(found, score_of(found)), curves_of(found, PER_VOTE)
    random, rows = by_score["random"], {}
    for strategy in [strategy for strategy in found if strategy != "random"]:
        curves = by_score[strategy]
        likelihoods = by_likelihood["random"], by_likelihood[strategy]
        rows[strategy] = {
            "saved": saved(random.mean(axis=0), curves.mean(axis=0)),
            "saved, 95 %": interval(saved, random, curves),
            "saved by seed": [saved(*pair) for pair in zip(random, curves, strict=True)],
            "saved by log-lik.": saved(*(curve.mean(axis=0) for curve in likelihoods)),
            "saved by log-lik., 95 %": interval(saved, *likelihoods),
            "below random": (random - curves)[:, 1:].mean(),
            "below random, 95 %": interval(np.mean, (random - curves)[:, 1:]),
        }
    return rows


def table_of_savings(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return a table of learning curves and of labels saved."""
    n_labels, score = found["random"][0]["rounds"]["n_labelled"], score_of(found)
    half, rows = len(n_labels) // 2, summary(found)
    table: list[tuple[Any, ...]] = [
        ("", f"{score} at {n_labels[half]}", f"at {n_labels[-1]}", "saved", "saved, by seed")
        + ("saved by log-lik.", "below random, mean of rounds")
    ]
    for strategy, curves in curves_of(found, score).items():
        scores = tuple(f"{curves[:, place].mean():.4f}" for place in (half, -1))
        row = rows.get(strategy)
        if row is None:
            table.append((strategy, *scores, "", "", "", ""))
            continue
        by_seed = row["saved by seed"]
        seeds = f"{np.median(by_seed):.0%} ({min(by_seed):.0%} to {max(by_seed):.0%})"
        likelihood = with_interval(row, "saved by log-lik.", ".0%")
        saved, below = with_interval(row, "saved", ".0%"), with_interval(row, "below random", ".4f")
        table.append((strategy, *scores, saved, seeds, likelihood, below))
    return table


def with_interval(row: dict[str, Any], key: str, style: str) -> str:
    """Return "value (low to high)"."""
    low, high = row[f"{key}, 95 %"]
    return f"{row[key]:{style}} ({low:{style}} to {high:{style}})"


def table_of_posteriors(found: dict[str, Any], data: Any) -> list[tuple[Any, ...]]:
    """Return a table of how good the posterior is at the end, and of what was asked about."""
    keys = ["RMSE", PER_VOTE, "coverage error", "90 % covers", "std of draws"]
    table: list[tuple[Any, ...]] = [("at the end", *keys, "yes asked, times pool's", "overhead")]
    fraction = data.pool if data.pool.ndim == 1 else data.pool[:, 0] / data.pool[:, 1]
    for strategy, runs in found.items():
        ends = [np.array([run["rounds"][key][-1] for run in runs]) for key in keys]
        asked = np.mean([np.mean(fraction[run["asked"]] > 0.5) for run in runs])
        table.append(
            (strategy, *(f"{end.mean():.4f} ± {end.std():.4f}" for end in ends))
            + (f"{asked / max(np.mean(fraction > 0.5), 1e-9):.1f}",)
            + (f"{np.median([run['overhead'] for run in runs]):.1%}",)
        )
    return table


def targets_of(found_by_set: dict[str, Any]) -> list[Target]:
    """Return the targets of every posterior, and that of the overhead."""
    targets = []
    for posterior in dict.fromkeys(posterior for _, posterior in found_by_set):
        found_here = {name: found for (name, p), found in found_by_set.items() if p == posterior}
        targets += [
            target._replace(what=f"{posterior}: {target.what}")
            for target in (*targets_of_savings(found_here), *targets_of_redundant(found_here))
        ]
    overheads = [r["overhead"] for f in found_by_set.values() for runs in f.values() for r in runs]
    return [*targets, Target("overhead of a run", overheads, 0.05)]


def targets_of_savings(found_here: dict[str, Any]) -> list[Target]:
    """Return the targets of labels saved by the best strategy, from the best data set on."""
    saved = {}
    for name, found in found_here.items():
        if len(found) > 1:
            n_labels = np.array(found["random"][0]["rounds"]["n_labelled"])
            values = saved_of_best(n_labels, curves_of(found, score_of(found)))
            saved.setdefault(SETS[name].group, []).append(values)
    # of several questions the geometric mean of labels(strategy) / labels(random)
    saved = {g: 1 - np.exp(np.mean(np.log1p(-np.array(v)), axis=0)) for g, v in saved.items()}
    ranked = sorted(saved, key=lambda group: -np.median(saved[group]))
    return [
        Target(f"{group}: labels saved by the best", saved[group], limit, at_least=True)
        for group, limit in zip(ranked, (0.5, 0.5, 0.35, 0), strict=False)
    ]


def targets_of_redundant(found_here: dict[str, Any]) -> list[Target]:
    """Return the targets of the default strategy where images come three times."""
    curves = {
        name: curves_of(found, score_of(found))
        for name, found in found_here.items()
        if SETS[name].group == "redundant" and DEFAULT in found
    }
    return [
        Target(
            f"{name}: {rival} - {DEFAULT}",
            (of_name[rival] - of_name[DEFAULT])[:, 1:].mean(axis=1),
            0,
            at_least=True,
        )
        for name, of_name in curves.items()
        for rival in ("random", TOP_K)
        if rival in of_name
    ]


def draw(folder: Path, name: str, posterior: str, found: dict[str, Any], floor: Any) -> None:
    """Draw learning curves, of a few strategies at a time."""
    import matplotlib.pyplot as plt

    from skgalaxy.plotting import LearningCurveDisplay

    folder.mkdir(parents=True, exist_ok=True)
    score, n_labels = score_of(found), found["random"][0]["rounds"]["n_labelled"]
    curves = curves_of(found, score)
    others = [strategy for strategy in curves if strategy not in CORE]
    for part, names in {"": CORE, ", others": ("random", *others)}.items():
        shown = {strategy: curves[strategy] for strategy in names if strategy in curves}
        if len(shown) > 1:
            floor_here = floor if score == "RMSE" else None
            display = LearningCurveDisplay(n_labels, shown, score_name=score, floor=floor_here)
            display.plot(data_name=f"{DATA_NAMES[name]} ({posterior})")
            file = f"curves {name}, {posterior}{part}".replace(", ", "-").replace(" ", "_")
            display.figure_.savefig(folder / f"{file}.png", dpi=150)
            plt.close(display.figure_)
