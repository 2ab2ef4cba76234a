"""Split the training and validation pictures into folds, each held out once."""

import numpy as np
from sklearn.model_selection import StratifiedKFold

from digits import store
from digits.errors import InputError
from digits.store import Dataset
from stages.job import Job, run


def main(job: Job) -> None:
    section = job.params.folds
    if section is None:
        raise InputError("no section 'folds' in the parameters; name them: --recipe studies/folds/params.yaml:split")
    train, validation = (store.load(job.processed / f"{part}.npz", "preprocess") for part in ("train", "validation"))
    whole = Dataset(train.name, *(np.concatenate(parts) for parts in zip(train[1:], validation[1:], strict=True)))
    k = len(section.numbers)
    fewest = int(np.bincount(whole.labels).min())
    if section.numbers != list(range(k)) or k > fewest:
        raise InputError(f"split.folds.numbers: {section.numbers}: should count from 0, to {fewest - 1} at the most")
    splitter = StratifiedKFold(k, shuffle=True, random_state=section.seed)
    for number, (kept, held_out) in enumerate(splitter.split(whole.labels, whole.labels)):
        for part, indices in (("train", kept), ("validation", held_out)):
            fold = Dataset(whole.name, whole.images[indices], whole.labels[indices])
            store.save(job.folder / "data" / str(number) / f"{part}.npz", fold)


if __name__ == "__main__":
    run(main)
