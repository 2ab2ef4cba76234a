import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from digits.core.errors import InputError
from digits.core.symbols import DIGITS, Symbols
from digits.model import export, network, runtime
from tests.repository import ROOT

LAYERS: list[network.Spec] = [
    {"Conv2D": {"filters": 2, "kernel_size": 3}},
    {"BatchNormalization": {}},
    {"Flatten": {}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return network.build(LAYERS)


@pytest.mark.parametrize("form", export.SUFFIXES)
def test_an_exported_model_gives_the_same_probabilities(model: keras.Model, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"model{export.SUFFIXES[form]}"
    assert export.export(model, path, form) < 1e-5
    images = np.random.default_rng(1).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(export.open_exported(path, form)(images), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU"])
def test_a_network_with_a_loop_is_exported(tmp_path: Path, name: str) -> None:
    model = network.build([{"Reshape": {"target_shape": [28, 28]}}, {name: {"units": 4}}, LAYERS[-1]])
    assert export.export(model, tmp_path / "model.onnx", "onnx") < 1e-5


def test_the_same_model_gives_the_same_onnx_bytes(model: keras.Model, tmp_path: Path) -> None:
    # Python orders sets of names differently in each process.
    network.save(model, tmp_path / "model.keras")
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "digits", "export", "model.keras", "--format", "onnx", "--out", f"{seed}.onnx"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}, check=True,
        )  # fmt: skip
    first = (tmp_path / "1.onnx").read_bytes()
    assert (tmp_path / "2.onnx").read_bytes() == first
    # tf2onnx and Keras count what they made before, which not only the seed may change.
    assert b"unk__" not in first
    assert b"__inference" not in first


def test_the_names_of_other_classes_are_kept_with_an_onnx_file(model: keras.Model, tmp_path: Path) -> None:
    export.export(model, tmp_path / "digits.onnx", "onnx")
    assert runtime.load(tmp_path / "digits.onnx")[1] == DIGITS
    letters = Symbols(classes=tuple("abcdefghiア"), fit="digit", polarity="light")
    export.export(model, tmp_path / "letters.onnx", "onnx", letters)
    assert runtime.load(tmp_path / "letters.onnx")[1] == letters


def test_an_export_with_other_probabilities_is_not_written(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "open_exported", lambda *_: lambda images: np.full((len(images), 10), 0.1))
    with pytest.raises(InputError, match=r"model\.tflite: the probabilities differ by"):
        export.export(model, tmp_path / "model.tflite", "tflite")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_overwritten(model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}: already exists")):
        export.export(model, tmp_path, "saved_model")
