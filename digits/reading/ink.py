"""The strokes of one digit, separated from the paper and from its neighbours, as MNIST's classifier takes them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.core.store import SIDE
from digits.reading.mnist_format import to_mnist

# Boxes are brought to a size between these, in pixels: fewer show no strokes, more only take time.
LEAST, MOST = 40, 112
# Paper whose grey levels differ by no more than this is even.
EVEN = 6


def strokes(grey: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the digit in ``box`` (left, top, right, bottom) of an image, uint8 (H, W), in MNIST's format.

    uint8 (28, 28), all 0 if there is no ink.
    """
    box = box.clip(0, (grey.shape[1], grey.shape[0]) * 2)
    size = float(max(box[2] - box[0], box[3] - box[1], 1))
    rim = max(1.0, 0.12 * size)
    left, top = (max(0, int(side - rim)) for side in box[:2])
    right, bottom = (
        min(limit, int(np.ceil(side + rim))) for side, limit in zip(box[2:], grey.shape[::-1], strict=True)
    )
    window = grey[top:bottom, left:right].astype(np.float32)
    factor = min(1.0, MOST / size) if size > LEAST else LEAST / size
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
    contrast = cv2.GaussianBlur(window - _ground(window, inner), (0, 0), max(0.6, 0.012 * size))
    ordered = np.sort(contrast[inner])
    rank = int(0.03 * len(ordered))
    dark, light = -ordered[rank], ordered[-1 - rank]
    ink = np.clip((contrast if light > dark else -contrast) / max(light, dark, 1), 0, 1).astype(np.float32)
    level = cv2.threshold(np.rint(ink * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0] / 255
    count, labels = cv2.connectedComponents((ink > level).astype(np.uint8), connectivity=8)
    areas, inside = np.bincount(labels.ravel(), minlength=count), np.bincount(labels[inner], minlength=count)
    # A piece that is mostly outside belongs to a neighbour, a tiny one to the paper.
    kept = (inside > 0.5 * areas) & (areas > 0.004 * size * size)
    kept[0] = False
    near = cv2.dilate(kept[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    soft = cv2.dilate(inner.astype(np.uint8), np.ones((5, 5), np.uint8))
    return to_mnist((ink * near * soft).astype(np.float32))


def _ground(window: NDArray[np.float32], inner: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fit a plane to the paper around the box, where most pixels are no ink."""
    around = window[~inner]
    if len(around) >= 20 and np.ptp(around) <= EVEN:
        return np.full_like(window, np.median(around))
    y, x = np.mgrid[-0.5 : 0.5 : 1j * window.shape[0], -0.5 : 0.5 : 1j * window.shape[1]].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y], axis=-1)
    ring = chosen = ~inner
    if ring.sum() < 20:
        # The digit fills the picture; but even then there are more pixels of paper than of ink.
        ring, away = np.ones_like(inner), np.abs(window - np.median(window))
        chosen = away <= 2 * np.median(away) + 2
    # A strip at one side does not tell how light falls on the rest: the plane is to be level unless it must slope.
    level = np.diag([0, 0.003, 0.003]).astype(np.float32)
    for _ in range(3):
        rows = terms[chosen]
        plane = np.linalg.lstsq(rows.T @ rows + len(rows) * level, rows.T @ window[chosen], rcond=None)[0]
        error = np.abs(window - terms @ plane)
        chosen = ring & (error < 2 * np.median(error[ring]) + 2)
        if chosen.sum() < 20:
            break
    return np.asarray(terms @ plane, np.float32)
