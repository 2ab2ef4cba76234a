"""Write randomly deformed copies of the training set, one file per pass."""

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
from tqdm import tqdm

from digits.core import store
from digits.core.files import replacing
from digits.core.job import run_stage
from digits.core.params import Augment, Params
from digits.data.augmentation import augment, is_identity


def main(params: Params, processed: Path, augmented: Path) -> None:
    section, train = params.augment, processed / "train.npz"
    store.load(train, "preprocess")
    if is_identity(section):
        with replacing(augmented / "00.npz") as path:
            shutil.copyfile(train, path)
        return
    # One single-threaded process per core. Windows allows at most 61.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    workers = min(section.passes, os.cpu_count() or 1, 61)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        passes = pool.map(partial(write_pass, section, train, augmented), range(section.passes))
        for _ in tqdm(passes, total=section.passes, desc="augment", unit="pass"):
            pass


def write_pass(section: Augment, train: Path, augmented: Path, number: int) -> None:
    """Write pass ``number`` of ``train`` into the folder ``augmented``."""
    cv2.setNumThreads(1)
    dataset = store.load(train, "preprocess")
    images = augment(dataset.images, section, number)
    store.save(augmented / f"{number:02d}.npz", dataset._replace(images=images))


if __name__ == "__main__":
    run_stage(main)
