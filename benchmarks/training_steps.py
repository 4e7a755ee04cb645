"""How many steps of training few labels need: what the study of labels saved is trained for.

The data sets and networks of active_learning_study.py, learned from random labels, as many as its
first and its last round have, for a quarter, half, all and twice the steps it takes; RMSE on its
test set, of the true vote fraction where that is known. Five seeds; twenty minutes on one core with
bfloat16, --quick one.
"""

from _report import finish, parser, timed  # first: quietens TensorFlow

from pathlib import Path
from typing import Any

import numpy as np
from _data_sets import N_VOTES, SETS, Data, Setting, make_model, read
from tqdm import tqdm

from skgalaxy.metrics import vote_fraction_rmse

NAMES = ("galaxy_zoo_2", "edge-on", "shirt")
FACTORS = (0.25, 0.5, 1, 2)


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with galaxy_zoo_2 and fashion_mnist_h")
    options.add_argument("--sets", nargs="+", default=NAMES, choices=NAMES)
    options = options.parse_args()
    table: list[tuple[Any, ...]] = [
        ("data set", "steps", "labels", "RMSE", "of seeds", "seconds a fit")
    ]
    figures = {}
    for name in options.sets:
        setting = SETS[name].of(options.quick)
        data = read(name, options.data, setting)
        many = setting.n_start + setting.n_asked * setting.n_rounds
        cases = [(int(f * setting.n_steps), n) for f in FACTORS for n in (setting.n_start, many)]
        for n_steps, n_labels in tqdm(cases, desc=name):
            seeds = range(2 if options.quick else 5)
            found = [learn(data, setting, n_steps, n_labels, seed) for seed in seeds]
            rmse, seconds = np.transpose(found)
            spread = f"{rmse.min():.4f} to {rmse.max():.4f}"
            cells = f"{rmse.mean():.4f}", spread, f"{np.median(seconds):.1f}"
            table.append((name, n_steps, n_labels, *cells))
            figures[f"{name}, {n_steps} steps, {n_labels} labels"] = {"RMSE": rmse.tolist()}
    finish(options, table, figures)


def learn(
    data: Data, setting: Setting, n_steps: int, n_labels: int, seed: int
) -> tuple[float, float]:
    """Return the RMSE that so many steps on so many random labels come to, and their seconds."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(data.pool))[:n_labels]
    if data.pool.ndim == 1:
        drawn = rng.binomial(N_VOTES, data.pool[rows])
        votes = np.column_stack([drawn, np.full(n_labels, N_VOTES)])
    else:
        votes = data.pool[rows]
    model = make_model(setting._replace(n_steps=n_steps))
    model.set_params(estimator__random_state=seed)
    seconds = timed(lambda: model.fit(data.images[rows], votes))
    mean = model.predict(data.images[len(data.pool) :])
    if data.test_fraction is None:
        return vote_fraction_rmse(data.test, mean), seconds
    return np.sqrt(np.mean((mean - data.test_fraction) ** 2)), seconds


if __name__ == "__main__":
    main()
