"""An image of one symbol, of any size, in 28x28 pixels: when a dataset is made and when it is read."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.core.store import SIDE
from digits.core.task import Task
from digits.reading.decoding import Grey
from digits.reading.ink import strokes
from digits.reading.settings import Ink

# Pieces of ink below this fraction of the largest one are no part of the symbol.
MIN_PIECE = 0.02


def convert(grey: Grey, task: Task, ink: Ink) -> Grey:
    """Convert an image, uint8 (H, W), as ``task`` says: uint8 (28, 28), light ink on dark.

    It is all 0 if ``task.fit`` is ``digit`` and there is no ink.
    """
    paper = float(np.median(_border(grey)))
    light = task.polarity == "light" or (task.polarity == "auto" and paper < 128)
    if task.fit == "resize":
        return _resized(grey if light else 255 - grey)
    if light and grey.shape == (SIDE, SIDE) and not paper:
        # It is in MNIST's format already; converting it again would blur it.
        return grey
    known = None if task.polarity == "auto" else light
    return strokes(grey, _box(grey, known), ink, known)


def _border(grey: Grey) -> NDArray[np.uint8]:
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def _resized(grey: Grey) -> Grey:
    """Return an image in 28x28 pixels, its shorter side padded with the grey level of its border."""
    height, width = grey.shape
    if rest := abs(height - width):
        padding = (rest // 2, rest - rest // 2)
        paddings = (padding, (0, 0)) if height < width else ((0, 0), padding)
        grey = np.pad(grey, paddings, constant_values=int(np.median(_border(grey))))
    if len(grey) == SIDE:
        return grey
    how = cv2.INTER_AREA if len(grey) > SIDE else cv2.INTER_CUBIC
    return cv2.resize(grey, (SIDE, SIDE), interpolation=how).astype(np.uint8, copy=False)


def _box(grey: Grey, light: bool | None) -> NDArray[np.float32]:
    """Return the box around the ink: left, top, right, bottom; the whole image if there is none."""
    contrast = grey - np.float32(np.median(grey))
    if light is None:
        light = bool(contrast.max() > -contrast.min())
    level = np.rint((contrast if light else -contrast).clip(0, 255)).astype(np.uint8)
    mask = cv2.threshold(level, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    count, _, pieces, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    kept = pieces[1:][pieces[1:, cv2.CC_STAT_AREA] >= MIN_PIECE * pieces[1:, cv2.CC_STAT_AREA].max(initial=1)]
    if count < 2:
        return np.array([0, 0, *grey.shape[::-1]], np.float32)
    (left, top), (width, height) = kept[:, :2].T, kept[:, 2:4].T
    return np.array([left.min(), top.min(), (left + width).max(), (top + height).max()], np.float32)
