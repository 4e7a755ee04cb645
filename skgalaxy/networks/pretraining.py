"""Pretraining: a network learns from pictures without votes what makes galaxies differ.

`pretrain` reads the pictures of a pool batch by batch, and `skgalaxy.networks._contrast` says what
is learned from them. The data take these steps:

1. The pool is checked, and some of its pictures are measured (`_unlabelled`).
2. Batches are read in an order that the seed and the number of the step determine, the next one
   ahead. So a pretraining that stopped goes on as if it had not.
3. Every 100 steps the values of the model are kept, in memory and in the file of `checkpoint`.
"""

import contextlib
import hashlib
import itertools
import json
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from sklearn.base import clone
from tqdm.auto import tqdm

from skgalaxy import __version__
from skgalaxy._files import check_is_file, check_parent, check_path
from skgalaxy._pools import ahead
from skgalaxy._validation import check_bool, check_choice, check_float, check_int, check_seed
from skgalaxy.exceptions import PretrainingDivergedWarning
from skgalaxy.networks._contrast import build_contrast
from skgalaxy.networks._given import check_builder
from skgalaxy.networks._identity import describe_layers
from skgalaxy.networks._lending import State, get_state, put_state
from skgalaxy.networks._pretrained import PretrainedNetwork, trunk_weights
from skgalaxy.networks._runtime import fastest_precision
from skgalaxy.networks._unlabelled import UnlabelledPool, measure
from skgalaxy.networks.architecture import GalaxyZooNetwork
from skgalaxy.networks.schedule import SCHEDULES
from skgalaxy.networks.training_set import image_digests
from skgalaxy.persistence._archive import DamagedFileError, read_archive, write_archive

__all__ = ["pretrain"]

_KEEP_EVERY = 100  # steps
_WARM_UP = 50  # steps in which the learning rate rises: the projection starts at random
_FORMAT = "skgalaxy pretraining 1"


