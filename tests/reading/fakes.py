"""Functions in place of the networks: every piece of ink is a digit, 1 if it is narrow, 0 if not, or else a dash."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.classes import CLASSES, NONE
from digits.reading.finding import Network
from digits.reading.normalization import STRIDE
from digits.reading.settings import Ink, Lines, Settings, Signs

Floats = NDArray[np.float32]

# Every key is set, so that no test depends on reader/params.yaml.
SETTINGS = Settings(
    max_side=1600,
    upscale_below=200,
    upscale_factor=2,
    upscale_to=1,
    pad_below=1,
    padding=0.15,
    min_margin=0.05,
    min_edge_contrast=0.3,
    scale_step=2**0.5,
    min_side=34,
    normalization_window=65,
    normalization_floor=3,
    frame_padding=4,
    candidate_sizes=(12, 75),
    lone_sizes=(24, 36),
    lone_objectness=0.85,
    min_filled=1,
    sure_alone=1,
    min_objectness=0.12,
    max_candidates=1000,
    crop_box_side=22,
    wide_box_side=8,
    min_candidate_score=0.125,
    objectness_exponent=0.5,
    classifier_exponent=0.5,
    best_score_weight=0.6,
    suppression_iou=0.35,
    suppression_inside=0.7,
    fusion_iou=0.5,
    context_reach=2,
    min_context_score=0.2,
    usual_score=0.75,
    context_weight=0,
    min_relative_size=0.4,
    mnist_weight=0.5,
    touching_factor=0.3,
    touching_distance=0.04,
    min_score=0.5,
    min_best_score=0,
    max_sign=1,
    max_lean=1,
    best_score_per_doubling=0,
    min_certainty=0.1,
    enlarge_below=1,
    min_gain=2,
    ink=Ink(
        box_sizes=(40, 112),
        context=0.12,
        max_even_range=2,
        slope_penalty=0.003,
        blur=0.012,
        min_ink=0.03,
        min_piece_area=0.004,
    ),
    lines=Lines(max_slant=40, max_line_distance=0.7, min_space=0.7, min_space_in_gaps=2, cell_gap=1.2),
    signs=Signs(reach=0.3, overlap=0.08, min_area=0.002),
)


def changed(**settings: Any) -> Settings:
    return Settings(**{**SETTINGS.model_dump(), **settings})


def labelled(width: float, height: float, sure: float = 0.91) -> Floats:
    """Return the class probabilities of ink of this size."""
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
    rows = np.zeros((len(crops), CLASSES), np.float32)
    for row, crop in zip(rows, crops, strict=True):
        width, height = size(crop[..., 2] > 0)
        row[NONE] = 0.95 if width > 1.5 * height else 0.05
        row[:10] = labelled(width, height) * (1 - row[NONE])
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
