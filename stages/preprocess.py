"""IDX files → train, validation and test sets."""

import numpy as np
from sklearn.model_selection import train_test_split

from digits import datasets, store
from digits.store import Dataset
from stages.job import Job, run


def main(job: Job) -> None:
    section = job.params.preprocess
    train, test = datasets.read(job.folder / "data" / "raw")
    kept, held_out = split(train, section.validation, section.seed)
    store.save(job.processed / "train.npz", kept)
    store.save(job.processed / "validation.npz", held_out)
    store.save(job.processed / "test.npz", test)


def split(train: Dataset, validation: int, seed: int) -> tuple[Dataset, Dataset]:
    """Hold out ``validation`` of 60,000 pictures, of a smaller set in proportion, each label by its share."""
    count = round(validation * len(train.labels) / datasets.TRAIN_SIZE)
    indices = train_test_split(np.arange(len(train.labels)), test_size=count, stratify=train.labels, random_state=seed)
    kept, held_out = (Dataset(train.name, train.images[part], train.labels[part]) for part in map(np.sort, indices))
    return kept, held_out


if __name__ == "__main__":
    run(main)
