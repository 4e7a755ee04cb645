"""`BayesianCNNRegressor`: learn vote fractions from images and votes, predict full posteriors.

A convolutional network is trained on the binomial likelihood of k of N votes, with dropout. Each
set of dropout masks kept on at prediction makes another network, and D of them are a sample of
the posterior over networks (Monte-Carlo dropout: Gal & Ghahramani 2016; for vote counts Walmsley
et al. 2020, arXiv:1905.07424)::

    p(k | image, N) = (1/D) Σ_d Bin(k; N, ρ_d(image))

The fitted estimator *is* D networks: their masks are drawn once, from `random_state`, and shared
by all galaxies, so a prediction does not depend on batch size, order or chunking, but for float32
rounding.

The way of the data: `fit` checks X and y and makes of them a `TrainingSet`. It builds networks of
one `Architecture`, trains them in turn on batches of (images, [k, N]), and keeps them as arrays.
`predict_posterior` draws from them under the masks (`skgalaxy.networks.dropout`), and the
likelihood makes of their outputs a posterior.
"""

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scikeras.wrappers import KerasRegressor
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm
from tqdm.keras import TqdmCallback

from skgalaxy import __version__
from skgalaxy._pools import blocks_ahead, is_batched, n_rows
from skgalaxy._validation import check_bool, check_choice, check_float, check_int
from skgalaxy.exceptions import ModelVersionWarning, NoSpreadWarning
from skgalaxy.likelihoods import LIKELIHOODS
from skgalaxy.metrics import d2_binomial_score
from skgalaxy.networks._runtime import fastest_precision
from skgalaxy.networks.architecture import Architecture, GalaxyZooNetwork
from skgalaxy.networks.ensemble import Ensemble
from skgalaxy.networks.rows import ImageSpec, check_images, image_shape_of
from skgalaxy.networks.trained import (
    SCHEDULES,
    Callbacks,
    Seeds,
    check_callbacks,
    schedule_callbacks,
)
from skgalaxy.networks.training_set import TrainingSet, VoteBatches, image_digests
from skgalaxy.posterior import VotePosterior

__all__ = ["BayesianCNNRegressor"]

_BAR_AFTER = 5  # seconds: a pool that is scored in blocks has a bar of its own


