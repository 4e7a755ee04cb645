"""Networks, on the way from images to draws: in this order.

================  =====================================================================
`rows`            rows of X as images: which arrays are taken
`training_set`    images with votes, each image once; held-out ones; batches
`architecture`    the paper's network, and the model that is trained around it
`losses`          a likelihood as a Keras loss
`trained`         a network as arrays: it trains, and goes on training
`ensemble`        networks trained apart
`dropout`         D networks drawn from a trained one
`_lending`        compiled models, lent to all networks of one architecture
`_runtime`        what the processor can do; the one module that imports TensorFlow
================  =====================================================================
"""

from skgalaxy.networks.architecture import GalaxyZooNetwork, RandomView
from skgalaxy.networks.dropout import DrawnNetworks
from skgalaxy.networks.losses import LikelihoodLoss

__all__ = ["DrawnNetworks", "GalaxyZooNetwork", "LikelihoodLoss", "RandomView"]
