"""`BayesianCNNRegressor`: learn vote fractions from images and votes, predict full posteriors.

A convolutional network is trained on the binomial likelihood of k of N votes, with dropout. Each
set of dropout masks kept on at prediction makes another network, and D of them are a sample of
the posterior over networks (Monte-Carlo dropout: Gal & Ghahramani 2016; for vote counts Walmsley
et al. 2020, arXiv:1905.07424)::

    p(k | image, N) = (1/D) Σ_d Bin(k; N, ρ_d(image))

The fitted estimator *is* D networks: their masks are drawn once, from `random_state`, and shared
by all galaxies, so a prediction does not depend on batch size, order or chunking, but for float32
rounding.

The way of the data: `fit` checks X and y, builds a Keras model (`skgalaxy.networks`) inside a
scikeras ``KerasRegressor`` and feeds it batches of (images, [k, N]). `sample_posterior` replays
the trained network under the masks (`skgalaxy.sampling`) and returns ρ.
"""

import copy
import math
import warnings
from functools import partial

import numpy as np
from scikeras.wrappers import KerasRegressor
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from tqdm.auto import tqdm
from tqdm.keras import TqdmCallback

from skgalaxy import __version__
from skgalaxy._history import joined_history, mean_history
from skgalaxy._runtime import fastest_precision
from skgalaxy._validation import (
    check_bool,
    check_choice,
    check_float,
    check_int,
    check_weighted_votes,
)
from skgalaxy.batches import (
    ImageSpec,
    VoteBatches,
    as_rows,
    check_dtype,
    check_like,
    distinct_images,
    image_digests,
    image_shape_of,
    split_rows,
)
from skgalaxy.compiled import SCHEDULES, check_callbacks, schedule_callbacks
from skgalaxy.ensemble import Ensemble
from skgalaxy.exceptions import ModelVersionWarning, NoSpreadWarning
from skgalaxy.likelihoods import LIKELIHOODS
from skgalaxy.metrics import d2_binomial_score
from skgalaxy.networks import GalaxyZooNetwork, build_model
from skgalaxy.pools import blocks_ahead, is_batched, is_stored, n_rows
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
        network=None,
        likelihood="binomial",
        dropout=0.5,
        n_networks=1,
        n_draws=50,
        epochs=60,
        batch_size=32,
        learning_rate=1e-3,
        schedule="constant",
        augment=True,
        precision="float32",
        image_shape=None,
        validation_fraction=0,
        callbacks=None,
        warm_start=False,
        verbose=False,
        random_state=None,
    ):
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

    def fit(self, X, y, sample_weight=None, validation_data=None):
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
            X,
            y,
            sample_weight,
            self.epochs,
            resume=self.warm_start,
            validation_data=validation_data,
            validation_fraction=self.validation_fraction,
        )

    def partial_fit(self, X, y, sample_weight=None):
        """Go on training for one pass over all of `X`; arguments and errors as in `fit`."""
        return self._train(X, y, sample_weight, 1, resume=True)

    def _train(
        self, X, y, sample_weight, epochs, *, resume, validation_data=None, validation_fraction=0
    ):
        self._check_parameters()
        previous = getattr(self, "_ensemble", None) if resume else None
        checked = copy.copy(self)  # self changes when something was learned, and not before
        X, image_shape = checked._check_images(X, reset=previous is None)
        rows, votes, digests = _distinct_images(X, y, sample_weight)
        if previous and len(previous.seeds) != self.n_networks:
            raise ValueError(
                f"`n_networks` must stay as it was, {len(previous.seeds)}, to go on training. "
                f"Got {self.n_networks}; use `fit` with `warm_start=False`."
            )
        seeds = previous.seeds if previous else _draw_seeds(self.random_state, self.n_networks)
        kept, held_out = split_rows(len(rows), validation_fraction, seeds[0]["order"])
        spec = self._spec if previous else ImageSpec.measure(X, rows[kept], image_shape)
        if validation_data is not None:
            validation = checked._validation_batches(validation_data, spec)
        elif len(held_out):
            validation = VoteBatches(X, rows[held_out], votes[held_out], self.batch_size)
        else:
            validation = None
        build = self._builder(spec)
        ensemble = previous.rebuilt(build) if previous else Ensemble.untrained(build, seeds)
        n_iter, history = (self.n_iter_, self.history_) if previous else (0, {})
        seen = self._trained_on if previous else digests[:0]

        def batches_of(seed):
            seed = seed["order"] + n_iter
            return VoteBatches(X, rows[kept], votes[kept], self.batch_size, seed)

        def keep(trained, histories):
            more = mean_history(histories)
            more_epochs = len(more["loss"])
            self._ensemble, self._spec, self._likelihood = trained, spec, self.likelihood
            self._trained_on = np.union1d(seen, digests)
            self._take_features(checked)
            self.image_shape_, self.n_features_in_ = image_shape, math.prod(image_shape)
            self.history_ = joined_history(history, n_iter, more, more_epochs)
            self.n_iter_ = n_iter + more_epochs

        ensemble.train(
            batches_of,
            keep,
            validation=validation,
            epochs=epochs,
            learning_rate=self.learning_rate,
            callbacks=partial(self._callbacks, epochs),
        )
        return self

    def _take_features(self, checked):
        """Take the names of features that scikit-learn noted on the copy that was checked."""
        vars(self).pop("feature_names_in_", None)
        if hasattr(checked, "feature_names_in_"):
            self.feature_names_in_ = checked.feature_names_in_

    def _validation_batches(self, validation_data, spec):
        """Return batches of the validation set, checked as X, y and weights of `fit` are."""
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise ValueError(
                "`validation_data` must be (X, y) or (X, y, sample_weight). "
                f"Got {type(validation_data).__name__}."
            )
        X, y, *weight = validation_data
        X, _ = copy.copy(self)._check_images(X, reset=False, spec=spec)
        rows, votes, _ = _distinct_images(X, y, *(weight or [None]))
        return VoteBatches(X, rows, votes, self.batch_size)

    def _callbacks(self, epochs):
        """Return copies: a callback keeps what it saw, and `fit` changes no parameter."""
        course = schedule_callbacks(self.schedule, self.learning_rate, epochs)
        bar = [TqdmCallback(verbose=0)] if self.verbose else []
        return [*course, *copy.deepcopy(list(self.callbacks or [])), *bar]

    def _builder(self, spec):
        """Return what makes of a seed the model to train."""
        return partial(
            build_model,
            builder=_builder_of(self.network),
            likelihood=self.likelihood,
            spec=spec,
            dropout=self.dropout,
            augment=self.augment,
            precision=fastest_precision() if self.precision == "auto" else self.precision,
        )

    @property
    def network_(self):
        """The trained network, a KerasRegressor from X to logits; made anew when asked for."""
        check_is_fitted(self)
        network = KerasRegressor(self._ensemble.networks[0].to_keras())
        spec = self._spec
        return network.initialize(np.zeros((2, *spec.shape), spec.dtype), np.zeros((2, 1)))

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

    def predict(self, X, return_std=False):
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

    def sample_posterior(self, X):
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

    def _outputs(self, X):
        """Return what every drawn network gives, shape (n_galaxies, n_networks * n_draws, P)."""
        check_is_fitted(self)
        n_draws = check_int(self.n_draws, "n_draws", 1)
        images = self._image_blocks(X)
        outputs = []
        counted = {"total": n_rows(X), "desc": "posterior", "unit": "galaxy"}
        with tqdm(**counted, delay=_BAR_AFTER, disable=not self.verbose) as bar:
            for block in images:
                outputs.append(self._ensemble.outputs(block, n_draws))
                bar.update(len(block))
        if not self._ensemble.has_spread(n_draws):
            warnings.warn(
                "The network has no active dropout: all draws are equal and mutual information "
                "is 0 everywhere; set `dropout` > 0 or `n_networks` > 1 for a posterior.",
                NoSpreadWarning,
                stacklevel=3,
            )
        return np.concatenate(outputs)

    def predict_posterior(self, X):
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
        return VotePosterior(LIKELIHOODS[self._likelihood].from_outputs(outputs))

    def embed(self, X):
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

    def was_trained_on(self, X):
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
        X, _ = self._check_images(X, reset=False)
        return np.isin(image_digests(X, np.arange(len(X))), self._trained_on)

    def score(self, X, y, sample_weight=None):
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

    def _check_parameters(self):
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

    def _image_blocks(self, X):
        """Return blocks of images like those of `fit`; raise ValueError now if X is no such."""
        if is_batched(X):
            return (self._check_images(batch, reset=False)[0] for batch in blocks_ahead(X))
        return blocks_ahead(self._check_images(X, reset=False)[0])

    def _check_images(self, X, *, reset, spec=None):
        """Return X as an array whose rows are images, and its image shape.

        Rows are finite; those of a stored X are checked when they are read.
        """
        X = as_rows(X)
        check_dtype(X)
        if is_stored(X):
            self._check_array(np.asarray(X[:1]), reset=reset)
        else:
            X = self._check_array(X, reset=reset)
        if reset:
            return X, image_shape_of(X.shape[1:], self.image_shape)
        spec = self._spec if spec is None else spec
        check_like(X, spec)
        return X, spec.image_shape

    def _check_array(self, X, *, reset):
        """Return X as an array of finite numbers; check or note its features if it is a table."""
        if X.ndim <= 2:
            return validate_data(self, X, reset=reset)
        if reset:
            vars(self).pop("feature_names_in_", None)
        return check_array(X, allow_nd=True, input_name="X")


def _builder_of(network):
    """Return a builder that later changes of the parameter do not reach."""
    return GalaxyZooNetwork() if network is None else clone(network, safe=False)


def _draw_seeds(random_state, n_networks):
    """Return the seeds of weights, masks and the order of batches, for each network."""
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=(n_networks, 3))
    names = "weights", "masks", "order"
    return [dict(zip(names, map(int, row), strict=True)) for row in seeds]


def _distinct_images(X, y, sample_weight):
    """Return the rows of X that hold images with votes, each image once, votes and digests."""
    votes = np.stack(check_weighted_votes(y, sample_weight, n_rows(X)), axis=1)
    return distinct_images(X, votes, add_votes=np.shape(y)[1:] != (2,))