def pretrain(
    X: Any,
    *,
    network: Literal["galaxies"] | Callable[..., keras.Model] | None = "galaxies",
    loader: Any = None,
    n_steps: int = 1000,
    batch_size: int = 64,
    learning_rate: float = 5e-4,
    precision: Literal["float32", "bfloat16", "auto"] = "auto",
    random_state: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    verbose: bool = True,
) -> PretrainedNetwork:
    """Let a network learn from pictures that have no votes.

    It learns to find, among the pictures of a batch, the other view of each: turned, mirrored,
    zoomed, and in other light (SimCLR). Give the result to an estimator as `network`.

    It is not part of `skgalaxy.recommended`: on galaxies of SDSS, from 64 votes, the network that
    ships erred as little without it (``benchmarks/pretraining.py``, one seed so far). It may help
    where your pictures differ from those that the shipped network has learned from, for example in
    other bands, or if they show no galaxies. Compare, for example with
    `skgalaxy.model_selection.cross_val_posterior`.

    Parameters
    ----------
    X : array-like of shape (n_pictures, h, w) or (n_pictures, h, w, c)
        Your pictures, of the size and type that the votes will be about; uint8 or float. Stored
        arrays, for example memory maps, Zarr and HDF5, are read as they are needed. With `loader`,
        X is what it reads, for example paths.
    network : "galaxies", callable or None, default="galaxies"
        Network to pretrain, as in `skgalaxy.BayesianCNNRegressor`. "galaxies" goes on from the
        weights that ship, None starts at random. Give a `PretrainedNetwork` to go on with it, or a
        function of yours, whose last layer must be a ``keras.layers.Dense``.
    loader : transformer, default=None
        Reads the pictures of rows of X, for example an `skgalaxy.images.ImageLoader` from paths.
    n_steps : int, default=1000
        Number of training steps.
    batch_size : int, default=64
        Number of pictures per step. X must hold at least twice as many different ones.
    learning_rate : float > 0, default=5e-4
        Step size of Adam. It rises over 50 steps, and falls to almost zero along a cosine.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Type of the numbers that the network computes with, as in `BayesianCNNRegressor`. The
        weights are float32.
    random_state : int, RandomState or None, default=None
        Seed of weights, views and order. The same seed gives the same network. With None, a
        checkpoint goes on with its own seed.
    checkpoint : str or path-like, default=None
        File to keep the state in, every 100 steps. If it exists, pretraining goes on from there,
        and ends with the same weights as without the interruption. If it is complete, it is read.
    verbose : bool, default=True
        Show a progress bar.

    Returns
    -------
    network : PretrainedNetwork

    Raises
    ------
    ValueError, TypeError
        If X holds no pictures, too few, or too few different ones; if a parameter is wrong; if
        `checkpoint` is of another pretraining; or if pretraining diverges before anything is
        learned. NaN in a stored array is found when it is read, and the checkpoint stays.
    OSError
        If the checkpoint cannot be written.

    Warns
    -----
    PretrainingDivergedWarning
        If the loss or a weight is not finite any more. You get the network of at most 100 steps
        before.

    References
    ----------
    Chen et al. 2020, A simple framework for contrastive learning of visual representations
    (arXiv:2002.05709).

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy import BayesianCNNRegressor
    >>> from skgalaxy.networks import GalaxyZooNetwork, pretrain
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(40, 8, 8)), rng.uniform(size=10)
    >>> small = GalaxyZooNetwork(filters=((4,),), dense_units=8)
    >>> network = pretrain(
    ...     X, network=small, n_steps=3, batch_size=8, random_state=0, verbose=False
    ... )
    >>> model = BayesianCNNRegressor(network=network, epochs=1, random_state=0).fit(X[:10], y)
    >>> model.predict(X).shape
    (40,)
    """
    check_builder(network)
    # as plain numbers, which the checkpoint can hold
    n_steps, batch_size = check_int(n_steps, "n_steps", 1), check_int(batch_size, "batch_size", 2)
    learning_rate = check_float(learning_rate, "learning_rate", 0, math.inf, closed="neither")
    check_choice(precision, "precision", ("auto", "float32", "bfloat16"))
    check_bool(verbose, "verbose")
    check_seed(random_state)
    file = None if checkpoint is None else check_path(checkpoint, "checkpoint")
    if file:
        check_parent(file, "checkpoint")
        check_is_file(file, "checkpoint")
    found = _Checkpoint.read(file) if file else None

    pool = UnlabelledPool.of(X, loader)
    sample = pool.sample()
    image = measure(sample, batch_size)
    network = clone(network, safe=False) if callable(network) else GalaxyZooNetwork(weights=network)
    precision = fastest_precision() if precision == "auto" else precision
    seed = found.settings["random_state"] if found and random_state is None else None
    if seed is None:
        seed = int(check_seed(random_state).randint(np.iinfo(np.int32).max))
    settings = {
        "skgalaxy": __version__,
        "keras": keras.__version__,
        "pictures": [len(pool), *image.shape],
        "type": image.dtype,
        "digest of pictures": _digest(image_digests(sample, np.arange(len(sample)))),
        "n_steps": n_steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "precision": precision,
        "random_state": seed,
    }
    if found:
        found.check(settings)
    built, model = build_contrast(network, image, precision, seed)
    # the state has the weights before any step, and the seeds of layers
    layers = json.dumps(describe_layers(model)).encode()
    settings["digest of the network"] = _digest(layers, *get_state(model))
    if found:
        found.check(settings)
    run = _Run(model, settings, file, found)
    if not run.go_on(pool, verbose=verbose):
        _say_diverged(len(run.losses))
    weights = [keras.ops.convert_to_numpy(x) for x in trunk_weights(built)]
    pretrained = PretrainedNetwork(network, weights, image.image_shape)
    pretrained.history_ = run.history
    return pretrained


def _say_diverged(n_good: int) -> None:
    """Warn that a network is of an earlier step; raise ValueError if it has learned nothing."""
    remedy = "Lower `learning_rate`, and look for broken pixels in X."
    if not n_good:
        raise ValueError(
            f"Pretraining diverged within {_KEEP_EVERY} steps: a loss or weight is not finite. "
            f"{remedy}"
        )
    warnings.warn(
        f"Pretraining diverged: a loss or weight is not finite. You get the network of step "
        f"{n_good}, the last good one. {remedy}",
        PretrainingDivergedWarning,
        stacklevel=3,  # the line that calls pretrain
    )


