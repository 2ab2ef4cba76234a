"""A recipe, trained and measured as the root's stages do it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from digits.core.errors import InputError
from digits.core.store import Dataset
from digits.data.augmentation import write_passes
from digits.model import backend, metrics, network, training
from digits.model.checkpoint import Row
from studies.stages.entries import Entry, Fold

Indices = NDArray[np.intp]


class Trained(NamedTuple):
    """A model, its epochs so far, the number of images of each, its probabilities (N, classes) of the images held out,
    and what ``metrics.evaluate`` returns for them."""

    model: backend.keras.Model
    rows: list[Row]
    images: int
    probabilities: NDArray[np.float32]
    measured: dict[str, Any]


def train(
    recipe: Entry,
    images: Path,
    held_out: Dataset,
    work: Path,
    epochs: Iterable[int],
    curves: Path,
    state: Path,
    threads: int | None = None,
) -> Iterator[Trained]:
    """Train on deformed copies of ``images``, an .npz file, and yield after each of ``epochs``, which ascend.

    The copies are kept in the folder ``work``. ``curves`` and ``state`` are as for ``training.train``: it resumes from
    its state, so that the bits do not depend on ``epochs``. So many ``threads`` compute: by default one for
    each part of a batch.
    """
    section = recipe.train
    needed = min(recipe.augment.passes, section.epochs)
    passes = write_passes(recipe.augment.model_copy(update={"passes": needed}), images, work, threads)
    count = training.count_images(passes)
    # The process may have trained another recipe before.
    backend.keras.utils.clear_session()
    backend.use(threads or section.parts)
    backend.make_deterministic(section.seed)
    model = training.prepare(section, count, len(held_out.task.classes))
    for epoch in epochs:
        part = section.model_copy(update={"epochs": epoch})
        rows = training.train(model, part, passes, held_out, curves, state)
        if section.calibrate:
            training.calibrate(model, held_out)
        probabilities = network.predict(model, held_out.images)
        yield Trained(model, rows, count, probabilities, metrics.evaluate(probabilities, held_out.labels))


def split(labels: NDArray[np.integer], fold: Fold, key: str) -> tuple[Indices, Indices]:
    """Return the indices of the images to train on and to hold out, in ascending order, by their ``labels`` (N,).

    Raises InputError, which names the ``key``, if there are more folds than images of the rarest class.
    """
    fewest = int(np.bincount(labels).min())
    if fold.of > fewest:
        raise InputError(f"{key}: {fold.of}: should be at most {fewest}, the number of images of the rarest class")
    splits = list(StratifiedKFold(fold.of, shuffle=True, random_state=fold.seed).split(labels, labels))
    parts: tuple[Indices, Indices] = splits[fold.number]
    return parts
