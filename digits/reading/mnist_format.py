"""Convert the strokes of a digit to MNIST's format.

MNIST's authors scaled each digit's tight box, aspect ratio kept, to 20×20 anti-aliased pixels, and placed these in
28×28 with the centre of mass at the centre: http://yann.lecun.com/exdb/mnist/ and, for what they left unsaid,
C. Yadav and L. Bottou, "Cold case: the lost MNIST digits" (2019).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.core.store import SIDE
from digits.reading.decoding import Grey

Ink = NDArray[np.float32]
# In pixels: the side of a digit's box, and the coordinate of its centre of mass, the first pixel's centre being 0.
BOX, CENTRE = 20, 14
# Strokes thinner than this fraction of the digit's size are thickened: MNIST's are about three pixels of twenty.
MIN_STROKE = 0.14


def to_mnist(ink: Ink) -> Grey:
    """Convert a digit, float32 (H, W), 1 for ink and 0 for background, to MNIST's format: uint8 (28, 28)."""
    # In a small image, pixels are partly covered by a stroke's edge; in a large one, there is blur beyond the edge.
    small = max(ink.shape) <= 2 * BOX
    edge = 0.02 if small else 0.1
    rows, columns = (np.flatnonzero((ink > edge).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), np.uint8)
    tight = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if not small:
        tight = _thickened(tight)
    part = BOX / max(tight.shape)
    height, width = (max(1, round(side * part)) for side in tight.shape)
    if part != 1:
        how = cv2.INTER_AREA if part < 1 else cv2.INTER_CUBIC
        tight = np.clip(cv2.resize(tight, (width, height), interpolation=how), 0, 1)
    moments = cv2.moments(tight)
    if not moments["m00"]:
        return np.zeros((SIDE, SIDE), np.uint8)
    across, down = (moments[name] / moments["m00"] for name in ("m10", "m01"))
    left = min(max(round(CENTRE - across), 0), SIDE - width)
    top = min(max(round(CENTRE - down), 0), SIDE - height)
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = np.rint(tight * 255)
    return image


def _padded(image: NDArray[Any], width: int) -> NDArray[Any]:
    # In a fifth of np.pad's time, which counts with an image as small as this.
    return cv2.copyMakeBorder(image, width, width, width, width, cv2.BORDER_CONSTANT)


def _thickened(ink: Ink) -> Ink:
    mask = (ink > 0.5).astype(np.uint8)
    # Within a stroke of width w the mean distance to the background is w / 4.
    distance = cv2.distanceTransform(_padded(mask, 1), cv2.DIST_L2, 3)
    width = 4 * float(distance[distance > 0].mean()) - 1 if mask.any() else 1.0
    missing = round(MIN_STROKE * max(ink.shape) - width)
    if missing < 1:
        return ink
    padded = _padded(ink, missing // 2 + 1)
    return cv2.dilate(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1,) * 2)).astype(np.float32)
