"""Training throughput, beside plain scikeras on the same network and images.

scikeras gets a float32 model with the same network, optimiser, loss and batches; its views are
those of Keras' own layers (flip, rotation, zoom), or skgalaxy's single layer. All models are
traced before they are timed (scikeras with ``warm_start``), so this is the price of the steps;
`refit.py` measures what a refit costs besides.
"""

from _report import Target, finish, parser, side_by_side  # first: quietens TensorFlow

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers
from scikeras.wrappers import KerasRegressor

from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks import GalaxyZooNetwork, LikelihoodLoss, RandomView

EPOCHS = 3


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__).parse_args()
    n_galaxies, repeats = (64, 1) if options.quick else (640, 7)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n_galaxies, 64, 64, 1), dtype=np.uint8)
    y = np.column_stack([rng.integers(0, 41, n_galaxies), np.full(n_galaxies, 40)])
    ways = {
        f"skgalaxy, {precision}": BayesianCNNRegressor(
            epochs=EPOCHS, batch_size=32, precision=precision, random_state=0
        )
        for precision in ("float32", "bfloat16")
    }
    for name, views in {
        "scikeras, Keras' views": keras_views,
        "scikeras, skgalaxy's view": lambda x: RandomView()(x),
        "scikeras, no views": lambda x: x,
    }.items():
        ways[name] = KerasRegressor(
            plain_model, views=views, epochs=EPOCHS, batch_size=32, verbose=0, warm_start=True
        )
    ways["skgalaxy, no views, float32"] = BayesianCNNRegressor(
        epochs=EPOCHS, batch_size=32, augment=False, random_state=0
    )
    targets = y.astype(np.float32)
    works = {
        name: partial(model.fit, X, y if name.startswith("skgalaxy") else targets)
        for name, model in ways.items()
    }
    seconds = side_by_side(works, repeats)
    rates = {name: EPOCHS * n_galaxies / taken for name, taken in seconds.items()}
    plain, same_view = rates["scikeras, Keras' views"], rates["scikeras, skgalaxy's view"]
    table: list[tuple[Any, ...]] = [
        ("way", "galaxies/s", "of repeats", "over scikeras", "of repeats")
    ]
    for name, rate in rates.items():
        ratios = rate / plain
        table.append(
            (name, f"{np.median(rate):.0f}", f"{rate.min():.0f} to {rate.max():.0f}")
            + (f"{np.median(ratios):.2f}", f"{ratios.min():.2f} to {ratios.max():.2f}")
        )
    print(f"{n_galaxies} images of 64 px, {EPOCHS} epochs, medians of {repeats}\n")
    wanted = [
        Target(
            f"{precision} over scikeras, {views}",
            rates[f"skgalaxy, {precision}"] / rate,
            limit,
            True,
        )
        for views, rate in (("Keras' views", plain), ("our view in it", same_view))
        for precision, limit in (("float32", 1.1), ("bfloat16", 1.5))
    ]
    finish(options, table, {"n_galaxies": n_galaxies, "seconds": seconds}, wanted)


def keras_views(x: Any) -> Any:
    """Flip, turn and zoom with Keras' layers."""
    for layer in (layers.RandomFlip(), layers.RandomRotation(1.0), layers.RandomZoom(0.2)):
        x = layer(x)
    return x


def plain_model(views: Any) -> Any:
    """Return the network as a Keras user would write it."""
    inputs = keras.Input((64, 64, 1))
    x = views(layers.Rescaling(1 / 74, -1.7)(inputs))
    model = keras.Model(inputs, GalaxyZooNetwork()((64, 64, 1), dropout=0.5)(x))
    model.compile("adam", LikelihoodLoss("binomial"))
    return model


if __name__ == "__main__":
    main()
