"""Split the training and validation pictures into folds, each held out once."""

import shutil

import numpy as np
from sklearn.model_selection import StratifiedKFold

from digits import store
from digits.errors import InputError
from digits.folds import FoldsParams
from digits.store import Dataset
from stages.job import Job, run


def main(job: Job) -> None:
    assert isinstance(job.params, FoldsParams)
    folds = job.params.folds
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
    # What an earlier split had more of would be averaged over by nobody, and yet be an input.
    for run_folder in (job.folder / "runs").glob("*"):
        if run_folder.name not in map(str, folds.numbers):
            shutil.rmtree(run_folder)


if __name__ == "__main__":
    run(main, FoldsParams)
