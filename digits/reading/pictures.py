"""Read the images of a dataset in a folder, each of one symbol."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from digits.core.errors import InputError
from digits.core.store import SIDE
from digits.core.task import Task
from digits.reading.converting import convert
from digits.reading.decoding import decode, printable
from digits.reading.settings import Ink

# Images that a process reads at a time, and reasons that are printed.
CHUNK, MAX_REASONS = 200, 100
Images = NDArray[np.uint8]


def read(folder: Path, names: Sequence[str], task: Task, ink: Ink) -> tuple[Images, NDArray[np.bool_]]:
    """Return the images ``names`` in ``folder`` that can be read, uint8 (M, 28, 28), and which they are, bool (N,).

    The others are named on stderr, with the reason.
    """
    images, readable, reasons = np.zeros((len(names), SIDE, SIDE), np.uint8), np.zeros(len(names), bool), list[str]()
    # One single-threaded process per core. Windows allows at most 61.
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 61), get_context("spawn")) as pool:
        chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
        done = pool.map(partial(_read, folder, task, ink), chunks)
        progress = tqdm(total=len(names), desc="read", unit="image", disable=None)
        for start, (read_images, failed) in zip(range(0, len(names), CHUNK), done, strict=True):
            part = slice(start, start + len(read_images))
            images[part], readable[part] = read_images, [not reason for reason in failed]
            reasons += filter(None, failed)
            progress.update(len(read_images))
        progress.close()
    for reason in reasons[:MAX_REASONS]:
        print(f"warning: {reason}", file=sys.stderr)
    if len(reasons) > MAX_REASONS:
        print(f"warning: and {len(reasons) - MAX_REASONS:,} more", file=sys.stderr)
    # Without a copy where all could be read.
    return images if readable.all() else images[readable], readable


def _read(folder: Path, task: Task, ink: Ink, names: Sequence[str]) -> tuple[Images, list[str]]:
    """Return an image for each of ``names``, and why it cannot be read, which is empty if it can."""
    cv2.setNumThreads(1)
    images, reasons = np.zeros((len(names), SIDE, SIDE), np.uint8), [""] * len(names)
    for number, name in enumerate(names):
        try:
            images[number] = convert(decode(folder / name)[0], task, ink)
        except InputError as error:
            reasons[number] = str(error)
        else:
            if images[number].min() == images[number].max():
                reasons[number] = f"{printable(folder / name)}: nothing can be seen in it"
    return images, reasons
