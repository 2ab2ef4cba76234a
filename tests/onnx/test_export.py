import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from digits.core.errors import InputError
from digits.core.task import DIGITS, Task
from digits.model import network
from digits.onnx import export, runtime
from tests.repository import ROOT

LAYERS: list[network.Spec] = [
    {"Conv2D": {"filters": 2, "kernel_size": 3}},
    {"BatchNormalization": {}},
    {"Flatten": {}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]
LETTERS = Task(classes=tuple("abcdefghiア"), fit="digit", polarity="light")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return network.build(LAYERS)


@pytest.mark.parametrize("form", export.SUFFIXES)
def test_an_exported_model_gives_the_same_probabilities(model: keras.Model, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"model{export.SUFFIXES[form]}"
    assert export.export(model, path, form) < 1e-5
    images = np.random.default_rng(1).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(export.open_exported(path, form)(images), expected, atol=1e-5)


def test_a_network_with_a_loop_is_exported(tmp_path: Path) -> None:
    model = network.build([{"Reshape": {"target_shape": [28, 28]}}, {"GRU": {"units": 4}}, LAYERS[-1]])
    assert export.export(model, tmp_path / "model.onnx", "onnx") < 1e-5


@pytest.mark.parametrize("task", [DIGITS, LETTERS])
def test_the_task_is_kept_with_an_onnx_file(model: keras.Model, tmp_path: Path, task: Task) -> None:
    export.export(model, tmp_path / "model.onnx", "onnx", task)
    assert runtime.load(tmp_path / "model.onnx")[1] == task


def test_the_same_model_gives_the_same_onnx_bytes_in_every_process(model: keras.Model, tmp_path: Path) -> None:
    export.export(model, tmp_path / "here.onnx", "onnx")
    network.save(model, tmp_path / "model.keras")
    # Python orders sets of names differently in each process, but for the seed.
    subprocess.run(
        [sys.executable, "-m", "digits", "export", "model.keras", "--format", "onnx", "--out", "there.onnx"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}, check=True,
    )  # fmt: skip
    assert (tmp_path / "here.onnx").read_bytes() == (tmp_path / "there.onnx").read_bytes()


def test_an_export_with_other_probabilities_is_not_written(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1)
    with pytest.raises(InputError, match=r"model\.tflite: the probabilities of the exported network differ by"):
        export.export(model, tmp_path / "model.tflite", "tflite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("layers", "form", "message"),
    [
        ([{"Activation": {"activation": "celu"}}, {"Flatten": {}}], "onnx", "ONNX has no Expm1, as activation needs"),
        ([{"Reshape": {"target_shape": [28, 28]}}, {"LSTM": {"units": 2}}], "tflite", "cannot be converted to tflite"),
    ],
)
def test_a_network_that_cannot_be_converted_is_refused_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], layers: list[network.Spec], form: str, message: str
) -> None:
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path))}/model: {message}") as caught:
        export.export(network.build([*layers, LAYERS[-1]]), tmp_path / "model", form)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_folder_is_not_overwritten(model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}: already exists")):
        export.export(model, tmp_path, "saved_model")
