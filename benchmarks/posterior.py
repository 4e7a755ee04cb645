"""The price of a posterior: D draws against one deterministic pass of the same network.

Side by side on the same network and images: ``keras.Model.predict``, which draws nothing, in its
own batches of 32 and in ours of 128 (the faster is what we compare with); `predict_posterior`; one
forward pass per draw with dropout switched on (compiled, batches of 128); and, if it is installed
(``pip install ".[bench]"``), baal's ways with the same weights in torch. Then the
beta-binomial likelihood, an ensemble, draws of the last layer, and dropout elsewhere; the last
layer from features alone; and how time grows with draws.
"""

from _report import (  # first: quietens TensorFlow
    Target,
    finish,
    parser,
    print_table,
    reset_peak,
    side_by_side,
    status_mb,
)

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skgalaxy import BayesianCNNRegressor, VotePosterior
from skgalaxy.likelihoods import BetaBinomial, Binomial
from skgalaxy.networks import GalaxyZooNetwork
from skgalaxy.networks.last_layer import LastLayer

N_DRAWS = 50


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--figure", type=Path, metavar="FILE", help="plot time against draws")
    options = options.parse_args()
    sizes = {"floor": 4000, "loop": 512, "baal": 64, "growth": 2000, "features": 100_000}
    if options.quick:  # one batch, traced once
        sizes = {"floor": 128, "loop": 64, "baal": 8, "growth": 128, "features": 1000}
    repeats, most_draws = (1, 50) if options.quick else (5, 1000)
    X = np.random.default_rng(0).integers(0, 256, (sizes["floor"], 64, 64, 1), dtype=np.uint8)
    models = {precision: fitted(X, precision) for precision in ("float32", "bfloat16")}
    targets = []
    figures = {
        "floor": floor(models, X, repeats, targets),
        "loop": loop(models["float32"], X[: sizes["loop"]], repeats, targets),
        "rungs": rungs(models["float32"], X, repeats, targets),
        "convolutions": convolutions(X[: sizes["loop"] // 2], repeats, targets),
        "features": from_features(sizes["features"], repeats, targets),
    }
    if find_spec("baal"):
        figures["baal"] = baal(models["float32"], X[: sizes["baal"]], repeats, targets)
    else:
        print("baal is not installed: left out.\n")
    figures["growth"] = growth(X[: sizes["growth"]], most_draws, repeats)
    if options.figure:
        plot(figures["growth"], sizes["growth"], options.figure)
    finish(options, None, {"sizes": sizes, **figures}, targets)


def fitted(
    X: NDArray[Any],
    precision: Literal["float32", "bfloat16", "auto"] = "float32",
    network: Any = None,
    n_draws: int = N_DRAWS,
    **parameters: Any,
) -> BayesianCNNRegressor:
    """Return an estimator of the default network, trained for one pass."""
    parameters = {"epochs": 1, "random_state": 0, **parameters}
    model = BayesianCNNRegressor(
        precision=precision, network=network, n_draws=n_draws, **parameters
    )
    few = X[:64]
    return model.fit(few, np.linspace(0, 1, len(few)))


def floor(models: Any, X: NDArray[Any], repeats: int, targets: list[Target]) -> dict[str, Any]:
    """Time 50 and 200 draws against Keras' predict, which draws nothing."""
    works = {}
    for precision, model in models.items():
        network = model.network_.model_
        many = fitted(X, precision, n_draws=200)
        for size in (32, 128):
            works[f"Keras predict, {precision}, in {size}s"] = partial(
                network.predict, X, batch_size=size, verbose=0
            )
        works[f"50 draws, {precision}"] = partial(model.predict_posterior, X)
        works[f"200 draws, {precision}"] = partial(many.predict_posterior, X)
    seconds = side_by_side(works, repeats)
    plain = min(
        (seconds[f"Keras predict, float32, in {size}s"] for size in (32, 128)), key=np.median
    )
    half = min(
        (seconds[f"Keras predict, bfloat16, in {size}s"] for size in (32, 128)), key=np.median
    )
    show(f"{len(X)} images of 64 px", seconds, "Keras predict, float32, in 32s", len(X))
    targets += [
        Target("50 draws over predict, float32", seconds["50 draws, float32"] / plain, 1.1),
        Target("200 draws over predict, float32", seconds["200 draws, float32"] / plain, 1.35),
        Target("50 in bfloat16 over float32's predict", seconds["50 draws, bfloat16"] / plain, 0.7),
        Target("50 in bfloat16 over its own predict", seconds["50 draws, bfloat16"] / half, 1.1),
        Target("200 in bfloat16 over its own predict", seconds["200 draws, bfloat16"] / half, 1.35),
    ]
    return seconds


def rungs(model: Any, X: NDArray[Any], repeats: int, targets: list[Target]) -> dict[str, Any]:
    """Time other likelihoods, networks and ways to draw against predict."""
    wide: dict[str, Any] = {"likelihood": "beta_binomial"}
    before_dense = GalaxyZooNetwork(dropout_before="dense")
    every = {
        "beta-binomial": fitted(X, **wide),
        "beta-binomial per galaxy": fitted(X, network=GalaxyZooNetwork(n_outputs=2), **wide),
        "ensemble of 3": fitted(X, n_networks=3),
        "dropout before the dense layer": fitted(X, network=before_dense),
        "last layer": fitted(X, posterior="last_layer"),
        "last layer, beta-binomial": fitted(X, posterior="last_layer", **wide),
    }
    works = {name: partial(rung.predict_posterior, X) for name, rung in every.items()}
    keras_model = model.network_.model_
    reference = "Keras predict, in 128s"
    works[reference] = partial(keras_model.predict, X, batch_size=128, verbose=0)
    seconds = side_by_side(works, repeats)
    show(f"Rungs: {len(X)} images", seconds, reference, len(X))
    for name in every:
        limit = 3.3 if name == "ensemble of 3" else 1.1
        targets.append(Target(f"{name}, over predict", seconds[name] / seconds[reference], limit))
    return seconds


def show(title: str, seconds: dict[str, Any], reference: Any, n_galaxies: int) -> None:
    """Print a table of seconds, rates and ratios."""
    table: list[tuple[Any, ...]] = [
        ("way", "seconds", "galaxies/s", f"over {reference}", "of repeats")
    ]
    for name, taken in seconds.items():
        ratios = taken / seconds[reference]
        table.append(
            (name, f"{np.median(taken):.3g}", f"{n_galaxies / np.median(taken):.0f}")
            + (f"{np.median(ratios):.3g}", f"{ratios.min():.3g} to {ratios.max():.3g}")
        )
    print(f"{title}, {N_DRAWS} draws unless said, medians of {len(taken)}\n")
    print_table(table)


def loop(model: Any, X: NDArray[Any], repeats: int, targets: list[Target]) -> dict[str, Any]:
    """Time one pass per draw against all draws together."""
    every_pass = passes(model)
    seconds = side_by_side(
        {
            "skgalaxy": lambda: model.predict_posterior(X),
            "one pass per draw": lambda: every_pass(X),
        },
        repeats,
    )
    show(f"{len(X)} images", seconds, "skgalaxy", len(X))
    ratios = seconds["one pass per draw"] / seconds["skgalaxy"]
    targets.append(Target("one pass per draw over skgalaxy", ratios, 30, at_least=True))
    return seconds


def passes(model: Any) -> Callable[[Any], Any]:
    """Return a function that draws as one does by hand: `training=True`, pass after pass."""
    _, standardise, *_, network = model.network_.model_.layers

    @tf.function(reduce_retracing=True)
    def draw(images: NDArray[Any]) -> Any:
        return network(standardise(images), training=True)

    def draws(X: NDArray[Any]) -> Any:
        batches = [X[start : start + 128] for start in range(0, len(X), 128)]
        return [[draw(batch).numpy() for batch in batches] for _ in range(N_DRAWS)]

    return draws


def convolutions(X: NDArray[Any], repeats: int, targets: list[Target]) -> dict[str, Any]:
    """Time a network with dropout between its convolutions, too, and measure its memory."""
    model = fitted(X, network=dropout_everywhere)
    every_pass = passes(model)
    before = status_mb("VmRSS")
    reset_peak()
    model.predict_posterior(X)
    growth_mb = status_mb("VmHWM") - before
    seconds = side_by_side(
        {
            "skgalaxy": lambda: model.predict_posterior(X),
            "one pass per draw": lambda: every_pass(X),
        },
        repeats,
    )
    show(f"Dropout between the convolutions: {len(X)} images", seconds, "skgalaxy", len(X))
    print(f"Memory at most, above what was held before: {growth_mb:.0f} MB.\n")
    ratios = seconds["one pass per draw"] / seconds["skgalaxy"]
    targets += [
        Target("dropout in convolutions: passes over skgalaxy", ratios, 1, at_least=True),
        Target("dropout in convolutions: memory, MB", np.array([growth_mb]), 1000),
    ]
    return {**seconds, "growth_mb": growth_mb}


def dropout_everywhere(image_shape: tuple[int, ...], *, dropout: float) -> Any:
    """Build the default network with dropout behind every pooling."""
    inputs = x = keras.Input(image_shape)
    for filters in ((32, 32), (64, 64), (128,), (128,)):
        for n_filters in filters:
            x = layers.Conv2D(n_filters, 3, padding="same", activation="relu")(x)
        x = layers.SpatialDropout2D(dropout / 5)(layers.MaxPooling2D(2)(x))
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(1)(layers.Dropout(dropout)(x)))


def from_features(
    n_galaxies: int, repeats: int, targets: list[Target], n_draws: int = 200
) -> dict[str, Any]:
    """Time the last layer alone: 128 features of each galaxy to a posterior, in one thread."""
    rng = np.random.default_rng(0)
    features = np.maximum(rng.normal(size=(n_galaxies, 128)), 0).astype(np.float32)
    few, n_votes = features[:600], np.full(600, 40)
    votes = rng.binomial(n_votes, 1 / (1 + np.exp(-few[:, 0])))

    def learn() -> LastLayer:
        return LastLayer.of(
            few, votes, n_votes, lambda logits: Binomial.from_outputs(logits[:, None])
        )

    layer = learn()

    def posterior() -> VotePosterior:
        return VotePosterior(Binomial.from_outputs(layer.logits(features, n_draws, 0)))

    def beta_binomial() -> VotePosterior:
        logits = layer.logits(features, n_draws, 0)
        outputs = np.concatenate([logits, np.full_like(logits, 2.0)], axis=-1)
        return VotePosterior(BetaBinomial.from_outputs(outputs))

    works = {
        "learn from 600 galaxies": learn,
        "binomial": posterior,
        "beta-binomial": beta_binomial,
    }
    with threadpool_limits(limits=1):
        seconds = side_by_side(works, repeats)
    rows = [(name, f"{np.median(taken):.3g}") for name, taken in seconds.items()]
    print(f"From features: {n_draws} draws of {n_galaxies:,} galaxies\n")
    print_table([("way", "seconds"), *rows])
    for name in ("binomial", "beta-binomial"):
        what = f"{n_draws} draws of {n_galaxies:,} galaxies' features, {name}, s"
        targets.append(Target(what, seconds[name], 5))
    return seconds


def baal(model: Any, X: NDArray[Any], repeats: int, targets: list[Target]) -> dict[str, Any]:
    """Time baal's loop, its replicated batches and its cache, in torch with the same weights."""
    import torch
    from baal.bayesian.caching_utils import MCCachingModule
    from baal.bayesian.dropout import MCDropoutModule
    from baal.modelwrapper import ModelWrapper, TrainingArgs

    _, standardise, *_, network = model.network_.model_.layers
    images = standardise(X).numpy()
    data = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    same = torch_twin(network)
    with torch.no_grad():
        np.testing.assert_allclose(same.eval()(data), network(images), rtol=1e-3, atol=1e-4)

    def way(wrap: Any, *, replicate: bool) -> Callable[[], Any]:
        arguments = TrainingArgs(replicate_in_memory=replicate, use_cuda=False)
        wrapper = ModelWrapper(wrap(torch_twin(network)), arguments)
        wrapper.eval()
        return lambda: wrapper.predict_on_batch(data, iterations=N_DRAWS)

    works = {
        "skgalaxy": lambda: model.predict_posterior(X),
        "baal, loop": way(MCDropoutModule, replicate=False),
        "baal, replicated": way(MCDropoutModule, replicate=True),
        "baal, cached": way(lambda net: MCCachingModule(MCDropoutModule(net)), replicate=False),
    }
    spread = works["baal, cached"]()[:, 0].std(axis=-1)
    if not (spread > 0).all():
        raise RuntimeError("baal's cached draws do not differ")
    seconds = side_by_side(works, repeats)
    show(f"{len(X)} images", seconds, "skgalaxy", len(X))
    fastest = min(list(seconds)[1:], key=lambda name: np.median(seconds[name]))
    ratios = seconds[fastest] / seconds["skgalaxy"]
    targets.append(Target(f"{fastest}, over skgalaxy", ratios, 30, at_least=True))
    return seconds


def torch_twin(network: Any) -> Any:
    """Return the network in torch, with the same weights."""
    import torch
    from torch import nn

    class ChannelsLast(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1)

    twins = []
    for layer in network.layers:
        weights = [torch.from_numpy(np.array(w)) for w in layer.get_weights()]
        if isinstance(layer, layers.Conv2D):
            twin = nn.Conv2d(*weights[0].shape[2:], 3, padding=1)
            weights[0] = weights[0].permute(3, 2, 0, 1)
        elif isinstance(layer, layers.Dense):
            twin = nn.Linear(*weights[0].shape)
            weights[0] = weights[0].T
        else:
            twins += {
                "MaxPooling2D": [nn.MaxPool2d(2)],
                "Flatten": [ChannelsLast(), nn.Flatten()],
                "Dropout": [nn.Dropout(getattr(layer, "rate", 0))],
            }.get(type(layer).__name__, [])
            continue
        with torch.no_grad():
            twin.weight.copy_(weights[0])
            twin.bias.copy_(weights[1])
        twins += [twin, nn.ReLU()] if layer.activation.__name__ == "relu" else [twin]
    return nn.Sequential(*twins)


def growth(X: NDArray[Any], most_draws: int, repeats: int) -> dict[str, Any]:
    """Time numbers of draws from 1 on."""
    seconds = side_by_side(
        {
            n_draws: partial(fitted(X, n_draws=n_draws).predict_posterior, X)
            for n_draws in (1, 10, 50, 200, 1000)
            if n_draws <= most_draws
        },
        repeats,
    )
    rows = [(n_draws, f"{np.median(s):.2f}") for n_draws, s in seconds.items()]
    print(f"Growth with draws, {len(X)} images\n")
    print_table([("draws", "seconds"), *rows])
    return {str(n_draws): taken for n_draws, taken in seconds.items()}


def plot(seconds: dict[str, Any], n_galaxies: int, path: Path) -> None:
    """Plot time against draws."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3), layout="constrained")
    ax = figure.subplots()
    draws = [int(name) for name in seconds]
    ax.plot(draws, [np.median(taken) for taken in seconds.values()], "o-", label="skgalaxy")
    one = np.median(seconds["1"])
    ax.plot(draws, one * np.array(draws), "--", color="grey", label="one draw, D times")
    ax.set(xscale="log", yscale="log", xlabel="draws", ylabel=f"seconds, {n_galaxies:,} galaxies")
    ax.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
