"""The training loop: shuffling, checkpoints and resuming."""

import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import again, write_table
from digits.core.store import SIDE, Dataset
from digits.model import checkpoint
from digits.model.backend import keras, tf

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
Row = dict[str, float]
# The most steps in a call from Python; with more it is no faster.
STEPS_PER_CALL = 20


def make_deterministic(seed: int) -> None:
    """Make every later operation give the same bits for the same ``seed``, if the number of threads is the same too."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def parts(count: int, batch_size: int, threads: int) -> int:
    """Return into how many parts each batch of ``count`` images can be divided among ``threads``, with none empty."""
    return min(threads, count % batch_size or batch_size)


def count_images(passes: Sequence[Path]) -> int:
    """Return the number of images in each of ``passes``.

    Raises InputError if one is damaged, or has another number or other classes: this would surface epochs later.
    """
    found = [(len(dataset.labels), dataset.symbols) for dataset in (store.load(path, "augment") for path in passes)]
    (count, symbols), *_ = found
    for path, (other, shown) in zip(passes, found, strict=True):
        if other != count:
            raise InputError(f"{path}: {other} images, but {passes[0]} has {count}; {again('augment', path)}")
        if shown != symbols:
            raise InputError(f"{path}: images of other classes than {passes[0]}; {again('augment', path)}")
    return count


def train(
    model: keras.Model,
    passes: Sequence[Path],
    validation: Dataset,
    *,
    count: int,
    epochs: int,
    batch_size: int,
    seed: int,
    keep: str,
    curves: Path,
    state: Path,
) -> list[Row]:
    """Train the compiled ``model`` in place and return each epoch's losses, accuracies and seconds.

    Epoch e, counted from 0, trains on ``passes[e % len(passes)]``, .npz files of ``count`` images each, in an order
    drawn from (seed, e). ``curves``, a .tsv, and ``state``, a checkpoint, are rewritten after each epoch. If ``state``
    exists, training resumes from it and ends with the same bits as if it had never stopped. The weights kept are those
    of the ``last`` epoch or of the ``best``: the most accurate on ``validation``, the lower loss breaking ties.

    Raises InputError if the loss is no longer finite, or if ``keep`` is ``best`` and the optimiser has ``use_ema``.
    """
    if keep == "best" and model.optimizer.use_ema:
        raise InputError(
            "train.keep: should be last: the optimizer's use_ema averages the weights only after the last epoch"
        )
    classes = len(validation.symbols.classes)
    with model.distribute_strategy.scope():
        model.optimizer.build(model.trainable_variables)
    keeper = _State(model, epochs, keep, curves, state)
    first = keeper.restore()
    steps = -(-count // batch_size)
    if model.distribute_strategy.num_replicas_in_sync == 1:
        # The same number in each call, or an epoch's last one would take steps of the next. With several devices, Keras
        # fails if it is more than 1.
        model.steps_per_execution = max(number for number in range(1, STEPS_PER_CALL + 1) if steps % number == 0)
    model.fit(
        batches(passes, range(first, epochs), count, batch_size, seed, classes),
        steps_per_epoch=steps,
        initial_epoch=first,
        epochs=epochs,
        validation_data=(validation.images, np.eye(classes, dtype=np.float32)[validation.labels]),
        validation_batch_size=1000,
        shuffle=False,
        callbacks=[keeper],
        # A progress bar for people, one line per epoch for logs.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    # Or predict would trace as many steps.
    model.steps_per_execution = 1
    if keep == "best":
        _assign(model.variables, keeper.best)
    return keeper.rows


def kept_row(rows: Sequence[Row], keep: str) -> Row:
    """Return the row of the epoch whose weights are kept, as ``train`` describes."""
    return rows[-1] if keep == "last" else max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))


def batches(
    passes: Sequence[Path], epochs: range, count: int, batch_size: int, seed: int, classes: int
) -> tf.data.Dataset:
    """Return the batches of ``epochs``, one epoch after another, as ``train`` describes.

    A batch is images, uint8 (N, 28, 28), and one-hot labels, float32 (N, classes).
    """

    # A single pass is read once.
    read = cache(store.load) if len(passes) == 1 else store.load

    def load(epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        dataset = read(passes[epoch % len(passes)], "augment")
        order = np.random.default_rng([seed, epoch]).permutation(count)
        return dataset.images[order], dataset.labels[order].astype(np.int32)

    def load_epoch(epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.numpy_function(load, [epoch], (tf.uint8, tf.int32), stateful=False)
        return tf.ensure_shape(images, (count, SIDE, SIDE)), tf.ensure_shape(labels, (count,))

    def split(images: tf.Tensor, labels: tf.Tensor) -> tf.data.Dataset:
        # One slice per batch: cutting the tensors into single images and batching those again would take a whole core.
        starts = tf.data.Dataset.range(0, count, batch_size)
        return starts.map(
            lambda start: (
                images[start : start + batch_size],
                tf.one_hot(labels[start : start + batch_size], classes),
            )
        )

    # The next epoch's images are read while this one trains.
    loaded = tf.data.Dataset.range(epochs.start, epochs.stop).map(load_epoch).prefetch(1)
    options = tf.data.Options()
    # There is nothing to tune, and the thread that would do it may sleep for seconds before it lets the training end.
    options.autotune.enabled = False
    return loaded.flat_map(split).prefetch(4).with_options(options)


class _State(keras.callbacks.Callback):  # type: ignore[misc]
    """The state of a training: everything that its next epoch depends on, in one file.

    keras.callbacks.BackupAndRestore omits the history and the best weights. The random state of layers such as Dropout
    is among the model's variables.
    """

    def __init__(self, model: keras.Model, epochs: int, keep: str, curves: Path, state: Path) -> None:
        super().__init__()
        self.network = model
        self.epochs, self.keep, self.curves, self.state = epochs, keep, curves, state
        self.rows: list[Row] = []
        self.best: list[NDArray[Any]] = []
        self.begun = 0.0

    def restore(self) -> int:
        """Load the checkpoint, if there is one, and return the number of finished epochs."""
        saved = checkpoint.load(self.state, "weights", "slots", "best")
        if not saved:
            return 0
        self.rows, (weights, slots, self.best) = saved
        # DVC has deleted the curves, and there may be no epoch left that would write them again.
        self._draw()
        _assign(self.network.variables, weights)
        _assign(self.network.optimizer.variables, slots)
        print(f"resuming after epoch {len(self.rows)} of {self.epochs}")
        return len(self.rows)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        for name in ("loss", "val_loss"):
            if not np.isfinite(logs[name]):
                raise InputError(
                    f"train.optimizer: the {name} is {logs[name]} in epoch {epoch + 1}; lower its learning rate"
                )
        seconds = time.perf_counter() - self.begun
        self.rows.append(
            {"epoch": epoch + 1, **{column: float(logs[column]) for column in COLUMNS[1:]}, "seconds": seconds}
        )
        if self.keep == "best" and kept_row(self.rows, "best") is self.rows[-1]:
            self.best = [variable.numpy() for variable in self.network.variables]
        self._save()
        self._draw()

    def _draw(self) -> None:
        write_table(self.curves, [{column: row[column] for column in COLUMNS} for row in self.rows])

    def _save(self) -> None:
        weights, slots = (
            [variable.numpy() for variable in each.variables] for each in (self.network, self.network.optimizer)
        )
        checkpoint.save(self.state, self.rows, weights=weights, slots=slots, best=self.best)


def _assign(variables: Sequence[keras.Variable], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
