"""What the machine can do: the one place that asks TensorFlow itself."""

from functools import cache
from pathlib import Path

import keras

__all__ = ["fastest_precision"]

_CPU_FLAGS = {"amx_bf16", "avx512_bf16"}
_GPU_CAPABILITY = (8, 0)  # NVIDIA's Ampere and later


@cache
def fastest_precision():
    """Return "bfloat16" where the GPU, or without one the CPU, multiplies it natively.

    CPUs are known by Linux' list of their flags, GPUs where Keras runs on TensorFlow; of any
    other machine nothing is known, and it gets "float32".

    Examples
    --------
    >>> from skgalaxy.networks._runtime import fastest_precision
    >>> fastest_precision() in ("bfloat16", "float32")
    True
    """
    gpus = keras.distribution.list_devices("gpu")
    native = _gpu_has_bfloat16() if gpus else bool(_CPU_FLAGS & _cpu_flags())
    return "bfloat16" if native else "float32"


def _gpu_has_bfloat16():
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    details = [
        tf.config.experimental.get_device_details(gpu)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return all(gpu.get("compute_capability", (0, 0)) >= _GPU_CAPABILITY for gpu in details)


def _cpu_flags(path="/proc/cpuinfo"):
    """Return the flags of the first processor; none where the system does not list them."""
    file = Path(path)
    lines = file.read_text().splitlines() if file.exists() else []
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
