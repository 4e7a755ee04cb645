"""Figures of every epoch of training: of several networks, and of one fit after another."""

import numpy as np


def mean_history(histories):
    """Return the mean over networks; of an epoch, over those that trained so long."""
    longest = max(len(history["loss"]) for history in histories)
    keys = dict.fromkeys(key for history in histories for key in history)
    padded = {
        key: [_padded(history[key], longest) for history in histories if key in history]
        for key in keys
    }
    return {key: np.nanmean(values, axis=0).tolist() for key, values in padded.items()}


def _padded(values, length):
    return values + [np.nan] * (length - len(values))


def joined_history(history, n_epochs, more, n_more):
    """Return `history` of so many epochs with `more` behind it; NaN where a figure is missing."""
    return {
        key: history.get(key, [np.nan] * n_epochs) + more.get(key, [np.nan] * n_more)
        for key in {**history, **more}
    }
