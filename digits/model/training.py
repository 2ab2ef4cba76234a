"""The training loop: batches, and going on from a checkpoint."""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import again
from digits.core.params import Train
from digits.core.store import SIDE, Dataset
from digits.model import backend, metrics, network
from digits.model.backend import keras, tf
from digits.model.checkpoint import Checkpoint, History, Row
from digits.model.virtual_batches import divide

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
# The most steps in a call from Python; with more it is no faster.
STEPS_PER_CALL = 20


def count_images(passes: Sequence[Path]) -> int:
    """Return the number of images in each of ``passes``.

    Raises InputError if one cannot be opened, or has another number or other classes: this would surface epochs later.
    """
    # The images, which are most of a file, stay compressed.
    first, *others = (store.load_arrays(path, "augment", "labels", "symbols") for path in passes)
    count, classes = len(first["labels"]), str(first["symbols"])
    for path, arrays in zip(passes[1:], others, strict=True):
        if len(arrays["labels"]) != count:
            raise InputError(
                f"{path}: {len(arrays['labels'])} images, but {passes[0]} has {count}; {again('augment', path)}"
            )
        if str(arrays["symbols"]) != classes:
            raise InputError(f"{path}: images of other classes than {passes[0]}; {again('augment', path)}")
    return count


def steps_and_parts(section: Train, count: int) -> tuple[int, int]:
    """Return the number of steps of an epoch of ``count`` images, and of the parts of each step, none of them empty."""
    steps = -(-count // section.batch_size)
    return steps, min(section.parts, count // steps)


def ends(section: Train, count: int) -> NDArray[np.int64]:
    """Return where the batches of an epoch of ``count`` images begin and end, (steps + 1,).

    Their sizes are nearly equal, so that each step counts about as much, and multiples of the number of parts: fewer
    images than parts are left out, others in each epoch.
    """
    steps, parts = steps_and_parts(section, count)
    return np.arange(steps + 1) * (count // parts) // steps * parts


def prepare(section: Train, count: int, classes: int, devices: str = "GPU") -> keras.Model:
    """Return the compiled network of ``section`` for training sets of ``count`` images of this number of ``classes``.

    devices: the kind among which batches are shared, if there are several
    Raises InputError if a layer, the optimiser or the loss is impossible, or the network cannot be calibrated as the
    section asks, or the best epoch is to be kept of averaged weights: this would surface hours later.
    """
    steps, parts = steps_and_parts(section, count)
    with backend.spread(parts, devices):
        model = divide(network.build(section.network, classes), parts)
        network.compile_model(model, section.optimizer, section.loss, section.epochs * steps)
    if section.calibrate:
        network.output_layer(model)
    if section.keep == "best" and model.optimizer.use_ema:
        raise InputError(
            "train.keep: should be last: the optimizer's use_ema averages the weights only after the last epoch"
        )
    return model


def train(
    model: keras.Model,
    section: Train,
    passes: Sequence[Path],
    validation: Dataset | None,
    curves: Path,
    state: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    soft_labels: Sequence[NDArray[np.floating]] | None = None,
) -> list[Row]:
    """Train the compiled ``model`` in place, and return each epoch's losses, accuracies and seconds.

    Epoch e, counted from 0, trains on ``passes[e % len(passes)]``, .npz files of as many images each, in an order drawn
    from (seed, e). ``curves``, a .tsv, and ``state``, a checkpoint, are rewritten after each epoch. If ``state``
    exists, training resumes from it and ends with the same bits as if it had never stopped. Other ``callbacks`` of
    Keras's are called after the checkpoint. ``soft_labels``, probabilities (N, classes) for each of ``passes``, take
    the place of their labels.

    Raises InputError if the loss is no longer finite.
    """
    classes, count = model.output_shape[-1], count_images(passes)
    with model.distribute_strategy.scope():
        model.optimizer.build(model.trainable_variables)
    history = History(curves, "train", COLUMNS if validation else COLUMNS[:3])
    checkpoint = Checkpoint(state, history, section.keep)
    first = checkpoint.restore(model)
    steps, _ = steps_and_parts(section, count)
    if model.distribute_strategy.num_replicas_in_sync == 1:
        # The same number in each call, or an epoch's last one would take steps of the next. With several devices, Keras
        # fails if it is more than 1.
        model.steps_per_execution = max(number for number in range(1, STEPS_PER_CALL + 1) if steps % number == 0)
    model.fit(
        batches(section, passes, range(first, section.epochs), count, classes, soft_labels),
        steps_per_epoch=steps,
        initial_epoch=first,
        epochs=section.epochs,
        validation_data=validation and (validation.images, np.eye(classes, dtype=np.float32)[validation.labels]),
        validation_batch_size=1000,
        shuffle=False,
        callbacks=[history, checkpoint, *callbacks],
        # A progress bar for people, one line per epoch for logs.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    # Or predict would trace as many steps.
    model.steps_per_execution = 1
    if section.keep == "best":
        checkpoint.restore_best()
    return history.rows


def calibrate(model: keras.Model, validation: Dataset) -> float:
    """Scale the logits of ``model`` so that its probabilities fit ``validation``, and return the temperature."""
    temperature = metrics.fit_temperature(network.predict(model, validation.images), validation.labels)
    network.scale_logits(model, temperature)
    return temperature


def batches(
    section: Train,
    passes: Sequence[Path],
    epochs: range,
    count: int,
    classes: int,
    soft_labels: Sequence[NDArray[np.floating]] | None = None,
) -> tf.data.Dataset:
    """Return the batches of ``epochs``, one epoch after another, as ``train`` describes.

    A batch is images, uint8 (N, 28, 28), and one-hot or soft labels, float32 (N, classes).
    """
    limits = ends(section, count)
    # A single pass is read once.
    read = cache(store.load) if len(passes) == 1 else store.load

    def load(epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        number = epoch % len(passes)
        dataset = read(passes[number], "augment")
        order = np.random.default_rng([section.seed, epoch]).permutation(count)
        labels = soft_labels[number] if soft_labels else np.eye(classes, dtype=np.float32)[dataset.labels]
        return dataset.images[order], labels[order].astype(np.float32)

    def load_epoch(epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.numpy_function(load, [epoch], (tf.uint8, tf.float32), stateful=False)
        return tf.ensure_shape(images, (count, SIDE, SIDE)), tf.ensure_shape(labels, (count, classes))

    def split(images: tf.Tensor, labels: tf.Tensor) -> tf.data.Dataset:
        # One slice per batch: cutting the tensors into single images and batching those again would take a whole core.
        slices = tf.data.Dataset.from_tensor_slices((limits[:-1], limits[1:]))
        return slices.map(lambda start, end: (images[start:end], labels[start:end]))

    # The next epoch's images are read while this one trains.
    loaded = tf.data.Dataset.range(epochs.start, epochs.stop).map(load_epoch).prefetch(1)
    options = tf.data.Options()
    # There is nothing to tune, and the thread that would do it may sleep for seconds before it lets the training end.
    options.autotune.enabled = False
    return loaded.flat_map(split).prefetch(4).with_options(options)
