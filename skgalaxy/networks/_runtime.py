"""Number types, data sets and traces; the one module that asks TensorFlow itself."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import keras

__all__ = ["dataset_of", "fastest_precision", "predicting"]

_CPU_FLAGS = {"amx_bf16", "avx512_bf16"}  # x86: instructions that multiply bfloat16
_GPU_CAPABILITY = (8, 0)  # NVIDIA's Ampere and later


@cache
def fastest_precision() -> Literal["bfloat16", "float32"]:
    """Precision in which this machine computes fastest.

    That is "bfloat16" if the GPU multiplies it natively, or the CPU where there is no GPU; else
    "float32". You also get "float32" where nothing is known of the processor, for example of a CPU
    outside Linux, or of a GPU if Keras does not run on TensorFlow.

    Examples
    --------
    >>> from skgalaxy.networks._runtime import fastest_precision
    >>> fastest_precision() in ("bfloat16", "float32")
    True
    """
    gpus = keras.distribution.list_devices("gpu")
    native = _gpu_has_bfloat16() if gpus else bool(_CPU_FLAGS & _cpu_flags())
    return "bfloat16" if native else "float32"


def _gpu_has_bfloat16() -> bool:
    """True if all GPUs multiply bfloat16 natively, as far as TensorFlow knows."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf  # here, because under another backend it should not be loaded

    details = [
        tf.config.experimental.get_device_details(gpu)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    # all of them, because Keras may place the network on any
    return all(gpu.get("compute_capability", (0, 0)) >= _GPU_CAPABILITY for gpu in details)


def _cpu_flags(path: str | os.PathLike[str] = "/proc/cpuinfo") -> set[str]:
    """Flags of the first processor; none where the system does not list them."""
    file = Path(path)
    lines = file.read_text().splitlines() if file.exists() else []
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def dataset_of(
    read: Callable[[], Iterator[Any]], shapes: Iterable[tuple[tuple[int | None, ...], str]]
) -> Any:
    """TensorFlow's data set of the values of ``read()``; None if Keras runs on another backend.

    `shapes` are the shape and the type of every array of a batch.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    signature = tuple(tf.TensorSpec(shape, dtype) for shape, dtype in shapes)
    return tf.data.Dataset.from_generator(read, output_signature=signature).prefetch(
        tf.data.AUTOTUNE
    )


def predicting(model: keras.Model) -> keras.Model:
    """The same model, ready for ``predict_on_batch``."""
    # TensorFlow counts the traces of all models as if they were one, and warns in every search
    # over networks that this one was traced too often
    if keras.backend.backend() == "tensorflow":
        model.make_predict_function()
        model.predict_function._omit_frequent_tracing_warning = True
    return model
