"""Split the training and validation images into folds, each held out once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from digits.core import store
from digits.core.errors import InputError
from digits.core.job import run_stage
from digits.core.store import Dataset
from studies.folds.stages.schema import Folds, FoldsParams

Indices = NDArray[np.intp]


def main(params: FoldsParams, processed: Path, folder: Path) -> None:
    whole = load(processed)
    for number, (kept, held_out) in enumerate(split(whole, params.folds)):
        for part, indices in (("train", kept), ("validation", held_out)):
            store.save(folder / "data" / str(number) / f"{part}.npz", whole.part(indices))
    # The runs of folds that no longer exist would still be an input of the average.
    for run in (folder / "runs").glob("*"):
        if run.name not in map(str, params.folds.numbers):
            shutil.rmtree(run)


def load(processed: Path) -> Dataset:
    """Return the training images, followed by the validation images."""
    train, validation = (store.load(processed / f"{part}.npz", "preprocess") for part in ("train", "validation"))
    return train._replace(
        images=np.concatenate([train.images, validation.images]),
        labels=np.concatenate([train.labels, validation.labels]),
    )


def split(whole: Dataset, folds: Folds, key: str = "folds.numbers") -> Iterator[tuple[Indices, Indices]]:
    """Yield the indices that each fold trains on, and those that it holds out.

    Raises InputError, which names the ``key``, if there are more folds than images of the rarest class.
    """
    k, fewest = len(folds.numbers), int(np.bincount(whole.labels).min())
    if k > fewest:
        raise InputError(f"{key}: {k} folds: at most {fewest}, the number of images of the rarest class")
    yield from StratifiedKFold(k, shuffle=True, random_state=folds.seed).split(whole.labels, whole.labels)


if __name__ == "__main__":
    run_stage(main)
