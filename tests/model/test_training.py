import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import read_table
from digits.core.params import Train
from digits.core.store import Dataset
from digits.model import backend, network, training
from digits.model.checkpoint import Row
from tests.repository import PARAMS, ROOT

LAYERS: list[network.Spec] = [
    # A bias has no gradient before a normalisation, but for rounding, which Adam would enlarge.
    {"Conv2D": {"filters": 4, "kernel_size": 5, "strides": 3, "use_bias": False}},
    {"BatchNormalization": {}},
    {"ReLU": {}},
    {"Flatten": {}},
    {"Dropout": {"rate": 0.5}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]
ADAM = {"Adam": {"learning_rate": 0.01}}
COSINE = {"CosineDecay": {"initial_learning_rate": 0.01, "decay_steps": "90%"}}
SECTION = Train.model_validate(
    {
        **PARAMS["train"],
        **{"network": LAYERS, "optimizer": ADAM, "batch_size": 16, "virtual_batch_size": 8, "epochs": 3},
    }
)


class KilledError(Exception):
    pass


class Killer(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a training after an epoch, counted from 1."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch + 1 == self.epoch:
            raise KilledError


class Lab:
    """Trainings in a folder, on two passes of forty images."""

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self.folder, self.dataset = folder, dataset
        self.passes = [folder / "00.npz", folder / "01.npz"]
        for number, path in enumerate(self.passes):
            store.save(path, dataset._replace(images=np.roll(dataset.images, number, axis=1)))

    def train(
        self, name: str, callbacks: Sequence[keras.callbacks.Callback] = (), **changes: Any
    ) -> tuple[keras.Model, list[Row]]:
        section = SECTION.model_copy(update=changes)
        # Keras numbers the layers of a process, and their names are in the file of a model.
        keras.utils.clear_session()
        backend.make_deterministic(section.seed)
        model = training.prepare(section, 40, 10, "CPU")
        curves, state = (self.folder / f"{name}.{kind}" for kind in ("tsv", "npz"))
        rows = training.train(model, section, self.passes, self.dataset, curves, state, callbacks)
        network.save(model, self.folder / f"{name}.keras")
        return model, rows

    def check_resuming(self, epoch: int, **changes: Any) -> None:
        """Check that a training killed after ``epoch`` ends with the same bytes as one that was not."""
        self.train("whole", **changes)
        with pytest.raises(KilledError):
            self.train("killed", [Killer(epoch)], **changes)
        self.train("killed", **changes)
        for kind in ("keras", "tsv"):
            whole, killed = ((self.folder / f"{name}.{kind}").read_bytes() for name in ("whole", "killed"))
            assert whole == killed


@pytest.fixture
def lab(tmp_path: Path, dataset: Dataset) -> Lab:
    return Lab(tmp_path, dataset)


def test_it_learns_and_writes_one_row_per_epoch(lab: Lab) -> None:
    _, rows = lab.train("a", epochs=15)
    assert [row["epoch"] for row in rows] == list(range(1, 16))
    assert rows[-1]["val_accuracy"] > 0.9
    assert rows[-1]["loss"] < rows[0]["loss"]
    kinds: dict[str, Callable[[str], float]] = {"epoch": int, **dict.fromkeys(training.COLUMNS[1:], float)}
    curves = [{column: row[column] for column in training.COLUMNS} for row in rows]
    assert read_table(lab.folder / "a.tsv", "train", kinds) == curves
    assert all(row["seconds"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("epoch", "keep", "optimizer"),
    [
        (2, "best", {"AdamW": {"learning_rate": COSINE}}),
        # The averages become the weights when the training ends, not before.
        (3, "last", {"Adam": {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.8}}),
    ],
)
def test_a_resumed_training_ends_with_the_same_bytes(lab: Lab, epoch: int, keep: str, optimizer: network.Spec) -> None:
    lab.check_resuming(epoch, keep=keep, optimizer=optimizer)


def train_elsewhere(lab: Lab, statement: str, prepare: str = "", threads: int = 2) -> None:
    """Run a ``statement`` about ``lab`` in a process of its own, with so many ``threads``."""
    code = f"""if True:
        import os
        from pathlib import Path
        from digits.core import store
        from digits.model import backend
        from digits.model.backend import tf
        from tests.model.test_training import Lab
        {prepare}
        backend.use({threads})
        lab = Lab(Path(), store.load(Path("00.npz"), "augment"))
        {statement}
    """
    subprocess.run(
        [sys.executable, "-c", code], cwd=lab.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )


TWO_DEVICES = """processor, = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)"""


@pytest.mark.slow
def test_the_number_of_cores_threads_and_devices_does_not_change_the_network(lab: Lab) -> None:
    train_elsewhere(lab, "lab.train('two')")
    if hasattr(os, "sched_setaffinity"):
        train_elsewhere(lab, "lab.train('one')", "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])")
        assert (lab.folder / "one.keras").read_bytes() == (lab.folder / "two.keras").read_bytes()
    train_elsewhere(lab, "lab.train('eight')", threads=8)
    assert (lab.folder / "eight.keras").read_bytes() == (lab.folder / "two.keras").read_bytes()
    check = "; assert model.distribute_strategy.num_replicas_in_sync == 2"
    train_elsewhere(lab, f"model, _ = lab.train('devices'){check}", TWO_DEVICES)
    weights = [network.load(lab.folder / f"{name}.keras")[0].get_weights() for name in ("two", "devices")]
    for two, devices in zip(*weights, strict=True):
        np.testing.assert_allclose(two, devices, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_training_on_two_devices_is_resumed_to_the_same_bytes(lab: Lab) -> None:
    train_elsewhere(lab, "lab.check_resuming(1, epochs=2)", TWO_DEVICES)


def test_training_starts_again_if_the_checkpoint_is_damaged(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    (lab.folder / "a.npz").write_bytes(b"PK\x03\x04")
    _, rows = lab.train("a", epochs=1)
    assert "a.npz: damaged" in capsys.readouterr().err
    assert len(rows) == 1


def test_the_best_epoch_is_kept(lab: Lab) -> None:
    # The learning rate jumps and destroys what has been learned.
    rates = {"PiecewiseConstantDecay": {"boundaries": ["60%"], "values": [0.01, 30.0]}}
    best, rows = lab.train("a", epochs=10, keep="best", optimizer={"SGD": {"learning_rate": rates, "momentum": 0.9}})
    accuracies = [row["val_accuracy"] for row in rows]
    assert max(accuracies) > accuracies[-1]
    predicted = best.predict(lab.dataset.images, verbose=0).argmax(axis=1)
    assert (predicted == lab.dataset.labels).mean() == pytest.approx(max(accuracies))


def test_keeping_the_best_epoch_of_averaged_weights_is_refused(lab: Lab) -> None:
    with pytest.raises(InputError, match=r"train\.keep: should be last"):
        lab.train("a", keep="best", optimizer={"Adam": {"use_ema": True}})


def test_a_loss_that_is_not_finite_is_blamed_on_the_optimizer(lab: Lab) -> None:
    with pytest.raises(InputError, match=r"train\.optimizer: the loss is (nan|inf) in epoch \d"):
        lab.train("a", epochs=9, optimizer={"SGD": {"learning_rate": 1e38, "momentum": 0.9}})


@pytest.mark.parametrize("damage", ["truncated", "shorter"])
def test_a_bad_pass_is_reported_before_training(lab: Lab, damage: str) -> None:
    if damage == "truncated":
        lab.passes[1].write_bytes(lab.passes[1].read_bytes()[:200])
    else:
        store.save(lab.passes[1], lab.dataset.part(np.arange(30)))
    with pytest.raises(InputError, match=r"01\.npz: .*dvc repro --force augment"):
        training.count_images(lab.passes)


@given(count=st.integers(1, 300), size=st.integers(2, 40), parts=st.integers(1, 8))
def test_batches_are_nearly_equal_and_no_part_of_one_is_empty(count: int, size: int, parts: int) -> None:
    section = SECTION.model_copy(update={"batch_size": size * parts, "virtual_batch_size": size})
    steps, each = training.steps_and_parts(section, count)
    lengths = np.diff(training.ends(section, count))
    assert len(lengths) == steps
    assert 0 < each <= lengths.min()
    assert lengths.max() <= size * parts
    assert lengths.max() - lengths.min() <= each
    assert not (lengths % each).any()
    assert count - each < lengths.sum() <= count


def test_epochs_cycle_through_the_passes_and_shuffle_each_differently(lab: Lab) -> None:
    batches = list(training.batches(SECTION, lab.passes, range(3), 40, 10))
    assert [len(images) for images, _ in batches] == [12, 14, 14] * 3
    epochs = [np.concatenate([images for images, _ in batches[start : start + 3]]) for start in (0, 3, 6)]
    originals = [store.load(path, "augment").images for path in (*lab.passes, lab.passes[0])]
    for images, original in zip(epochs, originals, strict=True):
        assert sorted(image.tobytes() for image in images) == sorted(image.tobytes() for image in original)
    assert (epochs[0] != epochs[2]).any()
    for seed in (0, 1):
        section = SECTION.model_copy(update={"seed": seed})
        third = next(iter(training.batches(section, lab.passes, range(2, 3), 40, 10)))[0]
        assert np.array_equal(third, epochs[2][: len(third)]) == (seed == 0)


def test_soft_labels_stay_with_their_images(lab: Lab) -> None:
    # Of each image of each pass, two numbers that tell which one it is.
    soft_labels = [np.stack([np.arange(40.0), np.full(40, number)], axis=1) for number in range(2)]
    for number, path in enumerate(lab.passes):
        batches = training.batches(SECTION, lab.passes, range(number, number + 1), 40, 2, soft_labels)
        originals = store.load(path, "augment").images
        for images, labels in batches:
            assert (labels.numpy()[:, 1] == number).all()
            np.testing.assert_array_equal(images, originals[labels.numpy()[:, 0].astype(int)])
