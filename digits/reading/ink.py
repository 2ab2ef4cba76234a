"""The strokes of one digit, separated from the paper and from its neighbours, as MNIST's classifier takes them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.core.store import SIDE
from digits.reading.mnist_format import to_mnist
from digits.reading.settings import Ink

# Fewer pixels than this tell nothing about the paper.
MIN_PIXELS = 20


def strokes(
    grey: NDArray[np.uint8], box: NDArray[np.float32], settings: Ink, light: bool | None = None
) -> NDArray[np.uint8]:
    """Return the digit in ``box`` (left, top, right, bottom) of an image, uint8 (H, W), in MNIST's format, uint8
    (28, 28), all 0 if there is no ink.

    light: whether the ink is lighter than the paper; by default what differs more from the paper is the ink
    """
    box = box.clip(0, (grey.shape[1], grey.shape[0]) * 2)
    size = float(max(box[2] - box[0], box[3] - box[1], 1))
    context = max(1.0, settings.context * size)
    left, top = (max(0, int(side - context)) for side in box[:2])
    right, bottom = (
        min(limit, int(np.ceil(side + context))) for side, limit in zip(box[2:], grey.shape[::-1], strict=True)
    )
    window = grey[top:bottom, left:right].astype(np.float32)
    min_size, max_size = settings.box_sizes
    factor = min(1.0, max_size / size) if size > min_size else min_size / size
    if (box[2:] <= box[:2]).any() or min(window.shape) * min(factor, 1.0) < 3:
        return np.zeros((SIDE, SIDE), np.uint8)
    if factor != 1:
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        window = cv2.resize(window, None, fx=factor, fy=factor, interpolation=how).astype(np.float32)
    size *= factor
    inner = np.zeros(window.shape, bool)
    (x, right), (y, bottom) = (
        (max(0, int((low - corner) * factor)), int(np.ceil((high - corner) * factor)))
        for low, high, corner in ((box[0], box[2], left), (box[1], box[3], top))
    )
    inner[y:bottom, x:right] = True
    if not inner.any():
        return np.zeros((SIDE, SIDE), np.uint8)
    contrast = cv2.GaussianBlur(window - _paper(window, inner, settings), (0, 0), max(0.6, settings.blur * size))
    within = contrast[inner]
    rank = int(settings.min_ink * len(within))
    ordered = np.partition(within, (rank, len(within) - 1 - rank))
    dark, bright = -ordered[rank], ordered[-1 - rank]
    sign = 1 if (bright > dark if light is None else light) else -1
    ink = np.clip(sign * contrast / max(bright if sign > 0 else dark, 1), 0, 1).astype(np.float32)
    level = cv2.threshold(np.rint(ink * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0] / 255
    count, labels = cv2.connectedComponents((ink > level).astype(np.uint8), connectivity=8)
    areas, inside = np.bincount(labels.ravel(), minlength=count), np.bincount(labels[inner], minlength=count)
    # A piece that is mostly outside belongs to a neighbour, a tiny one to the paper.
    kept = (inside > 0.5 * areas) & (areas > settings.min_piece_area * size * size)
    kept[0] = False
    near = cv2.dilate(kept[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    soft = cv2.dilate(inner.astype(np.uint8), np.ones((5, 5), np.uint8))
    return to_mnist((ink * near * soft).astype(np.float32))


def _paper(window: NDArray[np.float32], inner: NDArray[np.bool_], settings: Ink) -> NDArray[np.float32]:
    """Fit a plane to the paper around the box, where most pixels are no ink."""
    ring = ~inner
    around = window[ring]
    if len(around) >= MIN_PIXELS:
        ranks = [len(around) // 4, len(around) // 2, 3 * len(around) // 4]
        low, middle, high = np.partition(around, ranks)[ranks]
        if high - low <= settings.max_even_range:
            return np.full_like(window, middle)
    if full := len(around) < MIN_PIXELS:
        # The digit fills the picture; but even then there are more pixels of paper than of ink.
        ring, around = np.ones_like(inner), window.ravel()
    places = [np.linspace(-0.5, 0.5, side, dtype=np.float32) for side in window.shape]
    rows, columns = np.nonzero(ring)
    terms = np.stack([np.ones_like(around), places[0][rows], places[1][columns]], axis=1)
    error = np.abs(around - np.median(around)) if full else np.zeros_like(around)
    # A strip at one side does not tell how light falls on the rest: the plane is to be level unless it must slope.
    penalty = np.diag([0, settings.slope_penalty, settings.slope_penalty]).astype(np.float32)
    for _ in range(3):
        chosen = error <= 2 * np.median(error) + 2
        if chosen.sum() < MIN_PIXELS:
            break
        used = terms[chosen]
        plane = np.linalg.solve(used.T @ used + len(used) * penalty, used.T @ around[chosen])
        error = np.abs(around - terms @ plane)
    return np.asarray(plane[0] + plane[1] * places[0][:, None] + plane[2] * places[1], np.float32)


def lean(image: NDArray[np.uint8]) -> float:
    """Return how far ink leans to the right, its columns per row; 0 if there is none.

    image: uint8 (28, 28), in MNIST's format
    """
    moments = cv2.moments(image)
    return -moments["mu11"] / max(moments["mu02"], 1e-6)
