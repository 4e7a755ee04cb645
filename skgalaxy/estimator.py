"""`BayesianCNNRegressor` learns vote fractions from images and votes, and predicts posteriors.

It trains a convolutional network with dropout on the likelihood of k yes among N votes. Dropout
stays on at prediction: each set of dropout masks makes a slightly different network of the trained
one. D of them are draws from the posterior over networks (Monte-Carlo dropout: Gal & Ghahramani
2016; for counts of votes Walmsley et al. 2020, arXiv:1905.07424)::

    p(k | image, N) = (1/D) Σ_d Bin(k; N, ρ_d(image))

The masks are drawn once, from `random_state`, and are the same for all galaxies. A prediction
therefore does not depend on batch size, order or chunking, except for float32 rounding.

The data take these steps:

1. `fit` checks X and y and turns them into a `TrainingSet`.
2. It builds networks of one `Architecture`, and trains them one after the other on batches of
   (images, [k, N]).
3. It keeps the trained networks as arrays, in an `Ensemble`.
4. `predict_posterior` computes the outputs of the drawn networks (`skgalaxy.networks.dropout`),
   and the likelihood turns these into a `VotePosterior`.
"""

import copy
import math
import os
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scikeras.wrappers import KerasRegressor
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm
from tqdm.keras import TqdmCallback

from skgalaxy import __version__
from skgalaxy._pools import blocks_ahead, is_batched, n_rows
from skgalaxy._validation import check_bool, check_choice, check_float, check_int
from skgalaxy.exceptions import NoSpreadWarning, NoVotesWarning
from skgalaxy.likelihoods import LIKELIHOODS, TreeLikelihood
from skgalaxy.likelihoods.counts import check_tree
from skgalaxy.metrics import d2_binomial_score, d2_tree_score
from skgalaxy.networks._given import check_builder
from skgalaxy.networks._runtime import fastest_precision
from skgalaxy.networks.architecture import Architecture, GalaxyZooNetwork
from skgalaxy.networks.ensemble import Ensemble
from skgalaxy.networks.posteriors import POSTERIORS, check_last_layer
from skgalaxy.networks.rows import ImageSpec, check_images, image_shape_of
from skgalaxy.networks.schedule import (
    SCHEDULES,
    auto_epochs,
    auto_rate,
    check_epochs,
    refuse_two_schedules,
    schedule_callbacks,
)
from skgalaxy.networks.trained import (
    Callbacks,
    Seeds,
    check_callbacks,
    refuse_to_watch,
)
from skgalaxy.networks.training_set import TrainingSet, VoteBatches, image_digests
from skgalaxy.networks.views import check_n_views
from skgalaxy.persistence import save
from skgalaxy.persistence._model import warn_of_version
from skgalaxy.posterior import VotePosterior
from skgalaxy.tree_posterior import TreePosterior
from skgalaxy.votes import DecisionTree

__all__ = ["BayesianCNNRegressor"]

_BAR_AFTER = 5  # seconds: a pool that is scored in blocks has a bar of its own

_ValidationData = tuple[Any, ArrayLike] | tuple[Any, ArrayLike, ArrayLike | None]


