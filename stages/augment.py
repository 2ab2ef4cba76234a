"""Randomly deformed copies of the training set, one file a pass."""

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
from tqdm import tqdm

from digits import params, store
from digits.augmentation import augment, is_identity
from digits.errors import run
from digits.files import replacing

TRAIN, AUGMENTED = Path("data/processed/train.npz"), Path("data/augmented")


def main() -> None:
    section = params.load().augment
    if is_identity(section):
        with replacing(AUGMENTED / "00.npz") as path:
            shutil.copyfile(TRAIN, path)
        return
    store.load(TRAIN, "preprocess")
    workers = min(section.passes, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers) as pool:
        passes = pool.map(partial(write_pass, section), range(section.passes))
        for _ in tqdm(passes, total=section.passes, desc="augment", unit="pass"):
            pass


def write_pass(section: params.Augment, number: int) -> None:
    """Write pass ``number``; one process works on it, with one thread."""
    cv2.setNumThreads(1)
    dataset = store.load(TRAIN, "preprocess")
    images = augment(dataset.images, section, number)
    store.save(AUGMENTED / f"{number:02d}.npz", dataset._replace(images=images))


if __name__ == "__main__":
    run(main)
