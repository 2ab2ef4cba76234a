"""Split the raw images into training, validation and test sets."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from digits.core import store
from digits.core.job import run_stage
from digits.core.params import Params
from digits.core.store import Dataset
from digits.data import datasets


def main(params: Params, folder: Path) -> None:
    section, processed = params.preprocess, folder / "data" / "processed"
    train, test = datasets.read(folder / "data" / "raw")
    kept, held_out = split(train, section.validation, section.seed)
    store.save(processed / "train.npz", kept)
    store.save(processed / "validation.npz", held_out)
    store.save(processed / "test.npz", test)


def split(train: Dataset, validation: int, seed: int) -> tuple[Dataset, Dataset]:
    """Hold out ``validation`` of 60,000 images, or proportionally fewer of a smaller set, stratified by digit."""
    count = round(validation * len(train.labels) / datasets.TRAIN_SIZE)
    indices = train_test_split(np.arange(len(train.labels)), test_size=count, stratify=train.labels, random_state=seed)
    kept, held_out = (Dataset(train.name, train.images[part], train.labels[part]) for part in map(np.sort, indices))
    return kept, held_out


if __name__ == "__main__":
    run_stage(main)
