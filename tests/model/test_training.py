from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import read_table
from digits.core.store import Dataset
from digits.model import network, training

LAYERS: list[network.Spec] = [
    {"Conv2D": {"filters": 4, "kernel_size": 5, "strides": 3}},
    {"BatchNormalization": {}},
    {"ReLU": {}},
    {"Flatten": {}},
    {"Dropout": {"rate": 0.5}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]


class KilledError(Exception):
    pass


class Lab:
    """Trainings in a temporary folder, on two passes of forty images."""

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self.folder, self.dataset = folder, dataset
        self.passes = [folder / "00.npz", folder / "01.npz"]
        for number, path in enumerate(self.passes):
            store.save(path, dataset._replace(images=np.roll(dataset.images, number, axis=1)))

    def train(
        self, epochs: int = 4, keep: str = "last", seed: int = 0, optimizer: network.Spec | None = None,
        name: str = "curves",
    ) -> tuple[keras.Model, list[training.Row]]:  # fmt: skip
        training.make_deterministic(seed)
        model = network.build(LAYERS)
        model.compile(
            optimizer=network.make_optimizer(optimizer or {"Adam": {"learning_rate": 0.01}}, steps=100),
            loss="categorical_crossentropy",
            metrics=["accuracy"],
        )
        rows = training.train(
            model,
            self.passes,
            self.dataset,
            count=40,
            epochs=epochs,
            batch_size=16,
            seed=seed,
            keep=keep,
            curves=self.folder / f"{name}.tsv",
            state=self.folder / f"{name}.npz",
        )
        return model, rows


@pytest.fixture
def lab(tmp_path: Path, dataset: Dataset) -> Lab:
    return Lab(tmp_path, dataset)


def kill_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    save = training._State._save

    def save_and_die(self: training._State) -> None:
        save(self)
        if len(self.rows) == epoch:
            raise KilledError

    monkeypatch.setattr(training._State, "_save", save_and_die)


def test_it_learns_and_writes_one_row_per_epoch(lab: Lab) -> None:
    _, rows = lab.train(epochs=15)
    assert [row["epoch"] for row in rows] == list(range(1, 16))
    assert rows[-1]["val_accuracy"] > 0.9
    assert rows[-1]["loss"] < rows[0]["loss"]
    kinds: dict[str, Callable[[str], float]] = {"epoch": int, **dict.fromkeys(training.COLUMNS[1:], float)}
    curves = [{column: row[column] for column in training.COLUMNS} for row in rows]
    assert read_table(lab.folder / "curves.tsv", "train", kinds) == curves
    assert all(row["seconds"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("keep", "optimizer", "epoch"),
    [
        ("last", {"AdamW": {"learning_rate": {"CosineDecay": {"initial_learning_rate": 0.01, "decay_steps": 12}}}}, 1),
        ("best", {"SGD": {"learning_rate": 0.05, "momentum": 0.9}}, 3),
        ("last", {"Adam": {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.8}}, 2),
        ("last", {"Adam": {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.8}}, 4),
    ],
)
def test_a_resumed_training_ends_with_the_same_bits(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, keep: str, optimizer: network.Spec, epoch: int
) -> None:
    whole, _ = lab.train(keep=keep, optimizer=optimizer)
    with monkeypatch.context() as patch:
        kill_after(epoch, patch)
        with pytest.raises(KilledError):
            lab.train(keep=keep, optimizer=optimizer, name="stopped")
    resumed, _ = lab.train(keep=keep, optimizer=optimizer, name="stopped")
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (lab.folder / "stopped.tsv").read_bytes() == (lab.folder / "curves.tsv").read_bytes()


def test_keeping_the_best_epoch_of_averaged_weights_is_rejected(lab: Lab) -> None:
    with pytest.raises(InputError, match=r"train\.keep: should be last"):
        lab.train(keep="best", optimizer={"Adam": {"learning_rate": 0.01, "use_ema": True}})


def test_training_starts_again_if_the_checkpoint_is_damaged(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    whole, _ = lab.train(epochs=1, name="whole")
    (lab.folder / "damaged.npz").write_bytes((lab.folder / "whole.npz").read_bytes()[:500])
    again, _ = lab.train(epochs=1, name="damaged")
    assert "damaged.npz: damaged" in capsys.readouterr().err
    np.testing.assert_array_equal(again.get_weights()[0], whole.get_weights()[0])


@given(count=st.integers(1, 300), batch_size=st.integers(1, 200), threads=st.integers(1, 100))
def test_no_part_of_a_batch_is_empty(count: int, batch_size: int, threads: int) -> None:
    parts = training.parts(count, batch_size, threads)
    sizes = {min(batch_size, count - start) for start in range(0, count, batch_size)}
    assert 1 <= parts <= threads
    assert parts == threads or parts == min(sizes)
    assert min(sizes) >= parts


def test_a_loss_that_is_not_finite_is_blamed_on_the_optimizer(lab: Lab) -> None:
    with pytest.raises(InputError, match=r"train\.optimizer: the loss is (nan|inf) in epoch \d"):
        lab.train(epochs=9, optimizer={"SGD": {"learning_rate": 1e38, "momentum": 0.9}})


@pytest.mark.parametrize("damage", ["truncated", "shorter"])
def test_a_bad_pass_is_reported_before_training(lab: Lab, dataset: Dataset, damage: str) -> None:
    if damage == "truncated":
        lab.passes[1].write_bytes(lab.passes[1].read_bytes()[:200])
    else:
        store.save(lab.passes[1], Dataset("bars", dataset.images[:30], dataset.labels[:30]))
    with pytest.raises(InputError, match=r"01\.npz: .*dvc repro --force augment"):
        training.count_images(lab.passes)


def test_nothing_tunes_the_input(lab: Lab) -> None:
    # Its thread may sleep for seconds before a training can end, but not every time, so that cannot be tested.
    assert training.batches(lab.passes, range(1), 40, 16, 0, 10).options().autotune.enabled is False


@pytest.mark.parametrize(("most", "steps_per_call"), [(1, 1), (2, 1), (20, 3)])
def test_the_number_of_steps_in_a_call_divides_an_epoch_and_changes_no_bit(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, most: int, steps_per_call: int
) -> None:
    expected, _ = lab.train(name="expected")
    taken = []

    def fit(model: keras.Model, *args: object, fit: Callable[..., object] = keras.Model.fit, **options: object) -> None:
        taken.append(model.steps_per_execution)
        fit(model, *args, **options)

    monkeypatch.setattr(keras.Model, "fit", fit)
    monkeypatch.setattr(training, "STEPS_PER_CALL", most)
    trained, _ = lab.train(name="trained")
    assert taken == [steps_per_call]
    for one, other in zip(expected.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # Its predictions are made batch by batch.
    assert trained.steps_per_execution == 1


def test_a_single_pass_is_read_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def load(path: Path, stage: str) -> Dataset:
        read.append(path.name)
        return lab.dataset

    monkeypatch.setattr(store, "load", load)
    for passes, expected in ((lab.passes[:1], ["00.npz"]), (lab.passes, ["00.npz", "01.npz", "00.npz"])):
        list(training.batches(passes, range(3), 40, 16, seed=0, classes=10))
        assert read == expected
        read.clear()


def test_another_seed_gives_another_model(lab: Lab) -> None:
    one, _ = lab.train(epochs=1, seed=0, name="one")
    other, _ = lab.train(epochs=1, seed=1, name="other")
    assert (one.get_weights()[0] != other.get_weights()[0]).any()


def test_the_best_epoch_is_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    # The learning rate jumps and destroys what has been learned.
    rates = {"PiecewiseConstantDecay": {"boundaries": ["24%"], "values": [0.01, 30.0]}}
    best, rows = lab.train(epochs=10, keep="best", optimizer={"SGD": {"learning_rate": rates, "momentum": 0.9}})
    accuracies = [row["val_accuracy"] for row in rows]
    assert max(accuracies) > accuracies[-1]
    predicted = best.predict(lab.dataset.images, verbose=0).argmax(axis=1)
    assert (predicted == lab.dataset.labels).mean() == pytest.approx(max(accuracies))


def test_epochs_cycle_through_the_passes_and_shuffle_each_differently(lab: Lab) -> None:
    batches = list(training.batches(lab.passes, range(3), 40, 16, seed=0, classes=10))
    assert [len(images) for images, _ in batches] == [16, 16, 8] * 3
    epochs = [np.concatenate([images for images, _ in batches[start : start + 3]]) for start in (0, 3, 6)]
    originals = [store.load(path, "augment").images for path in (*lab.passes, lab.passes[0])]
    for images, original in zip(epochs, originals, strict=True):
        assert sorted(image.tobytes() for image in images) == sorted(image.tobytes() for image in original)
    assert (epochs[0] != epochs[2]).any()
    again = next(iter(training.batches(lab.passes, range(2, 3), 40, 16, seed=0, classes=10)))[0]
    np.testing.assert_array_equal(again, epochs[2][:16])
