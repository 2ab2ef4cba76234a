from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import read_table
from digits.model import backend
from reader import architectures, training
from reader.training import Batch, Training

RATE = {"CosineDecay": {"initial_learning_rate": 0.01, "decay_steps": "90%"}}
SECTION = Training(
    seed=0,
    steps=19,
    batch_size=4,
    virtual_batch_size=2,
    calibration_batches=2,
    optimizer={"AdamW": {"learning_rate": RATE}},
)


def batch(step: int) -> Batch:
    random = np.random.default_rng(step)
    crops = random.normal(size=(4, 32, 32, 5)).astype(np.float32)
    return crops, np.eye(13, dtype=np.float32)[random.integers(13, size=4)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def fit(batches: Callable[[int], Batch] = batch, section: Training = SECTION) -> NDArray[np.float32]:
    """Train a small classifier anew, as a stage does, and return its weights."""
    backend.make_deterministic(section.seed)
    model = architectures.classifier([4] * 5, [4] * 3, units=6, dropout=0.3)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    training.fit(model, loss, batches, section, "classifier", Path(__file__))
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


def test_a_training_that_was_stopped_goes_on_to_the_same_weights_and_losses(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "whole").mkdir()
    monkeypatch.chdir(folder / "whole")
    expected, curve = fit(), Path("reader/plots/classifier.csv").absolute()
    rows = read_table(curve, "classifier", {"tenth": int, "loss": float})
    assert [row["tenth"] for row in rows] == list(range(1, 11))
    monkeypatch.chdir(folder)

    def stopping(step: int) -> Batch:
        # Two steps make a tenth.
        if step >= 7:
            raise KeyboardInterrupt
        return batch(step)

    # TensorFlow wraps what is raised in its threads.
    with pytest.raises((KeyboardInterrupt, tf.errors.UnknownError)):
        fit(stopping)
    np.testing.assert_array_equal(fit(), expected)
    assert "resuming after tenth 3" in capsys.readouterr().out
    assert Path("reader/plots/classifier.csv").read_bytes() == curve.read_bytes()


def test_a_loss_that_is_not_finite_is_blamed_on_the_optimizer() -> None:
    def broken(step: int) -> Batch:
        crops, labels = batch(step)
        return crops, labels * np.float32(np.nan)

    message = r"^reader/params\.yaml: classifier\.optimizer: the loss is nan in tenth 1; lower its learning rate$"
    with pytest.raises(InputError, match=message):
        fit(broken)


def test_an_unknown_optimizer_is_reported_with_its_section() -> None:
    section = SECTION.model_copy(update={"optimizer": {"Adan": {}}})
    with pytest.raises(InputError, match=r"^reader/params\.yaml: classifier\.optimizer: .*'Adan'; did you mean Adam"):
        fit(section=section)


def test_an_exported_network_gives_nearly_what_keras_does(folder: Path) -> None:
    backend.make_deterministic(0)
    model = architectures.as_peaks(architectures.detector([4] * 5))
    images = np.random.default_rng(0).normal(size=(2, 48, 80, 2)).astype(np.float32)
    training.export(model, folder / "detector.onnx", (None, None, None, 2), [images])
    session = onnxruntime.InferenceSession(folder / "detector.onnx", providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: images})
    expected = model(images).numpy()
    # It computes with integers of 8 bits.
    for part in (slice(1, 5), slice(5, None)):
        assert np.corrcoef(output[..., part].ravel(), expected[..., part].ravel())[0, 1] > 0.98