class _Checkpoint(NamedTuple):
    """State of a pretraining, as its file holds it."""

    file: Path
    settings: dict[str, Any]
    losses: list[float]  # of every step
    state: State

    @classmethod
    def read(cls, file: Path) -> "_Checkpoint | None":
        """What a file holds; None if there is no file.

        Raises
        ------
        ValueError
            If another program wrote it, or it is damaged.
        """
        if not file.exists():
            return None
        rule = f"`checkpoint` must be a file that `pretrain` wrote. Got {str(file)!r}"
        try:
            document, arrays = read_archive(file)
        except DamagedFileError as error:
            raise ValueError(f"{rule}, {error}; remove it, or name another.") from error
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise ValueError(f"{rule}, which is something else; name another.")
        losses = arrays.pop("losses").tolist()
        return cls(file, document["settings"], losses, [arrays[name] for name in sorted(arrays)])

    def write(self) -> None:
        """Replace the file."""
        arrays = {f"state/{i:05}": x for i, x in enumerate(self.state)}
        document = {"format": _FORMAT, "settings": self.settings}
        write_archive(self.file, document, {"losses": np.array(self.losses), **arrays})

    def check(self, settings: dict[str, Any]) -> None:
        """Raise ValueError unless it is of a pretraining with these settings."""
        for name, wanted in settings.items():
            if self.settings.get(name) != wanted:
                raise ValueError(
                    f"`checkpoint` must be of the same pretraining. Got {str(self.file)!r} with "
                    f"{name} {self.settings.get(name)}, and this has {wanted}; name another file."
                )


class _Run:
    """Training of one model, step by step.

    Parameters
    ----------
    model : keras.Model
    settings : dict
    file : Path or None
        Where to keep the state.
    found : _Checkpoint or None
        Where to go on from.
    """

    def __init__(
        self, model: keras.Model, settings: dict[str, Any], file: Path | None, found: Any
    ) -> None:
        self.model = model
        self.settings = settings
        self.file = file
        self.losses: list[float] = found.losses if found else []
        self.state: State = found.state if found else get_state(model)  # the last good one
        put_state(self.state, model)

    def go_on(self, pool: UnlabelledPool, *, verbose: bool) -> bool:
        """Train until all steps are done. False if it diverged; the model is in its last state."""
        n_steps, batch_size, seed = (
            self.settings[name] for name in ("n_steps", "batch_size", "random_state")
        )
        first = len(self.losses)
        if first == n_steps:
            return True
        losses = list(self.losses)
        nothing = np.zeros(batch_size, np.float32)
        batches = ahead(itertools.islice(pool.batches(seed, batch_size, first), n_steps - first))
        bar = tqdm(total=n_steps, initial=first, desc="pretrain", unit="step", disable=not verbose)
        with bar, contextlib.closing(batches):
            for step, images in enumerate(batches, first):
                self.model.optimizer.learning_rate = self._rate(step)
                losses.append(float(self.model.train_on_batch(images, nothing)))
                is_good = math.isfinite(losses[-1])
                if is_good and (len(losses) % _KEEP_EVERY == 0 or len(losses) == n_steps):
                    is_good = self._keep(losses)
                if not is_good:
                    put_state(self.state, self.model)
                    return False
                bar.update()
                bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
        return True

    def _rate(self, step: int) -> float:
        fall = SCHEDULES["cosine"](step / self.settings["n_steps"])
        return self.settings["learning_rate"] * min(1, (step + 1) / _WARM_UP) * fall

    def _keep(self, losses: list[float]) -> bool:
        """Keep the state of the model, if all of it is finite."""
        state = get_state(self.model)
        if not all(np.isfinite(x).all() for x in state):
            return False
        self.losses, self.state = list(losses), state
        if self.file:
            _Checkpoint(self.file, self.settings, self.losses, state).write()
        return True

    @property
    def history(self) -> dict[str, list[float]]:
        """Mean loss of every 100 steps, and of the steps that are left."""
        starts = range(0, len(self.losses), _KEEP_EVERY)
        return {"loss": [float(np.mean(self.losses[i : i + _KEEP_EVERY])) for i in starts]}


def _digest(*parts: Any) -> str:
    """One text for bytes and arrays."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
