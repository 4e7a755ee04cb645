"""Networks: from images and votes to draws.

The modules, in the order of the data:

================  =====================================================================
`rows`            checks of X: its rows as images
`training_set`    images with votes, each image once; images held out; batches
`architecture`    the paper's network, and the Keras model around it
`pretraining`     networks that learn from pictures without votes: how, in `_contrast`
`_shipped`        weights that come with the library, to start from
`losses`          likelihoods as Keras losses
`trained`         a network as arrays, which can be trained further
`ensemble`        several networks, each trained on its own
`dropout`         D networks drawn from a trained one
`_lending`        compiled models, shared by networks of one architecture
`_runtime`        the processor's number types; the one module that imports TensorFlow
================  =====================================================================

If you bring a network of your own, `GalaxyZooNetwork` is the example to start from.
"""

from skgalaxy.networks._pretrained import PretrainedNetwork
from skgalaxy.networks.architecture import GalaxyZooNetwork, RandomView
from skgalaxy.networks.dropout import DrawnNetworks
from skgalaxy.networks.losses import LikelihoodLoss
from skgalaxy.networks.pretraining import pretrain

__all__ = [
    "DrawnNetworks",
    "GalaxyZooNetwork",
    "LikelihoodLoss",
    "PretrainedNetwork",
    "RandomView",
    "pretrain",
]
