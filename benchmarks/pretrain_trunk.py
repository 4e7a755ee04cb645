"""Pretrain the trunk that ships: a network learns what simulated galaxies are.

Galaxies of `make_galaxies` are shown to the published network as a camera might have shown them:
turned, mirrored and zoomed, in another stretch, blurred, and with noise. The network learns their
kind, their true vote fractions, and their physical parameters. All layers but the last are the
trunk that ``network="galaxies"`` starts from. No real galaxy has any part in it.

--weights names the file to write, and its provenance comes beside it. The simulated galaxies are
kept in --resume. About a quarter of an hour with bfloat16. Other processors round otherwise, and
give slightly other weights.
"""

from _report import finish, parser, timed  # first: quietens TensorFlow

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from _tasks import add_options, kept, open_folder
from keras import layers, ops
from tqdm import tqdm

from skgalaxy.datasets import make_galaxies
from skgalaxy.networks import GalaxyZooNetwork, RandomView
from skgalaxy.networks._building import build_apart
from skgalaxy.networks._runtime import fastest_precision
from skgalaxy.networks._shipped import TRUNK_SIZE, save_trunk
from skgalaxy.networks.architecture import Standardise, set_precision
from skgalaxy.networks.schedule import SCHEDULES

# more of the rare kinds than the sky has, and seeing better and worse than that of SDSS
SKY = {
    "kinds": {"smooth": 0.35, "featured": 0.3, "barred": 0.18, "edge-on": 0.14, "artifact": 0.03},
    "seeing": (1.0, 2.0),
}
SEED = 1
N_TEST = 1000  # galaxies to measure on
BATCH, RATE = 64, 1e-3
FRACTIONS = ("rho_featured", "rho_edge-on", "rho_bar")
KINDS = tuple(SKY["kinds"])
PHYSICS = {  # targets of a regression, from the columns of a simulated galaxy
    "visible arms": lambda sky: np.log1p(sky["visible_arms"]),
    "visible bar": lambda sky: np.log1p(sky["visible_bar"]),
    "axis ratio": lambda sky: sky["visible_axis_ratio"],
    "disc": lambda sky: sky["disc_fraction"],
    "Sersic": lambda sky: sky["bulge_sersic"],
    "inclination": lambda sky: np.cos(np.radians(sky["inclination"])),
    "magnitude": lambda sky: sky["magnitude"],
    "seeing": lambda sky: np.log(sky["seeing"] / sky["pixel_scale"]),
    "concentration": lambda sky: sky["radius_90"] / sky["half_light_radius"],
    "contrast": lambda sky: sky["arm_contrast"],
    "asymmetry": lambda sky: sky["arm_asymmetry"].where(sky["arm_contrast"] > 0),
    "knots": lambda sky: sky["knot_fraction"],
    "bar": lambda sky: sky["bar_fraction"],
    "arms": lambda sky: sky["n_arms"].where(sky["arm_contrast"] > 0),
    "pitch": lambda sky: sky["pitch_angle"].where(sky["arm_contrast"] > 0),
}


def main() -> None:
    """Simulate, train, measure, write."""
    options = parser(__doc__)
    options.add_argument("--weights", type=Path, required=True, help="file to write, .npz")
    options.add_argument("--galaxies", type=int, default=11000, help="default: %(default)s")
    options.add_argument("--steps", type=int, default=2500, help="default: %(default)s")
    add_options(options)
    options = options.parse_args()
    if options.quick:
        options.galaxies, options.steps = 128, 3
    folder = open_folder(options)
    number = options.galaxies + (64 if options.quick else N_TEST)
    sky = kept(
        folder / f"galaxies-{number}.joblib",
        lambda: make_galaxies(number, TRUNK_SIZE, random_state=SEED, n_jobs=options.jobs, **SKY),
    )
    targets = targets_of(sky.frame)
    learn, test = slice(options.galaxies), slice(options.galaxies, None)
    network, model = build_apart(lambda: build(sky.images[learn], targets.shape[1]), SEED)
    seconds = timed(lambda: train(model, sky.images[learn], targets[learn], options.steps))
    found = explained(model, sky.images[test], targets[test])
    provenance = {
        "script": Path(__file__).name,
        "galaxies": options.galaxies,
        "sky": SKY,
        "seed": SEED,
        "steps": options.steps,
        "batch": BATCH,
        "precision": fastest_precision(),
        "explained": found,
    }
    save_trunk(options.weights, network.layers[:-1], provenance)
    table: list[tuple[Any, ...]] = [
        ("target", "explained"),
        *((name, f"{share:.3f}") for name, share in found.items()),
    ]
    finish(options, table, {"seconds": seconds, **provenance})


