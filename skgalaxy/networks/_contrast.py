"""Contrast: a network learns which two pictures are views of one galaxy (SimCLR).

Every picture of a batch is shown twice: turned, mirrored and zoomed, and as another camera might
have shown it. Each view has to find its twin among all views of the batch. What it needs for that
is what makes galaxies differ, and no votes (Chen et al. 2020, arXiv:2002.05709). The model is::

    images -> standardise -> two views -> network without its last layer -> projection -> losses

The projection and the last layer are thrown away. What stays is the *trunk*.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from skgalaxy.networks._building import build_apart
from skgalaxy.networks._given import build_network, check_trunk
from skgalaxy.networks.architecture import (
    RandomView,
    compile_in_float32,
    set_precision,
    standardised_input,
)
from skgalaxy.networks.rows import ImageSpec

__all__ = ["Contrast", "build_contrast"]

_TEMPERATURE = 0.2  # of the softmax over views; lower ones look at the most similar galaxies only
_ZOOM = 1.3
_UNITS = 128, 64  # of the projection


class Camera(layers.Layer):
    """Layer that shows each standardised picture as another camera might, in training only.

    Contrast, brightness, colour, sharpness and noise change at random.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, images: Any, training: bool | None = None) -> Any:
        if not training:
            return images
        n, n_bands = ops.shape(images)[0], images.shape[-1]
        drawn = self._uniform((4, n, 1, 1, 1))
        of_bands = self._uniform((2, n, 1, 1, n_bands))
        x = images + (0.25 + 0.5 * drawn[0]) * (_blurred(images) - images)  # below 0 it sharpens
        x = 1.3 ** drawn[1] * 1.1 ** of_bands[0] * x + 0.2 * drawn[2] + 0.1 * of_bands[1]
        noise = keras.random.normal(ops.shape(x), dtype="float32", seed=self.seed_generator)
        return x + 0.1 * (1 + drawn[3]) * noise

    def _uniform(self, shape: Any) -> Any:
        return keras.random.uniform(shape, -1, 1, dtype="float32", seed=self.seed_generator)


def _blurred(images: Any) -> Any:
    """Pictures after a kernel of 1 4 6 4 1 along both axes, band by band."""
    line = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.repeat(np.outer(line, line)[:, :, None, None], images.shape[-1], axis=2)
    return ops.depthwise_conv(
        images, kernel.astype(np.float32), padding="same", data_format="channels_last"
    )


class Contrast(layers.Layer):
    """Layer from projections to one loss for each picture.

    The first half of the rows are one view of every picture, the second half are the others.
    """

    def call(self, projected: Any) -> Any:
        rows = ops.normalize(projected, axis=-1)
        n_views = ops.shape(rows)[0]
        similar = ops.matmul(rows, ops.transpose(rows)) / _TEMPERATURE
        twin = ops.roll(ops.eye(n_views, dtype=similar.dtype), n_views // 2, axis=1)
        # a view is no twin of itself
        others = similar - 1e9 * ops.eye(n_views, dtype=similar.dtype)
        # Chen+2020 eq. 1
        losses = ops.logsumexp(others, axis=1) - ops.sum(twin * similar, axis=1)
        return ops.mean(ops.reshape(losses, (2, -1)), axis=0)


def build_contrast(
    network: Any, image: ImageSpec, precision: str, seed: int
) -> tuple[keras.Model, keras.Model]:
    """The network alone, and the compiled model to pretrain it in.

    Raises
    ------
    ValueError
        If `network` has no layers in front of its last one that could learn.
    """

    def build() -> tuple[keras.Model, keras.Model]:
        # without dropout: the two views differ enough
        built = build_network(network, image.image_shape, 0.0)
        check_trunk(built, image.image_shape)
        set_precision(built, precision)
        inputs, x = standardised_input(image)
        x = Camera()(RandomView(_ZOOM)(ops.concatenate([x, x])))
        trunk = keras.Model(built.inputs, built.layers[-1].input)
        x = layers.Flatten(dtype="float32")(trunk(x))
        for units, activation in zip(_UNITS, ("relu", None), strict=True):
            x = layers.Dense(units, activation)(x)
        model = keras.Model(inputs, Contrast()(x))
        compile_in_float32(model, keras.losses.MeanAbsoluteError(dtype="float32"))
        model.optimizer.build(model.trainable_variables)
        return built, model

    return build_apart(build, seed)
