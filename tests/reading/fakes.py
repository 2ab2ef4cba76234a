"""Functions in place of the networks: every piece of ink is a digit, 1 if it is narrow, 0 if not, or else a dash."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.levels import STRIDE
from digits.reading.settings import Ink, Lines, Settings

Floats = NDArray[np.float32]
Network = Callable[[Floats], Floats]

# Every key is set, so that no test depends on reader/params.yaml.
SETTINGS = Settings(
    longest=1600,
    small=200,
    enlarged=2,
    tiny=1,
    cut=1,
    margin=0.15,
    edge=0.3,
    step=2**0.5,
    least=34,
    window=65,
    floor=3,
    rim=4,
    heights=(12, 75),
    candidate=0.12,
    most=1000,
    fill=22,
    considered=0.125,
    found=0.5,
    sorted=0.5,
    alone=0.6,
    overlap=0.35,
    inside=0.7,
    agreement=0.5,
    smallest=0.4,
    vote=0.5,
    touching=0.3,
    near=0.04,
    accepted=0.5,
    surest=0,
    emptier=0,
    ink=Ink(sizes=(40, 112), around=0.12, even=2, level=0.003, blur=0.012, darkest=0.03, smallest=0.004),
    lines=Lines(steepest=40, apart=0.7, space=0.7, larger=2, cell=1.2),
)


def changed(**settings: Any) -> Settings:
    return Settings(**{**SETTINGS.model_dump(), **settings})


def labelled(width: float, height: float, sure: float = 0.91) -> Floats:
    """Return the probabilities of the ten digits for ink of this size."""
    labels = np.full(10, (1 - sure) / 9, np.float32)
    labels[int(width < 0.45 * height)] = sure
    return labels


def detector(frames: Floats) -> Floats:
    cells = np.zeros((len(frames), frames.shape[1] // STRIDE, frames.shape[2] // STRIDE, 15), np.float32)
    for number, frame in enumerate(frames):
        # A digit's ink differs more from the mean of its surroundings than the paper does.
        ink = (np.abs(frame[..., 0]) > 1.1).astype(np.uint8)
        for left, top, width, height, _ in cv2.connectedComponentsWithStats(ink)[2][1:].tolist():
            if max(width, height) >= 4:
                row, column = int((top + height / 2) // STRIDE), int((left + width / 2) // STRIDE)
                y, x = (row + 0.5) * STRIDE, (column + 0.5) * STRIDE
                sides = [x - left, y - top, left + width - x, top + height - y]
                cells[number, row, column] = [0.9, *sides, *np.log(labelled(width, height))]
    return cells


def at(cells: dict[tuple[int, int], list[float]]) -> Network:
    """Return a detector that finds the same in each frame: by row and column, a probability and four sides."""

    def detect(frames: Floats) -> Floats:
        output = np.full((len(frames), frames.shape[1] // STRIDE, frames.shape[2] // STRIDE, 15), 0.1, np.float32)
        output[..., 0] = 0
        for (row, column), cell in cells.items():
            output[:, row, column, : len(cell)] = cell
        return output

    return detect


def classifier(crops: Floats) -> Floats:
    rows = np.zeros((len(crops), 11), np.float32)
    for row, crop in zip(rows, crops, strict=True):
        width, height = size(crop[..., 2] > 0)
        row[10] = 0.95 if width > 1.5 * height else 0.05
        row[:10] = labelled(width, height) * (1 - row[10])
    return rows


def size(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the width and the height of what is True."""
    columns, rows = (np.flatnonzero(mask.any(axis=axis)) for axis in (0, 1))
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def infer(images: NDArray[np.uint8]) -> Floats:
    """Return what MNIST's network would for images, uint8 (N, 28, 28)."""
    rows = np.full((len(images), 10), 0.1, np.float32)
    for row, image in zip(rows, images, strict=True):
        if image.any():
            row[:] = labelled(*size(image > 0))
    return rows