def targets_of(frame: pd.DataFrame) -> np.ndarray:
    """Targets of every galaxy, float32: vote fractions, kinds as 0 or 1, and physics.

    Physics is standardised; NaN stands for what a galaxy does not have, such as arms.
    """
    fractions = frame[list(FRACTIONS)].to_numpy()
    kinds = np.stack([frame["kind"] == kind for kind in KINDS], axis=1)
    physics = np.stack([of(frame).to_numpy(float) for of in PHYSICS.values()], axis=1)
    physics[frame["kind"] == "artifact"] = np.nan  # the galaxy behind it is not seen
    physics = (physics - np.nanmean(physics, axis=0)) / np.nanstd(physics, axis=0)
    return np.concatenate([fractions, kinds, physics], axis=1).astype(np.float32)


def build(images: np.ndarray, n_outputs: int) -> tuple[keras.Model, keras.Model]:
    """The network alone, and the model to train it in."""
    shape = (TRUNK_SIZE, TRUNK_SIZE, 1)
    network = GalaxyZooNetwork(n_outputs=n_outputs)(shape, dropout=0.2)
    set_precision(network, fastest_precision())
    inputs = keras.Input(shape, dtype="uint8")
    standardise = Standardise()
    outputs = network(standardise(Camera()(RandomView(zoom=1.3)(ops.cast(inputs, "float32")))))
    standardise.set_weights([np.array([images.mean()]), np.array([images.std()])])
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(), loss)
    return network, model


class Camera(layers.Layer):
    """Layer that shows each picture as another camera might, in training only.

    Stretch, contrast, brightness, sharpness and noise change at random.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Pictures of grey levels 0 to 255."""
        if not training:
            return images
        n = ops.shape(images)[0]
        drawn = keras.random.uniform((5, n, 1, 1, 1), -1, 1, seed=self.seed_generator)
        x = ops.clip(images / 255, 0, 1)
        x = x + (0.25 + 0.5 * drawn[0]) * (_blurred(_blurred(x)) - x)  # below 0 it sharpens
        x = ops.clip(x, 1e-4, 1) ** (1.4 ** drawn[1])
        x = 1.25 ** drawn[2] * x + 0.03 * drawn[3]
        noise = keras.random.normal(ops.shape(x), seed=self.seed_generator)
        return 255 * ops.clip(x + 0.02 * (1 + drawn[4]) * noise, 0, 1)


def _blurred(x: Any) -> Any:
    """Picture after a kernel of 1 2 1 along both axes."""
    kernel = np.outer([1, 2, 1], [1, 2, 1])[:, :, None, None] / 16
    return ops.conv(x, ops.cast(kernel, x.dtype), padding="same", data_format="channels_last")


def loss(targets: Any, outputs: Any) -> Any:
    """Cross-entropies of vote fractions and kinds, and squared errors of physics."""
    ends = len(FRACTIONS), len(FRACTIONS) + len(KINDS)
    rho, kinds, physics = ops.split(targets, ends, axis=1)
    rho_, kinds_, physics_ = ops.split(outputs, ends, axis=1)
    of_rho = ops.softplus(rho_) - rho * rho_
    of_kinds = -ops.sum(kinds * ops.log_softmax(kinds_), axis=1)
    is_known = ops.logical_not(ops.isnan(physics))
    of_physics = ops.where(is_known, ops.where(is_known, physics, 0) - physics_, 0) ** 2
    return ops.sum(of_rho, axis=1) + of_kinds + 0.2 * ops.sum(of_physics, axis=1)


def train(model: keras.Model, images: np.ndarray, targets: np.ndarray, steps: int) -> None:
    """Train for so many steps, at a rate that falls to zero."""
    rng = np.random.default_rng(SEED)
    order = np.empty(0, int)
    with tqdm(range(steps), mininterval=10) as bar:
        for step in bar:
            if len(order) < BATCH:
                order = rng.permutation(len(images))
            batch, order = order[:BATCH], order[BATCH:]
            model.optimizer.learning_rate = RATE * SCHEDULES["cosine"](step / steps)
            lost = model.train_on_batch(images[batch, :, :, None], targets[batch])
            if step % 100 == 0:
                bar.set_postfix(loss=float(lost))


def explained(model: keras.Model, images: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Share of the variance of each number that is explained, on galaxies not learned from."""
    outputs = model.predict(images[..., None], batch_size=256, verbose=0)
    n_fractions, n_physics = len(FRACTIONS), len(PHYSICS)
    names = (*FRACTIONS, *PHYSICS)
    wanted = np.delete(targets, slice(n_fractions, -n_physics), axis=1)
    found = np.delete(outputs, slice(n_fractions, -n_physics), axis=1)
    found[:, :n_fractions] = 1 / (1 + np.exp(-found[:, :n_fractions]))
    lost = np.nanmean((wanted - found) ** 2, axis=0) / np.nanvar(wanted, axis=0)
    return {name: round(float(1 - share), 3) for name, share in zip(names, lost, strict=True)}


if __name__ == "__main__":
    main()
