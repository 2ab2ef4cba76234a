"""The training loop: order, schedule, checkpoint, resume."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from digits import store
from digits.files import replacing, write_table
from digits.store import CLASSES, SIDE, Dataset

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
Row = dict[str, float]


def make_deterministic(seed: int) -> None:
    """Let every following operation of this process give the same bits for the same ``seed``."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def train(
    model: keras.Model,
    passes: Sequence[Path],
    validation: Dataset,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    keep: str,
    curves: Path,
    checkpoint: Path,
) -> list[Row]:
    """Train the compiled ``model`` in place and return the epochs' losses and accuracies.

    Epoch e, counted from 0, goes through ``passes[e % len(passes)]``, .npz files of the augment stage, in an order
    drawn from (seed, e). ``curves`` is a .tsv rewritten after each epoch. So is ``checkpoint``; where it exists,
    training goes on from it, and ends with the same bits as if it had never stopped. The weights kept are those of the
    ``last`` epoch, or of the ``best``: the most accurate one on ``validation``, of equals the one with the lower loss.
    """
    model.optimizer.build(model.trainable_variables)
    state = _State(model, epochs, seed, keep, curves, checkpoint)
    first = state.restore()
    images = len(store.load(passes[0], "augment").labels)
    model.fit(
        _batches(passes, range(first, epochs), images, batch_size, seed),
        steps_per_epoch=-(-images // batch_size),
        initial_epoch=first,
        epochs=epochs,
        validation_data=(validation.images, one_hot(validation.labels)),
        validation_batch_size=1000,
        shuffle=False,
        callbacks=[state],
        # A bar for people, a line an epoch for logs.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    if keep == "best":
        _assign(model.variables, state.best)
    return state.rows


def one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (N, 10)."""
    return np.eye(CLASSES, dtype=np.float32)[labels]


def _batches(passes: Sequence[Path], epochs: range, images: int, batch_size: int, seed: int) -> tf.data.Dataset:
    def load(epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        dataset = store.load(passes[epoch % len(passes)], "augment")
        order = np.random.default_rng([seed, epoch]).permutation(images)
        return dataset.images[order], one_hot(dataset.labels[order])

    def load_epoch(epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pictures, labels = tf.numpy_function(load, [epoch], (tf.uint8, tf.float32), stateful=False)
        return tf.ensure_shape(pictures, (images, SIDE, SIDE)), tf.ensure_shape(labels, (images, CLASSES))

    def split(pictures: tf.Tensor, labels: tf.Tensor) -> tf.data.Dataset:
        # A slice a batch: to cut the tensors into single pictures and batch those again would cost a core's time.
        starts = tf.data.Dataset.range(0, images, batch_size)
        return starts.map(lambda start: (pictures[start : start + batch_size], labels[start : start + batch_size]))

    # The next epoch's pictures are read while this one trains.
    loaded = tf.data.Dataset.range(epochs.start, epochs.stop).map(load_epoch).prefetch(1)
    return loaded.flat_map(split).prefetch(4)


class _State(keras.callbacks.Callback):  # type: ignore[misc]
    """What a training has reached: all that its next epoch depends on, in one file.

    keras.callbacks.BackupAndRestore leaves out the random state of the layers, the history and the best weights.
    """

    def __init__(self, model: keras.Model, epochs: int, seed: int, keep: str, curves: Path, checkpoint: Path) -> None:
        super().__init__()
        self.network = model
        self.epochs, self.seed, self.keep, self.curves, self.checkpoint = epochs, seed, keep, curves, checkpoint
        self.rows: list[Row] = []
        self.best: list[NDArray[Any]] = []

    def restore(self) -> int:
        """Take up the checkpoint, if there is one, and return the number of finished epochs."""
        if not self.checkpoint.exists():
            return 0
        with np.load(self.checkpoint, allow_pickle=False) as archive:
            self.rows = json.loads(str(archive["rows"]))
            weights, slots, self.best = (
                [archive[f"{group}{number}"] for number in range(int(archive[group]))]
                for group in ("weights", "slots", "best")
            )
        # DVC has deleted the curves, and perhaps no epoch is left to write them again.
        write_table(self.curves, self.rows)
        _assign(self.network.variables, weights)
        _assign(self.network.optimizer.variables, slots)
        print(f"going on after epoch {len(self.rows)} of {self.epochs}")
        return len(self.rows)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # Layers such as Dropout count their draws: setting the counter makes an epoch independent of those before.
        rng = np.random.default_rng([self.seed, epoch])
        for layer in self.network._flatten_layers():
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign(rng.integers(2**32, size=2, dtype=np.uint32))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        self.rows.append({"epoch": epoch + 1, **{column: float(logs[column]) for column in COLUMNS[1:]}})
        if self.keep == "best" and max(self.rows, key=_merit) is self.rows[-1]:
            self.best = [variable.numpy() for variable in self.network.variables]
        self._save()
        write_table(self.curves, self.rows)

    def _save(self) -> None:
        groups = {
            "weights": [variable.numpy() for variable in self.network.variables],
            "slots": [variable.numpy() for variable in self.network.optimizer.variables],
            "best": self.best,
        }
        arrays = {
            f"{group}{number}": array for group, members in groups.items() for number, array in enumerate(members)
        }
        counts = {group: np.array(len(members)) for group, members in groups.items()}
        with replacing(self.checkpoint) as partial, partial.open("wb") as file:
            np.savez(file, rows=np.array(json.dumps(self.rows)), allow_pickle=False, **arrays, **counts)


def _merit(row: Row) -> tuple[float, float]:
    return row["val_accuracy"], -row["val_loss"]


def _assign(variables: Sequence[keras.Variable], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