class BayesianCNNRegressor(RegressorMixin, BaseEstimator):
    """Bayesian convolutional network for vote fractions, learned from k of N votes.

    Parameters
    ----------
    network : callable, default=None
        ``network(image_shape, dropout=...)`` returns a functional or Sequential
        ``keras.Model`` from images of `image_shape` to one logit (no sigmoid). None is
        `skgalaxy.networks.GalaxyZooNetwork`, the network of Walmsley et al. 2020.
    likelihood : {"binomial", "beta_binomial"}, default="binomial"
        How votes scatter about a network's vote fraction. With "beta_binomial" networks also
        learn how far from it a galaxy's own may be: one concentration for all galaxies, or one
        per galaxy if the network gives its logarithm as a second output.
    dropout : float in [0, 1), default=0.5
        Dropout rate given to `network`, in training and in prediction. 0 makes all draws equal.
    n_networks : int, default=1
        Networks to train, from different weights and in different orders: an ensemble, for as
        many times the cost. Networks that were trained apart disagree where dropout does not.
    n_draws : int, default=50
        Number of networks drawn by dropout from each trained one, for the posterior. Draws are
        nearly free, and more of them rank galaxies better.
    epochs : int, default=60
        Passes over the training set.
    batch_size : int, default=32
        Galaxies per training step.
    learning_rate : float > 0, default=1e-3
        Of Adam.
    schedule : {"constant", "cosine"}, default="constant"
        How the learning rate goes: "cosine" lets it fall to zero over the epochs of one `fit`.
    augment : bool, default=True
        In training, show images flipped, turned by any angle and zoomed by up to 20 %.
    precision : {"auto", "float32", "bfloat16"}, default="float32"
        Compute precision of the network; weights, losses and the output layer are float32
        always. "auto" is bfloat16 where the processor multiplies it natively, which is faster,
        and else float32; the fitted network keeps what it was at `fit`.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the images in flat rows of X. None takes
        flat rows as plain features.
    validation_fraction : float in [0, 1), default=0
        Share of the images to hold out of training and follow the loss on.
    callbacks : sequence of keras.callbacks.Callback, default=None
        Called while training (copies of them, for every network of an ensemble anew):
        EarlyStopping, ModelCheckpoint, TensorBoard ...
    warm_start : bool, default=False
        Let `fit` go on from the present weights instead of starting afresh.
    verbose : bool, default=False
        Show progress bars.
    random_state : int, RandomState or None, default=None
        Seed of weights, order, views and masks. Global random state is left alone.

    Attributes
    ----------
    network_ : scikeras.wrappers.KerasRegressor
        A copy of the trained network, made when asked for; its Keras model, from X to logits
        (and log concentrations), is ``network_.model_``. Of an ensemble the first.
    history_ : dict of list
        Per epoch, "loss": the mean negative log-likelihood of a galaxy's votes, without its
        constant log C(N, k); "val_loss" where galaxies are held out, "learning_rate" with a
        schedule. Of an ensemble the mean.
    n_iter_ : int
        Epochs trained.
    image_shape_ : tuple
        (height, width, channels), or (n_features,).
    n_features_in_ : int
        Numbers per galaxy.

    See Also
    --------
    skgalaxy.VotePosterior : What `predict_posterior` returns.
    skgalaxy.query.mutual_information_sampling : Picks galaxies to ask about.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424); Gal & Ghahramani 2016,
    arXiv:1506.02142.

    Examples
    --------
    Bright images get yes votes, dark ones do not:

    >>> import numpy as np
    >>> from skgalaxy import BayesianCNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> brightness = rng.uniform(size=200)
    >>> X = brightness[:, None, None] + 0.1 * rng.normal(size=(200, 8, 8))
    >>> y = np.column_stack([rng.binomial(40, brightness), np.full(200, 40)])
    >>> model = BayesianCNNRegressor(epochs=40, random_state=0).fit(X, y)
    >>> posterior = model.predict_posterior(X)
    >>> posterior
    VotePosterior(n_galaxies=200, n_draws=50)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        *,
        network: Callable[..., Any] | None = None,
        likelihood: str = "binomial",
        dropout: float = 0.5,
        n_networks: int = 1,
        n_draws: int = 50,
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        schedule: str = "constant",
        augment: bool = True,
        precision: str = "float32",
        image_shape: tuple[int, ...] | None = None,
        validation_fraction: float = 0,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.network = network
        self.likelihood = likelihood
        self.dropout = dropout
        self.n_networks = n_networks
        self.n_draws = n_draws
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.augment = augment
        self.precision = precision
        self.image_shape = image_shape
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple | None = None,
    ) -> Self:
        """Train the network on images and votes.

        Parameters
        ----------
        X : array-like of shape (n_galaxies, h, w), (n_galaxies, h, w, c) or (n_galaxies, n)
            Images, uint8 or of finite numbers in any unit: they are centred and scaled by the
            mean and standard deviation of the training images, channel by channel. Memory maps,
            Zarr and HDF5 arrays are read batch by batch and stay where they are.
        y : array-like of shape (n_galaxies, 2) or (n_galaxies,)
            Counts [k, N], k of N volunteers said yes; or vote fractions in [0, 1].
        sample_weight : array-like of shape (n_galaxies,), default=None
            For fractions the number of votes N (1 by default); for counts a factor on each
            galaxy's log-likelihood. Galaxies of no votes or no weight are left out, and rows of
            the same image put together: a weight of 3 and three rows are the same fit.
        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Galaxies to follow the loss on; see `history_`. Takes the place of
            `validation_fraction`. A Pipeline does not transform it.

        Returns
        -------
        self : BayesianCNNRegressor

        Raises
        ------
        ValueError
            Before any training, if X, y, `sample_weight` or a parameter is out of range or of
            the wrong shape.
        TypeError
            If a parameter is of the wrong kind.
        """
        return self._train(
            *(X, y, sample_weight, validation_data),
            before=getattr(self, "_ensemble", None) if self.warm_start else None,
            epochs=self.epochs,
            validation_fraction=self.validation_fraction,
        )

    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Go on training for one pass over all of `X`; arguments and errors as in `fit`."""
        before = getattr(self, "_ensemble", None)
        return self._train(X, y, sample_weight, before=before, epochs=1, validation_fraction=0)

    def _train(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        validation_data: tuple | None = None,
        *,
        before: Ensemble | None,
        epochs: int,
        validation_fraction: float,
    ) -> Self:
        """Check, build, train, keep. `before` is the ensemble to go on from, if any."""
        self._check_parameters()
        # scikit-learn notes names of features on the estimator that checks them. That is a copy:
        # this one changes when something was learned, and not before.
        checked = copy.copy(self)
        like = before.architecture.image if before else None
        X = check_images(checked, X, like)
        image_shape = like.image_shape if like else image_shape_of(X.shape[1:], self.image_shape)
        images = TrainingSet.of(X, y, sample_weight)
        seeds = self._seeds(before)
        training, held_out = images.split(validation_fraction, seeds[0].order)
        image = like or training.measure(image_shape)
        validation = checked._validation_batches(validation_data, held_out, image)

        ensemble = Ensemble.of(self._architecture(image), seeds, before)

        trained, interrupt = ensemble.train(
            training,
            validation,
            batch_size=self.batch_size,
            epochs=epochs,
            learning_rate=self.learning_rate,
            callbacks=partial(self._callbacks, epochs),
        )

        if trained:
            seen = self._trained_on if before else []
            self._keep(checked, trained, np.union1d(seen, images.digests))
        if interrupt:
            raise interrupt
        return self

    def _seeds(self, before: Ensemble | None) -> list[Seeds]:
        """Seeds of every network: those of `before`, or new ones from `random_state`."""
        if before is None:
            return Seeds.draw(self.random_state, self.n_networks)
        if len(before.networks) != self.n_networks:
            raise ValueError(
                f"`n_networks` must stay as it was, {len(before.networks)}, to go on training. "
                f"Got {self.n_networks}; use `fit` with `warm_start=False`."
            )
        return before.seeds

    def _validation_batches(
        self, validation_data: Any, held_out: TrainingSet, image: ImageSpec
    ) -> VoteBatches | None:
        """Batches to follow the loss on: of the data that were given, or of those held out."""
        if validation_data is None:
            return held_out.batches(self.batch_size) if len(held_out) else None
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise ValueError(
                "`validation_data` must be (X, y) or (X, y, sample_weight). "
                f"Got {type(validation_data).__name__}."
            )
        X, *votes = validation_data
        X = check_images(copy.copy(self), X, image)
        return TrainingSet.of(X, *votes).batches(self.batch_size)

    def _architecture(self, image: ImageSpec) -> Architecture:
        network = GalaxyZooNetwork() if self.network is None else self.network
        return Architecture(
            network=clone(network, safe=False),  # later changes of the parameter do not reach it
            likelihood=self.likelihood,
            image=image,
            dropout=self.dropout,
            augment=self.augment,
            precision=fastest_precision() if self.precision == "auto" else self.precision,
        )

    def _callbacks(self, epochs: int) -> Callbacks:
        """Fresh copies of the callbacks: one keeps what it saw, and `fit` changes no parameter."""
        course = schedule_callbacks(self.schedule, self.learning_rate, epochs)
        bar = [TqdmCallback(verbose=0)] if self.verbose else []
        return [*course, *copy.deepcopy(list(self.callbacks or [])), *bar]

    def _keep(self, checked: Self, ensemble: Ensemble, trained_on: NDArray) -> None:
        """Take over what was learned, and the names of features that `checked` has noted."""
        self._ensemble, self._trained_on = ensemble, trained_on
        self.history_, self.n_iter_ = ensemble.history, ensemble.n_iter
        self.image_shape_ = ensemble.architecture.image.image_shape
        self.n_features_in_ = math.prod(self.image_shape_)
        vars(self).pop("feature_names_in_", None)
        if hasattr(checked, "feature_names_in_"):
            self.feature_names_in_ = checked.feature_names_in_

    @property
    def network_(self) -> KerasRegressor:
        """The trained network, a KerasRegressor from X to logits; made anew when asked for."""
        check_is_fitted(self)
        network = KerasRegressor(self._ensemble.networks[0].to_keras())
        image = self._ensemble.architecture.image
        return network.initialize(np.zeros((2, *image.shape), image.dtype), np.zeros((2, 1)))

    def __getstate__(self):
        return {**super().__getstate__(), "_skgalaxy_version": __version__}

    def __setstate__(self, state):
        version = state.pop("_skgalaxy_version", "unknown")
        if version != __version__:
            warnings.warn(
                f"This {type(self).__name__} was saved by skgalaxy {version} and is loaded by "
                f"{__version__}: its predictions may differ. Fit it again to be safe.",
                ModelVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_ensemble")

    def predict(self, X: Any, return_std: bool = False) -> NDArray | tuple[NDArray, NDArray]:
        """Posterior mean of the vote fraction.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.
        return_std : bool, default=False
            Also return its standard deviation.

        Returns
        -------
        mean : ndarray of shape (n_galaxies,)
            In [0, 1].
        std : ndarray of shape (n_galaxies,)
            Only with `return_std`.

        Raises
        ------
        NotFittedError
            If not fitted.
        ValueError
            If X is not finite or its images are not like those of `fit`.
        """
        posterior = self.predict_posterior(X)
        return (posterior.mean, posterior.std) if return_std else posterior.mean

    def sample_posterior(self, X: Any) -> NDArray:
        """Vote fractions that every drawn network expects.

        Parameters
        ----------
        X : array-like or keras.utils.PyDataset
            Images, as in `fit`; or batches of them, of which targets are ignored. Whatever is
            not in memory is read block by block, the next block while this one is computed.

        Returns
        -------
        draws : ndarray of shape (n_galaxies, n_networks * n_draws)
            In [0, 1]; column d is the same network for every galaxy and every call. Concentrations
            of a beta-binomial are not in it: `predict_posterior` has them.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        return self.predict_posterior(X).draws

    def predict_posterior(self, X: Any) -> VotePosterior:
        """Posterior over vote fractions and votes.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        posterior : VotePosterior

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        outputs = self._outputs(X)
        likelihood = LIKELIHOODS[self._ensemble.architecture.likelihood]
        return VotePosterior(likelihood.from_outputs(outputs))

    def _outputs(self, X: Any) -> NDArray:
        """Network outputs of all draws, shape (n_galaxies, n_networks * n_draws, P)."""
        check_is_fitted(self)
        n_draws = check_int(self.n_draws, "n_draws", 1)
        images = self._image_blocks(X)
        outputs = []
        counted = {"total": n_rows(X), "desc": "posterior", "unit": "galaxy"}
        with tqdm(**counted, delay=_BAR_AFTER, disable=not self.verbose) as bar:
            for block in images:
                outputs.append(self._ensemble.outputs(block, n_draws))
                bar.update(len(block))
        if len(self._ensemble.networks) == 1 and not self._ensemble.has_dropout(n_draws):
            warnings.warn(
                "The network has no active dropout: all draws are equal and mutual information "
                "is 0 everywhere; set `dropout` > 0 or `n_networks` > 1 for a posterior.",
                NoSpreadWarning,
                stacklevel=3,
            )
        return np.concatenate(outputs)

    def embed(self, X: Any) -> NDArray:
        """Features that the network has learned: what its first dropout acts on.

        Parameters
        ----------
        X : array-like or keras.utils.PyDataset
            Images, as in `sample_posterior`.

        Returns
        -------
        features : ndarray of shape (n_galaxies, n_features)
            float32; of an ensemble all networks' side by side.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`, or if the network has no dropout.
        """
        check_is_fitted(self)
        images = self._image_blocks(X)
        if not self._ensemble.has_dropout(self.n_draws):
            raise ValueError(
                "`embed` gives what dropout acts on, but the network has none. "
                f"Got `dropout` of {self.dropout}; use more than 0."
            )
        return np.concatenate([self._ensemble.embed(block, self.n_draws) for block in images])

    def was_trained_on(self, X: Any) -> NDArray:
        """Whether `fit` was given these very images, with votes.

        Those that `validation_fraction` holds out are among them. Posteriors of such galaxies are
        too narrow, and tell nothing about those of others.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        trained_on : ndarray of bool of shape (n_galaxies,)

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        check_is_fitted(self)
        X = self._check_like_those_of_fit(X)
        return np.isin(image_digests(X, np.arange(len(X))), self._trained_on)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """D², the fraction of binomial deviance explained: 1 is best, 0 is the mean.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.
        y, sample_weight
            Votes, as in `fit`.

        Returns
        -------
        score : float
            `skgalaxy.metrics.d2_binomial_score` of `predict`.
        """
        return d2_binomial_score(y, self.predict(X), sample_weight)

    def _check_parameters(self) -> None:
        if self.network is not None and not callable(self.network):
            raise TypeError(
                "`network` must be None or a callable network(image_shape, dropout=...) that "
                f"returns a keras.Model. Got {self.network!r}."
            )
        check_choice(self.likelihood, "likelihood", tuple(LIKELIHOODS))
        check_float(self.dropout, "dropout", 0, 1, closed="left")
        check_int(self.n_networks, "n_networks", 1)
        check_int(self.n_draws, "n_draws", 1)
        check_int(self.epochs, "epochs", 1)
        check_int(self.batch_size, "batch_size", 1)
        check_float(self.learning_rate, "learning_rate", 0, math.inf, closed="neither")
        check_choice(self.schedule, "schedule", ("constant", *SCHEDULES))
        check_choice(self.precision, "precision", ("auto", "float32", "bfloat16"))
        check_float(self.validation_fraction, "validation_fraction", 0, 1, closed="left")
        check_callbacks(self.callbacks)
        for name in ("augment", "warm_start", "verbose"):
            check_bool(getattr(self, name), name)

    def _image_blocks(self, X: Any) -> Iterator[Any]:
        """Blocks of images like those of `fit`; raises ValueError now if X holds no such images."""
        if is_batched(X):
            return (self._check_like_those_of_fit(batch) for batch in blocks_ahead(X))
        return blocks_ahead(self._check_like_those_of_fit(X))

    def _check_like_those_of_fit(self, X: Any) -> Any:
        return check_images(self, X, self._ensemble.architecture.image)
