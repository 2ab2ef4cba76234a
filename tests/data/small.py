"""The files of a small dataset, as a mirror has them."""

from pathlib import Path

import numpy as np

from digits.data import datasets

RNG = np.random.default_rng(0)
FILES = {
    datasets.TRAIN_IMAGES: RNG.integers(0, 256, (60, 28, 28), np.uint8),
    datasets.TRAIN_LABELS: np.tile(np.arange(10, dtype=np.uint8), 6),
    datasets.TEST_IMAGES: RNG.integers(0, 256, (10, 28, 28), np.uint8),
    datasets.TEST_LABELS: np.arange(10, dtype=np.uint8),
}


def write(folder: Path) -> Path:
    """Write the files into ``folder``, and return it."""
    for file, array in FILES.items():
        datasets.write_idx(folder / file, array)
    return folder
