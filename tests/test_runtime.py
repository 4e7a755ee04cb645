"""What the machine can do."""

import keras
import pytest
import tensorflow as tf
from conftest import small_parameters

from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks import _runtime


@pytest.fixture(autouse=True)
def _ask_again():
    _runtime.fastest_precision.cache_clear()
    yield
    _runtime.fastest_precision.cache_clear()


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("fpu avx512f avx512_bf16 fma", "bfloat16"),
        ("fpu amx_tile amx_bf16", "bfloat16"),
        ("fpu avx2 avx512f", "float32"),
    ],
)
def test_cpu(flags, precision, monkeypatch, tmp_path):
    listing = tmp_path / "cpuinfo"
    listing.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n\nprocessor\t: 1\n")
    read = _runtime._cpu_flags
    monkeypatch.setattr(_runtime, "_cpu_flags", lambda: read(listing))
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: [])
    assert _runtime.fastest_precision() == precision


def test_a_system_without_a_list_of_flags(tmp_path):
    assert _runtime._cpu_flags(tmp_path / "none") == set()
    (tmp_path / "empty").write_text("")
    assert _runtime._cpu_flags(tmp_path / "empty") == set()


@pytest.mark.parametrize(
    ("capability", "precision"), [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float32")]
)
def test_gpu(capability, precision, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: ["gpu:0"])
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda gpu: {"compute_capability": capability},
    )
    assert _runtime.fastest_precision() == precision


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_auto_is_settled_at_fit(precision, monkeypatch, toy):
    monkeypatch.setattr("skgalaxy.estimator.fastest_precision", lambda: precision)
    X, y, _ = toy
    model = BayesianCNNRegressor(precision="auto", **small_parameters()).fit(X, y)
    same = BayesianCNNRegressor(precision=precision, **small_parameters()).fit(X, y)
    monkeypatch.setattr("skgalaxy.estimator.fastest_precision", lambda: "another")
    assert (model.predict(X) == same.predict(X)).all()
    layers = model.network_.model_.layers[-1].layers
    assert {layer.compute_dtype for layer in layers[1:-1]} == {precision}
    assert layers[-1].compute_dtype == "float32"
