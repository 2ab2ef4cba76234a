import os
import subprocess
import sys
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
from digits.model.training import make_deterministic
from reader import networks, training
from reader.sections import Trained
from reader.training import Batch
from tests.repository import ROOT

RATE = {"CosineDecay": {"initial_learning_rate": 0.01, "decay_steps": "90%"}}
SECTION = Trained(seed=0, threads=2, steps=19, batch_size=4, examples=2, optimizer={"AdamW": {"learning_rate": RATE}})


def batch(step: int) -> Batch:
    random = np.random.default_rng(step)
    crops = random.normal(size=(4, 32, 32, 3)).astype(np.float32)
    return crops, np.eye(11, dtype=np.float32)[random.integers(11, size=4)]


def stopped_at(last: int) -> Callable[[int], Batch]:
    def stopping(step: int) -> Batch:
        if step >= last:
            raise KeyboardInterrupt
        return batch(step)

    return stopping


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def fit(folder: Path, batches: Callable[[int], Batch] = batch, section: Trained = SECTION) -> tuple[keras.Model, Path]:
    """Train a small classifier anew, as a stage does."""
    make_deterministic(section.seed)
    model = networks.classifier([4] * 5, units=6, dropout=0.3)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    return model, training.fit(model, loss, batches, section, folder, "classifier", Path(__file__))


# Two batches that tell the ranges of the exported network's integers.
EXAMPLES = [batch(0)[0], batch(1)[0]]


def values(model: keras.Model) -> NDArray[np.float32]:
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.float32]]:
    """The folder and the weights of a training that was not disturbed, with the exported network."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        model, _ = fit(folder)
    training.export(networks.as_probabilities(model), folder / "classifier.onnx", (None, 32, 32, 3), EXAMPLES)
    return folder, values(model)


def test_the_loss_of_each_tenth_is_written(whole: tuple[Path, NDArray[np.float32]]) -> None:
    rows = read_table(whole[0] / "plots" / "classifier.csv", "classifier", {"tenth": int, "loss": float})
    assert [row["tenth"] for row in rows] == list(range(1, 11))
    assert all(0 < row["loss"] < 10 for row in rows)


# Two steps make a tenth; the last case was stopped while its network was exported.
@pytest.mark.parametrize("last", [0, 7, 18, 20])
def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(
    whole: tuple[Path, NDArray[np.float32]], folder: Path, capsys: pytest.CaptureFixture[str], last: int
) -> None:
    if last == 20:
        fit(folder)
    else:
        # TensorFlow wraps what is raised in its threads.
        with pytest.raises((KeyboardInterrupt, tf.errors.UnknownError)):
            fit(folder, stopped_at(last))
    model, state = fit(folder)
    assert state.parent == folder / ".checkpoints"
    assert ("resuming after" in capsys.readouterr().out) == (last > 0)
    np.testing.assert_array_equal(values(model), whole[1])
    training.export(networks.as_probabilities(model), folder / "classifier.onnx", (None, 32, 32, 3), EXAMPLES)
    for name in ("classifier.onnx", "plots/classifier.csv"):
        assert (folder / name).read_bytes() == (whole[0] / name).read_bytes()


def test_a_damaged_state_is_not_used(
    whole: tuple[Path, NDArray[np.float32]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (state,) = (whole[0] / ".checkpoints").iterdir()
    damaged = folder / ".checkpoints" / state.name
    damaged.parent.mkdir()
    damaged.write_bytes(state.read_bytes()[:500])
    model, _ = fit(folder)
    assert f"warning: {damaged}: damaged" in capsys.readouterr().err
    np.testing.assert_array_equal(values(model), whole[1])


def test_a_loss_that_is_not_finite_is_blamed_on_the_optimizer(folder: Path) -> None:
    def broken(step: int) -> Batch:
        crops, labels = batch(step)
        return crops, labels * np.float32(np.nan)

    with pytest.raises(InputError) as raised:
        fit(folder, broken)
    assert str(raised.value) == (
        "reader/params.yaml: classifier.optimizer: the loss is nan in tenth 1; lower its learning rate"
    )


def test_an_unknown_optimizer_is_reported_with_its_section(folder: Path) -> None:
    section = SECTION.model_copy(update={"optimizer": {"Adan": {}}})
    with pytest.raises(InputError, match=r"^reader/params\.yaml: classifier\.optimizer: .*'Adan'; did you mean Adam"):
        fit(folder, section=section)


def test_an_exported_network_is_the_same_in_every_process_and_gives_the_same_as_keras(tmp_path: Path) -> None:
    # Python orders sets of names differently in each process.
    code = """if True:
        import sys
        from pathlib import Path
        import numpy as np
        from digits.model.training import make_deterministic
        from reader import networks, training
        make_deterministic(0)
        model = networks.as_peaks(networks.detector([4] * 5))
        images = np.random.default_rng(0).normal(size=(2, 48, 80, 2)).astype(np.float32)
        training.export(model, Path(sys.argv[1] + ".onnx"), (None, None, None, 2), [images])
        np.savez(sys.argv[1] + ".npz", images=images, expected=model(images).numpy())
    """
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, seed], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()
    session = onnxruntime.InferenceSession(tmp_path / "1.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    arrays = np.load(tmp_path / "1.npz")
    (output,) = session.run(None, {given.name: arrays["images"]})
    # Computed with integers of 8 bits.
    for part in (slice(1, 5), slice(5, None)):
        one, other = output[..., part], arrays["expected"][..., part]
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.98