class BayesianCNNRegressor(RegressorMixin, BaseEstimator):
    """Bayesian convolutional network for vote fractions, learned from k of N votes.

    You give `fit` images and votes, for example "32 of 40 volunteers saw a bar". For other images
    `predict` gives the vote fraction to expect, and `predict_posterior` how sure of it the network
    is. The estimator keeps scikit-learn's rules, so you can use it in pipelines and grid searches.

    The defaults are the likelihood and the posterior as published. They are too sure: their 90 %
    intervals held 53 to 74 % of the votes of four data sets (``benchmarks/recommended.py``). For
    error bars take `skgalaxy.recommended`.

    Parameters
    ----------
    network : "galaxies" or callable, default=None
        Builds the network. With None you get `skgalaxy.networks.GalaxyZooNetwork`, the network of
        Walmsley et al. 2020, with random weights. "galaxies" is the same network, but it has seen
        simulated galaxies: it needs fewer votes on yours. Your pictures must be square, and it
        looks at them in 64 x 64 pixels. If you give your own, ``network(image_shape,
        dropout=...)`` must return a functional or Sequential ``keras.Model`` from images of
        `image_shape` to one logit (no sigmoid).
    likelihood : {"binomial", "beta_binomial"}, default="binomial"
        Scatter of the votes on a galaxy about the vote fraction that a network predicts. With
        "binomial" they scatter like tosses of a coin. With "beta_binomial" they scatter more, and
        training finds out how much more: it learns one concentration for all galaxies, or one for
        each if `network` gives its logarithm as a second output. Choose "beta_binomial" if the
        posterior is too narrow, for example on real galaxies. With a `tree` the votes on each of
        its questions are multinomial, or Dirichlet-multinomial with a concentration per question.
    tree : DecisionTree, default=None
        Questions that the votes answer, for example `skgalaxy.votes.GZ2`. None is one yes/no
        question. With a tree one network learns all its questions, and `predict_posterior` gives a
        `skgalaxy.TreePosterior`.
    dropout : float in [0, 1), default=0.5
        Share of features that dropout switches off, in training and in prediction. A higher rate
        makes the drawn networks differ more. With 0 all draws of one network are equal, so keep it
        above 0 unless you train several networks.
    n_networks : int, default=1
        Number of networks to train, from different weights and with the images in different
        orders. Several make an ensemble, which costs that many times as much. Networks that were
        trained apart disagree where the draws of a single one do not. Try 5 if you can afford the
        time.
    n_draws : int, default=50
        Number of dropout draws from each trained network. The posterior has `n_networks` x
        `n_draws` draws. More of them rank galaxies better and cost little; you can raise the
        number after `fit`, for example to 1000.
    posterior : {"dropout", "last_layer"}, default="dropout"
        How networks are drawn. "dropout" switches features off at random, as published. With
        "last_layer" all draws share the trained network, except for its last layer, a logistic
        regression on features. Each draw has other weights there, of those that the votes of the
        training set allow. These draws differ more on galaxies unlike any that the network has
        seen, and need no dropout. You can change it after `fit`.
    n_views : {1, 4, 8}, default=1
        Number of views of every image to average over in prediction. 8 views are its turns by 90
        degrees, each of them mirrored, too. A galaxy is the same in all of them, and the average
        errs less, but takes that many times as long. Images that are not square have 4 at most.
        Keep it 1 if your images have an up, that is, with ``augment=False``. You can change it
        after `fit`.
    epochs : int or "auto", default="auto"
        Number of passes over the training set. An epoch has (galaxies / `batch_size`) training
        steps. "auto" takes about 250 sqrt(galaxies) steps in all: 2,000 for 64 galaxies, 6,000 for
        600. ``network="galaxies"`` takes half as many, a `tree` of several questions twice as
        many. With `warm_start`, see there.
    batch_size : int, default=16
        Number of galaxies per training step. If you raise it, raise a number of `epochs` too,
        because an epoch then has fewer steps. Lower it if large images do not fit in memory.
    learning_rate : float > 0, default=1e-3
        Step size of Adam, the optimiser. Lower it, for example to 1e-4, if `fit` reports that
        training diverged.
    schedule : {"cosine", "constant"}, default="cosine"
        Course of the learning rate. With "cosine" it falls from `learning_rate` to almost zero
        over the steps of one `fit`, along half a cosine wave. With "constant" it stays as it is:
        choose this if, for example, a callback of yours is to lower it.
    augment : bool, default=True
        In training, show every image flipped, turned by any angle and zoomed by up to 20 %, each
        time in another way. Set it to False if your images have an up or a scale that matters, for
        example if they show clothes. Flat rows without an `image_shape` are never changed.
    precision : {"float32", "bfloat16", "auto"}, default="float32"
        Type of the numbers that the network computes with. "bfloat16" takes about half the time
        to train, on a processor that multiplies such numbers natively. With "auto" you get it on
        those processors and float32 elsewhere; `fit` chooses, and the fitted network keeps the
        choice. Weights, losses and the output layer are always float32.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) in pixels, for images that come as flat rows
        of X. Give it if, for example, an earlier step of your Pipeline needs flat rows. With None
        flat rows are plain features, not pixels. Images that are not flat need no `image_shape`.
    validation_fraction : float in [0, 1), default=0
        Share of the images that `fit` does not train on. It computes their loss after every epoch,
        as "val_loss" in `history_` and for your `callbacks`. Give 0.1, for example, if a callback
        is to stop training early. The price: these images teach the network nothing.
    callbacks : list of keras.callbacks.Callback, default=None
        Keras callbacks to use in training, for example ``keras.callbacks.EarlyStopping()``. Every
        network is trained with shallow copies (`copy.copy`), so yours stay as they are. A copy
        holds the very objects that its callback holds, for example a trial of Optuna or a list.
    warm_start : bool, default=False
        Let the next `fit` start from the weights of the last one, not from new ones. Use it to go
        on training when more galaxies have votes; give the earlier ones, too, or the network
        forgets them. With ``epochs="auto"`` such a fit is short: it takes the steps that the new
        galaxies add, 250 (sqrt(galaxies) - sqrt(earlier ones)) and at least 200, at a third of
        `learning_rate`; twice as many with a `tree` of several questions. The network must stay
        the same.
    verbose : bool, default=False
        Show a progress bar in training, and in predictions that take longer than 5 seconds.
    random_state : int, RandomState or None, default=None
        Seed of weights, order of the images, changes by `augment`, and dropout masks. Give an
        integer to get the same results again. Python's and NumPy's global random states stay as
        they are; a `network` of yours that draws from them must seed what it draws.

    Attributes
    ----------
    network_ : scikeras.wrappers.KerasRegressor
        A copy of the trained network, made whenever you ask for it. ``network_.model_`` is its
        Keras model, from X to logits (and logarithms of concentrations). For an ensemble it is the
        first network.
    history_ : dict of list
        One number per epoch under each name. "loss" is the mean over galaxies of the negative
        log-likelihood of their votes, in nats, without its constant log C(N, k). "val_loss" is the
        same for galaxies held out; "learning_rate" is there if a `schedule` changes it. For an
        ensemble each number is the mean over networks.
    n_iter_ : int
        Number of epochs trained.
    image_shape_ : tuple
        (height, width, channels), or (n_features,) for plain features.
    not_learned_ : tuple of str
        Questions of the `tree` on which there was no vote to learn from. Predictions of them are
        NaN, so that nobody takes the chance numbers of the network for an answer.
    n_features_in_ : int
        Number of values per galaxy, for example height x width x channels.

    See Also
    --------
    skgalaxy.recommended : The same with calibrated error bars.
    skgalaxy.VotePosterior : Result of `predict_posterior`.
    skgalaxy.query.joint_variance_sampling : Picks the galaxies to ask volunteers about.

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

    history_: dict[str, list[float]]
    n_iter_: int
    image_shape_: tuple[int, ...]
    not_learned_: tuple[str, ...]
    n_features_in_: int
    feature_names_in_: NDArray[Any]  # only after a fit to a table
    _PRIVATE = frozenset({"_ensemble", "_trained_on"})  # kept by `_saved`

    def __init__(
        self,
        *,
        network: Literal["galaxies"] | Callable[..., Any] | None = None,
        likelihood: Literal["binomial", "beta_binomial"] = "binomial",
        tree: DecisionTree | None = None,
        dropout: float = 0.5,
        n_networks: int = 1,
        n_draws: int = 50,
        posterior: Literal["dropout", "last_layer"] = "dropout",
        n_views: Literal[1, 4, 8] = 1,
        epochs: int | Literal["auto"] = "auto",
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        schedule: Literal["constant", "cosine"] = "cosine",
        augment: bool = True,
        precision: Literal["float32", "bfloat16", "auto"] = "float32",
        image_shape: tuple[int, ...] | None = None,
        validation_fraction: float = 0,
        callbacks: list[Any] | tuple[Any, ...] | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        random_state: np.random.RandomState | int | None = None,
    ) -> None:
        # Only stored: scikit-learn's `clone` wants them unchanged, and `set_params` does not come
        # by here. `fit` checks them.
        self.network: Literal["galaxies"] | Callable[..., Any] | None = network
        self.likelihood = likelihood
        self.tree: DecisionTree | None = tree
        self.dropout = dropout
        self.n_networks = n_networks
        self.n_draws = n_draws
        self.posterior: Literal["dropout", "last_layer"] = posterior
        self.n_views: Literal[1, 4, 8] = n_views
        self.epochs: int | Literal["auto"] = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.augment = augment
        self.precision: Literal["float32", "bfloat16", "auto"] = precision
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
        validation_data: _ValidationData | None = None,
    ) -> Self:
        """Train the network on images and votes.

        Parameters
        ----------
        X : array-like of shape (n_galaxies, h, w), (n_galaxies, h, w, c) or (n_galaxies, n)
            Images, uint8 or any finite numbers. You need not scale them: the network subtracts the
            mean of the training images and divides by their standard deviation, channel by
            channel. A broken pixel of 1e5 changes neither, because images that scatter 30 times
            more than the median image are left out of both. Pixels beyond 100 standard deviations
            are clipped. Memory maps, Zarr and HDF5 arrays may be larger than memory, because they
            are read batch by batch.
        y : array-like of shape (n_galaxies, 2) or (n_galaxies,)
            Counts [k, N], such as [32, 40] if 32 of 40 volunteers said yes; or vote fractions
            in [0, 1]. A galaxy with a masked value has no votes. With a `tree`: counts of all its
            answers, (n_galaxies, n_answers) in the order of ``tree.columns``, or a table with these
            columns. Where nobody was asked a question its counts are 0; where it is not known how
            a question was answered they are NaN. A question without any vote is not learned; a
            `skgalaxy.exceptions.NoVotesWarning` names it.
        sample_weight : array-like of shape (n_galaxies,), default=None
            For fractions, the number of votes N behind each (default 1). For counts, a factor on
            the log-likelihood of each galaxy. Galaxies without votes or weight are left out. Rows
            with the same image are joined, so that a weight of 3 equals three such rows.
        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Other galaxies on which to compute the loss after every epoch; see `history_`. If you
            give them, `validation_fraction` is not used. Transform these images yourself: a
            Pipeline does not.

        Returns
        -------
        self : BayesianCNNRegressor

        Raises
        ------
        ValueError
            If X, y, `sample_weight` or a parameter is out of range or has a wrong shape, before
            any training; or if training diverges.
        TypeError
            If a parameter has a wrong type.
        """
        self._check_parameters()
        # beside `validation_data`, images held out would be lost to training for nothing
        fraction = 0 if validation_data is not None else self.validation_fraction
        if validation_data is None and fraction == 0:
            refuse_to_watch(self.callbacks)
        return self._train(
            X,
            y,
            sample_weight,
            validation_data,
            before=getattr(self, "_ensemble", None) if self.warm_start else None,
            epochs=self.epochs,
            schedule=self.schedule,
            validation_fraction=fraction,
            finds_last_layer=True,
        )

    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one more epoch on `X` and `y`, from the present weights.

        Call it as often as you like. No image is held out, and the learning rate is constant.

        Parameters
        ----------
        X, y, sample_weight
            Images and votes, as in `fit`.

        Returns
        -------
        self : BayesianCNNRegressor

        Raises
        ------
        ValueError, TypeError
            As in `fit`.
        """
        before = getattr(self, "_ensemble", None)
        return self._train(
            X,
            y,
            sample_weight,
            before=before,
            epochs=1,
            schedule="constant",  # a rate that falls within every call would never be low for long
            validation_fraction=0,
            finds_last_layer=False,  # the galaxies of earlier calls are not known any more
        )

    def _train(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        validation_data: _ValidationData | None = None,
        *,
        before: Ensemble | None,
        epochs: int | Literal["auto"],
        schedule: str,
        validation_fraction: float,
        finds_last_layer: bool,
    ) -> Self:
        """Check, build, train, keep. `before` is the ensemble to go on from, if any."""
        self._check_parameters()
        # scikit-learn's checks note the names of features on an estimator. They get a copy, so that
        # a fit that fails leaves this estimator as it was.
        checked = copy.copy(self)
        like = before.architecture.image if before else None
        X = check_images(checked, X, like)
        image_shape = like.image_shape if like else image_shape_of(X.shape[1:], self.image_shape)
        check_n_views(self.n_views, image_shape, augment=self.augment)
        images = TrainingSet.of(X, y, sample_weight, self.tree)
        seeds = self._seeds(before)
        # one split for the whole ensemble: no network may learn an image held out from the others
        training, held_out = images.split(validation_fraction, seeds[0].order)
        # going on keeps the first mean and standard deviation: the weights have adapted to them
        image = like or training.measure(image_shape)
        validation = checked._validation_batches(validation_data, held_out, image)

        ensemble = Ensemble.of(self._architecture(image), seeds, before)
        # a last layer is of the votes at hand: what earlier ones told is forgotten
        is_new = self.posterior == "last_layer" and finds_last_layer
        not_learned = self._not_learned(training, None if is_new else before)
        if self.posterior == "last_layer" and finds_last_layer:
            check_last_layer(ensemble.networks[0], training)

        rate = self.learning_rate
        if epochs == "auto":
            from_trunk = ensemble.architecture.from_trunk
            n_known = int(np.isin(training.digests, self._trained_on).sum()) if before else 0
            epochs = auto_epochs(
                len(training),
                self.batch_size,
                from_trunk=from_trunk,
                n_known=n_known,
                n_questions=1 if self.tree is None else len(self.tree.questions),
            )
            rate = auto_rate(rate, n_known)
        n_steps = epochs * math.ceil(len(training) / self.batch_size)
        trained, interrupt = ensemble.train(
            training,
            validation,
            batch_size=self.batch_size,
            epochs=epochs,
            learning_rate=rate,
            callbacks=partial(self._callbacks, schedule, rate, n_steps),
        )

        if trained:
            # an ensemble that goes on still knows the images of earlier fits
            seen = self._trained_on if before else []
            if finds_last_layer:
                trained = trained.with_last_layers(training)
            self._keep(checked, trained, np.union1d(seen, images.digests), not_learned)
        if interrupt:
            raise interrupt  # only now, so that Ctrl-C does not cost the finished epochs
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

    def _not_learned(self, training: TrainingSet, before: Ensemble | None) -> tuple[str, ...]:
        """Questions without a vote, now or in what `before` has learned; a warning names them."""
        if self.tree is None:
            return ()
        total_A = training.votes[:, :-1].sum(axis=0)
        found = [q for q, here in self.tree.slices.items() if not total_A[here].any()]
        found = tuple(q for q in found if before is None or q in self.not_learned_)
        if found:
            warnings.warn(
                f"`y` has no votes to learn from on {', '.join(found)}: predictions of these "
                "questions are NaN.",
                NoVotesWarning,
                stacklevel=4,  # the line that calls fit or partial_fit
            )
        return found

    def _validation_batches(
        self, validation_data: _ValidationData | None, held_out: TrainingSet, image: ImageSpec
    ) -> VoteBatches | None:
        """Batches to compute "val_loss" on: `validation_data` if given, else those held out."""
        if validation_data is None:
            return held_out.batches(self.batch_size) if len(held_out) else None
        is_sequence = isinstance(validation_data, tuple | list)
        if not is_sequence or len(validation_data) not in (2, 3):
            got = type(validation_data).__name__
            raise ValueError(
                "`validation_data` must be (X, y) or (X, y, sample_weight). "
                f"Got {f'{got} of length {len(validation_data)}' if is_sequence else got}."
            )
        X, y, *weight = validation_data
        X = check_images(copy.copy(self), X, image)
        return TrainingSet.of(X, y, *weight, tree=self.tree).batches(self.batch_size)

    def _architecture(self, image: ImageSpec) -> Architecture:
        """Recipe of the networks, from the parameters."""
        network = self.network
        if not callable(network):  # a name, or None
            network = GalaxyZooNetwork(weights=network)
        return Architecture(
            # a clone: later changes of the parameter must not reach the fitted network.
            # safe=False: a plain function is no estimator, and is taken as it is
            network=clone(network, safe=False),
            likelihood=self.likelihood,
            tree=self.tree,
            image=image,
            dropout=self.dropout,
            augment=self.augment,
            # settled here: a fitted network keeps its precision on every machine
            precision=fastest_precision() if self.precision == "auto" else self.precision,
        )

    def _callbacks(self, schedule: str, rate: float, n_steps: int) -> Callbacks:
        """New callbacks for one network: of the schedule, copies of the user's, and a bar."""
        course = schedule_callbacks(schedule, rate, n_steps)
        bar = [TqdmCallback(verbose=0)] if self.verbose else []  # 0: no second bar of batches
        # copies: callbacks hold state, for example EarlyStopping its best loss, and `fit` must
        # not change a parameter. Shallow ones: what a callback was given, for example a trial of
        # Optuna or an open file, is what it must reach
        return [*course, *map(copy.copy, self.callbacks or []), *bar]

    def _keep(
        self,
        checked: Self,
        ensemble: Ensemble,
        trained_on: NDArray[np.bytes_],
        not_learned: tuple[str, ...],
    ) -> None:
        """Store the trained ensemble, and the names of features noted on `checked`."""
        self._ensemble, self._trained_on = ensemble, trained_on
        self.not_learned_ = not_learned
        self.history_, self.n_iter_ = ensemble.history, ensemble.n_iter
        self.image_shape_ = ensemble.architecture.image.image_shape
        self.n_features_in_ = math.prod(self.image_shape_)
        # names of an earlier fit to a table must not outlive a fit to an array
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(checked, "feature_names_in_"):
            self.feature_names_in_ = checked.feature_names_in_

    @property
    def network_(self) -> KerasRegressor:
        """Copy of the trained network as a scikeras regressor, from X to logits."""
        check_is_fitted(self)
        network = KerasRegressor(self._ensemble.networks[0].to_keras())
        image = self._ensemble.architecture.image
        # scikeras learns shapes and types from example data; their values do not matter
        return network.initialize(np.zeros((2, *image.shape), image.dtype), np.zeros((2, 1)))

    def __getstate__(self) -> dict[str, Any]:
        # scikit-learn notes its own version only
        return {**super().__getstate__(), "_skgalaxy_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        warn_of_version(type(self).__name__, state.pop("_skgalaxy_version", "unknown"))
        super().__setstate__({"not_learned_": (), **state} if "_ensemble" in state else state)
        if "_ensemble" in vars(self):
            self._ensemble.check()

    def save(self, path: str | os.PathLike[str], *, metadata: dict[str, Any] | None = None) -> None:
        """Write this fitted estimator to a file that runs no code when it is read.

        Parameters
        ----------
        path, metadata
            The file, and your notes, as in `skgalaxy.save`. `skgalaxy.load` reads the file.
        """
        save(self, path, metadata=metadata)

    def _saved(self) -> dict[str, Any]:
        """Learned state, for `skgalaxy.save`."""
        if not self.__sklearn_is_fitted__():
            return {}
        self._check_parameters()  # as `load` will: what it would refuse must not be written
        saved = {"ensemble": self._ensemble.saved(), "trained_on": self._trained_on}
        if self.not_learned_:  # an older skgalaxy reads a file without
            saved["not_learned"] = self.not_learned_
        if hasattr(self, "feature_names_in_"):
            saved["feature_names_in_"] = self.feature_names_in_
        return saved

    def _restore(
        self,
        *,
        ensemble: dict[str, Any],
        trained_on: NDArray[np.bytes_],
        not_learned: tuple[str, ...] = (),
        feature_names_in_: NDArray[Any] | None = None,
    ) -> None:
        """Take the state of `_saved` back."""
        self._check_parameters()
        restored = Ensemble.restored(**ensemble)
        restored.check()
        self._keep(self, restored, trained_on, not_learned)
        if feature_names_in_ is not None:
            self.feature_names_in_ = feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_ensemble")

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> NDArray[np.float64]: ...
    @overload
    def predict(
        self, X: Any, return_std: Literal[True]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    @overload
    def predict(
        self, X: Any, return_std: bool
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def predict(
        self, X: Any, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Posterior mean of the vote fraction.

        Parameters
        ----------
        X : array-like or keras.utils.PyDataset
            Images of the size and type that you gave to `fit`, or batches of them.
        return_std : bool, default=False
            Return the posterior standard deviation, too.

        Returns
        -------
        mean : ndarray of shape (n_galaxies,)
            Vote fractions in [0, 1]. With a `tree` (n_galaxies, n_answers): the fraction of every
            answer among those who are asked its question; NaN in the questions `not_learned_`.
        std : ndarray of shape (n_galaxies,)
            Their standard deviations; only with ``return_std=True``.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If X is not finite, or if its images have another shape or type than those of `fit`.
        """
        posterior = self.predict_posterior(X)
        return (posterior.mean, posterior.std) if return_std else posterior.mean

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.tree is not None
        tags.target_tags.single_output = self.tree is None  # a tree has two answers at least
        return tags

    def sample_posterior(self, X: Any) -> NDArray[np.float64]:
        """Vote fraction that each drawn network predicts.

        These are the networks, not their error bars. With the beta-binomial likelihood a network
        expects votes to scatter about its vote fraction, and its concentration says how widely. An
        array of draws leaves that out and is surer than the posterior. So use `predict_posterior`
        for intervals and for `skgalaxy.acquisition`.

        Parameters
        ----------
        X : array-like or keras.utils.PyDataset
            Images, as in `predict`. Targets in a dataset are ignored. Images of a stored array,
            for example of Zarr, are read block by block, the next while this one is computed.

        Returns
        -------
        draws : ndarray of shape (n_galaxies, n_networks * n_draws)
            In [0, 1]. Column d is the same network for every galaxy and in every call. With a
            `tree` a last axis has all answers.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        return self.predict_posterior(X).draws

    def predict_posterior(self, X: Any) -> VotePosterior | Any:  # Any: a TreePosterior
        """Posterior of the vote fraction and of the votes.

        You can ask the result, for example, for the probability of every number of votes
        (``pmf``) or for an interval (``interval``).

        Parameters
        ----------
        X : array-like or keras.utils.PyDataset
            Images, as in `sample_posterior`.

        Returns
        -------
        posterior : VotePosterior
            With a `tree` a `skgalaxy.TreePosterior`.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        outputs = self._outputs(X)
        self._warn_if_draws_are_equal()
        likelihood = self._ensemble.architecture.votes.from_outputs(outputs)
        if isinstance(likelihood, TreeLikelihood):
            return TreePosterior(likelihood.without(self.not_learned_))
        return VotePosterior(likelihood)

    def _outputs(self, X: Any) -> NDArray[np.float32]:
        """Network outputs of all draws, shape (n_galaxies, n_networks * n_draws, P)."""
        check_is_fitted(self)
        n_draws = check_int(self.n_draws, "n_draws", 1)
        check_choice(self.posterior, "posterior", tuple(POSTERIORS))
        built = self._ensemble.architecture  # parameters may be others by now
        check_n_views(self.n_views, built.image.image_shape, augment=built.augment)
        images = self._image_blocks(X)
        outputs = []
        counted = {"total": n_rows(X), "desc": "posterior", "unit": "galaxy"}
        with tqdm(**counted, delay=_BAR_AFTER, disable=not self.verbose) as bar:
            for block in images:
                # Gal & Ghahramani 2016: dropout stays on, and each set of masks is a draw
                outputs.append(self._ensemble.outputs(block, n_draws, self.posterior, self.n_views))
                bar.update(len(block))
        return np.concatenate(outputs)

    def _warn_if_draws_are_equal(self) -> None:
        """Warn that a posterior has no spread."""
        if self._ensemble.draws_differ(self.n_draws, self.posterior):
            return
        hidden = self._ensemble.noisy_layers(self.n_draws)
        remedy = (
            f"put a keras.layers.Dropout in `network` (draws do not see into {hidden}), or set"
            if hidden
            else "set `dropout` > 0,"
        )
        warnings.warn(
            "The network has no active dropout: all draws are equal and mutual information "
            f"is 0 everywhere; {remedy} `n_networks` > 1 or "
            "`posterior='last_layer'` for a posterior.",
            NoSpreadWarning,
            stacklevel=3,  # the line that calls predict_posterior
        )

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Learned features of every image: the input of the network's first dropout layer.

        Without dropout it is that of the last layer. You can use features, for example, to find
        images that look alike.

        Parameters
        ----------
        X : array-like or keras.utils.PyDataset
            Images, as in `sample_posterior`.

        Returns
        -------
        features : ndarray of shape (n_galaxies, n_features)
            For an ensemble, the features of all networks side by side.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`, or if the network has no dropout and its last layer is not dense.
        """
        check_is_fitted(self)
        # any number of draws has the same features; for this one there may be a compiled model
        embed = partial(self._ensemble.embed, n_draws=self.n_draws)
        return np.concatenate([embed(block) for block in self._image_blocks(X)])

    def was_trained_on(self, X: Any) -> NDArray[np.bool_]:
        """Mask of the images that `fit` was given with votes, those held out included.

        Posteriors of these galaxies are too narrow, and do not show how the network does on
        others. You can drop them, for example before you measure coverage.

        Parameters
        ----------
        X : array-like
            Images, as in `predict`, but no batches.

        Returns
        -------
        trained_on : ndarray of bool of shape (n_galaxies,)
            True for an image that is equal to one of `fit`, pixel by pixel.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`.
        """
        return np.isin(self._digests(X), self._trained_on)

    def _digests(self, X: Any) -> NDArray[np.bytes_]:
        """One text per image; texts are equal if and only if the images are."""
        check_is_fitted(self)
        X = self._check_like_those_of_fit(X)
        return image_digests(X, np.arange(len(X)))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """D², the fraction of binomial deviance explained; with a `tree`, over all questions.

        1 is best. You would get 0 by predicting the mean vote fraction for every galaxy, and less
        for worse predictions.

        Parameters
        ----------
        X : array-like or keras.utils.PyDataset
            Images, as in `predict`.
        y : array-like of shape (n_galaxies, 2) or (n_galaxies,)
            Counts [k, N] or vote fractions, as in `fit`.
        sample_weight : array-like of shape (n_galaxies,), default=None
            As in `fit`; for fractions, the number of votes behind each.

        Returns
        -------
        score : float
            `skgalaxy.metrics.d2_binomial_score` of `predict`; with a `tree` `d2_tree_score`, in
            which the questions `not_learned_` explain nothing.

        Raises
        ------
        NotFittedError, ValueError
            As in `predict`, or if y is out of range or has a wrong shape.
        """
        if self._tree is not None:
            return d2_tree_score(self._tree, y, self.predict(X), sample_weight)
        return d2_binomial_score(y, self.predict(X), sample_weight)

    @property
    def _tree(self) -> DecisionTree | None:
        """Tree that the fitted networks answer."""
        check_is_fitted(self)
        return self._ensemble.architecture.tree

    def _check_parameters(self) -> None:
        """Raise ValueError or TypeError if a parameter is wrong."""
        check_builder(self.network)
        check_choice(self.likelihood, "likelihood", tuple(LIKELIHOODS))
        check_tree(self.tree)
        check_float(self.dropout, "dropout", 0, 1, closed="left")
        check_int(self.n_networks, "n_networks", 1)
        check_int(self.n_draws, "n_draws", 1)
        check_choice(self.posterior, "posterior", tuple(POSTERIORS))
        check_epochs(self.epochs)
        check_int(self.batch_size, "batch_size", 1)
        check_float(self.learning_rate, "learning_rate", 0, math.inf, closed="neither")
        check_choice(self.schedule, "schedule", ("constant", *SCHEDULES))
        check_choice(self.precision, "precision", ("auto", "float32", "bfloat16"))
        check_float(self.validation_fraction, "validation_fraction", 0, 1, closed="left")
        check_callbacks(self.callbacks)
        refuse_two_schedules(self.schedule, self.callbacks)
        for name in ("augment", "warm_start", "verbose"):
            check_bool(getattr(self, name), name)

    def _image_blocks(self, X: Any) -> Iterator[Any]:
        """Blocks of images like those of `fit`.

        An array is checked here and now, batches one by one as they are read.
        """
        if is_batched(X):
            return (self._check_like_those_of_fit(batch) for batch in blocks_ahead(X))
        return blocks_ahead(self._check_like_those_of_fit(X))

    def _check_like_those_of_fit(self, X: Any) -> Any:
        """X as an array; raises ValueError if its images are not like those of `fit`."""
        return check_images(self, X, self._ensemble.architecture.image)
