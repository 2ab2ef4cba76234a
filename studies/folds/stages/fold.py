"""Split the training and validation images into folds, each held out once."""

import shutil
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from digits.core import store
from digits.core.errors import InputError
from digits.core.job import run_stage
from digits.core.store import Dataset
from studies.folds.stages.schema import FoldsParams


def main(params: FoldsParams, processed: Path, folder: Path) -> None:
    folds = params.folds
    k = len(folds.numbers)
    train, validation = (store.load(processed / f"{part}.npz", "preprocess") for part in ("train", "validation"))
    whole = Dataset(train.name, *(np.concatenate(parts) for parts in zip(train[1:], validation[1:], strict=True)))
    fewest = int(np.bincount(whole.labels).min())
    if k > fewest:
        raise InputError(f"folds.numbers: {k} folds: at most {fewest}, the number of images of the rarest digit")
    splitter = StratifiedKFold(k, shuffle=True, random_state=folds.seed)
    for number, (kept, held_out) in enumerate(splitter.split(whole.labels, whole.labels)):
        for part, indices in (("train", kept), ("validation", held_out)):
            fold = Dataset(whole.name, whole.images[indices], whole.labels[indices])
            store.save(folder / "data" / str(number) / f"{part}.npz", fold)
    # The runs of folds that no longer exist would still be an input of the average.
    for run in (folder / "runs").glob("*"):
        if run.name not in map(str, folds.numbers):
            shutil.rmtree(run)


if __name__ == "__main__":
    run_stage(main)
