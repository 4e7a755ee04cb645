"""Grid search over a pipeline that begins with image files.

A model of galaxies has choices outside the network too: how much sky to cut away, how many pixels
to keep. `ImageLoader` makes them parameters like any other, because the pipeline begins with
paths: scikit-learn splits and copies a column of text, and two processes read the pixels.

    python examples/grid_search_from_paths.py --data DIR    # images/*.jpg and votes.csv
    python examples/grid_search_from_paths.py               # simulated galaxies instead
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

# Two processes train at once, each with a TensorFlow of its own: one core each, not all of them.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from skgalaxy import BayesianCNNRegressor
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.images import ImageLoader
from skgalaxy.networks import GalaxyZooNetwork

N_GALAXIES = 800


def simulated_galaxies(folder):
    """Draw galaxies and votes, write the images as PNG, return paths and votes."""
    galaxies = make_galaxies(N_GALAXIES, image_size=64, random_state=0)
    paths = [Path(folder) / f"{name}.png" for name in galaxies.ids]
    for image, path in zip(galaxies.images, paths, strict=True):
        Image.fromarray(image).save(path)
    return np.array(paths, dtype=str), galaxies.votes


def real_galaxies(folder):
    """Return paths and votes, [k, N] for "featured", of some galaxies of a Galaxy Zoo folder."""
    galaxies = load_galaxy_zoo(folder, image_size=8)  # only paths and votes matter here
    return np.array(galaxies.paths, dtype=str)[:N_GALAXIES], galaxies.votes[:N_GALAXIES]


def search(paths, y, crops):
    """Search the crop of the images and the dropout of the network together, and report."""
    # X is a column of paths, y are counts [k, N]. A third is kept for a last test.
    X_train, X_test, y_train, y_test = train_test_split(paths, y, test_size=1 / 3, random_state=0)

    # A small network on small images, for speed. With `cache_size`, a process decodes a file once
    # for each crop and remembers the 32 x 32 pixels in all further fits.
    model = Pipeline(
        [
            ("images", ImageLoader(size=32, cache_size=50)),
            (
                "cnn",
                BayesianCNNRegressor(
                    network=GalaxyZooNetwork(filters=((16,), (32,), (64,)), dense_units=64),
                    epochs=25,
                    random_state=0,
                ),
            ),
        ]
    )
    grid = {"images__crop": crops, "cnn__dropout": [0.2, 0.5]}

    # Two candidates train at a time. The score is D², the deviance of the votes explained.
    start = time.perf_counter()
    found = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X_train, y_train)
    print(f"{len(X_train)} galaxies, {time.perf_counter() - start:.0f} s\n")

    results = pd.DataFrame(found.cv_results_)
    columns = ["param_images__crop", "param_cnn__dropout", "mean_test_score", "std_test_score"]
    print(results.sort_values("rank_test_score")[columns].round(3).to_string(index=False))
    print(f"\nBest parameters: {found.best_params_}, D² = {found.best_score_:.3f}")
    print(f"On {len(X_test)} galaxies never seen: D² = {found.score(X_test, y_test):.3f}")


def main():
    """Run the example."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", type=Path, metavar="DIR", help="folder of a Galaxy Zoo table")
    data = options.parse_args().data
    if data is not None:
        search(*real_galaxies(data), crops=[160, 256])
        return
    print("Simulated galaxies and votes, no observations.")
    with tempfile.TemporaryDirectory() as folder:
        search(*simulated_galaxies(folder), crops=[44, 64])


if __name__ == "__main__":
    main()
