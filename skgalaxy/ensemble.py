"""Networks trained apart: other weights, other orders, other views; each with dropout draws.

Where dropout draws networks about one set of weights, networks that were trained apart end in
different ones (deep ensembles: Lakshminarayanan et al. 2017, arXiv:1612.01474; with dropout, as
in Walmsley et al. 2022, arXiv:2102.08414). Their draws stand side by side, M x D columns, and are
just draws. They share one architecture, hence one compiled model.
"""

from functools import partial

import numpy as np

from skgalaxy.compiled import TrainedNetwork

__all__ = ["Ensemble"]


class Ensemble:
    """M networks as arrays, and what their masks and orders are drawn from.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
    seeds : sequence of dict
        Seeds of "weights", "masks" and "order", one dict per network.
    """

    is_trained = True

    def __init__(self, networks, seeds):
        self.networks, self.seeds = list(networks), list(seeds)

    @classmethod
    def untrained(cls, build, seeds):
        """Return networks as ``build(seed=...)`` makes them."""
        ensemble = cls([TrainedNetwork(_seeded(build, seed)) for seed in seeds], seeds)
        ensemble.is_trained = False
        return ensemble

    def rebuilt(self, build):
        """Return the ensemble with another `build`, going on from the present states."""
        pairs = zip(self.networks, self.seeds, strict=True)
        return Ensemble([old.rebuilt(_seeded(build, seed)) for old, seed in pairs], self.seeds)

    def train(self, batches_of, keep, **training):
        """Train one network after the other and call ``keep(ensemble, histories)``.

        ``batches_of(seed)`` makes the batches of a network. Interrupted, networks that learned
        something are kept before the interrupt goes on, and those that had before.
        """
        trained, histories = [], []

        def keep_one(network, history):
            if not np.isfinite(history["loss"][-1]):
                raise ValueError(
                    f"Training diverged: the loss is {history['loss'][-1]} after "
                    f"{len(history['loss'])} epochs. Lower `learning_rate`."
                )
            trained.append(network)
            histories.append(history)

        try:
            for network, seed in zip(self.networks, self.seeds, strict=True):
                network.train(batches_of(seed), keep=keep_one, **training)
        except KeyboardInterrupt:
            if trained:
                every = trained + (self.networks[len(trained) :] if self.is_trained else [])
                keep(Ensemble(every, self.seeds[: len(every)]), histories)
            raise
        keep(Ensemble(trained, self.seeds), histories)

    def outputs(self, images, n_draws):
        """Return what all draws give, float32 of shape (n_galaxies, M * n_draws, n_outputs).

        Networks of an ensemble without dropout give one draw each.
        """
        if len(self.networks) > 1 and not self.has_dropout(n_draws):
            n_draws = 1
        pairs = zip(self.networks, self.seeds, strict=True)
        outputs = [network.outputs(images, n_draws, seed["masks"]) for network, seed in pairs]
        return np.concatenate(outputs, axis=1)

    def embed(self, images, n_draws):
        """Return the features of all trunks side by side, float32."""
        pairs = zip(self.networks, self.seeds, strict=True)
        features = [network.embed(images, n_draws, seed["masks"]) for network, seed in pairs]
        return np.concatenate(features, axis=1)

    def has_dropout(self, n_draws):
        """Return whether the networks have dropout."""
        return self.networks[0].has_spread(n_draws)

    def has_spread(self, n_draws):
        """Return whether draws differ."""
        return len(self.networks) > 1 or self.has_dropout(n_draws)


def _seeded(build, seed):
    return partial(build, seed=seed["weights"])
