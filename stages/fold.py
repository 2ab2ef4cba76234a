"""Split the training and validation pictures into folds, each held out once."""

from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.model_selection import StratifiedKFold

from digits import store
from digits.errors import InputError
from digits.params import Params, Section, Seed
from digits.store import Dataset
from stages.job import Job, run


class Folds(Section):
    """How the pictures are split, and the folds' numbers, counted from 0."""

    seed: Seed
    numbers: Annotated[list[int], Field(min_length=2)]


class FoldsParams(Params):
    """The pipeline's sections and that of the folds."""

    folds: Folds


def main(job: Job) -> None:
    folds = section(job)
    k = len(folds.numbers)
    train, validation = (store.load(job.processed / f"{part}.npz", "preprocess") for part in ("train", "validation"))
    whole = Dataset(train.name, *(np.concatenate(parts) for parts in zip(train[1:], validation[1:], strict=True)))
    fewest = int(np.bincount(whole.labels).min())
    if k > fewest:
        raise InputError(f"folds.numbers: {k} folds: should be {fewest} at the most, the pictures of the rarest digit")
    splitter = StratifiedKFold(k, shuffle=True, random_state=folds.seed)
    for number, (kept, held_out) in enumerate(splitter.split(whole.labels, whole.labels)):
        for part, indices in (("train", kept), ("validation", held_out)):
            fold = Dataset(whole.name, whole.images[indices], whole.labels[indices])
            store.save(job.folder / "data" / str(number) / f"{part}.npz", fold)


def section(job: Job) -> Folds:
    """Return the section folds of FoldsParams. Raises InputError where it does not count from 0."""
    assert isinstance(job.params, FoldsParams)
    folds = job.params.folds
    if folds.numbers != list(range(len(folds.numbers))):
        raise InputError(f"folds.numbers: {folds.numbers}: should count from 0, as in [0, 1, 2, 3]")
    return folds


if __name__ == "__main__":
    run(main, FoldsParams)
