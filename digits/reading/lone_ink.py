"""The one piece of ink of an image that has no other: no network need find it."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Ink is looked for in an image of at most this many pixels a side, and the light on the paper in one of this many.
SIDE, LIGHT_SIDE = 400, 64
# A digit is one piece, or two if its strokes do not meet. Smaller pieces than this fraction of the largest are dirt, of
# which there may be no more than this fraction of all ink.
MAX_PIECES, MIN_PIECE, MAX_DIRT = 2, 0.05, 0.05
# Two strokes of one digit share at least this fraction of the width of the smaller one.
MIN_COMMON = 0.3


def find_lone_ink(grey: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the box of the only piece of ink of an image, uint8 (H, W): left, top, right and bottom, float32 (4,).

    None if there is no ink, or more than one piece.
    """
    factor = min(1.0, SIDE / max(grey.shape))
    small = _resized(grey, factor).astype(np.float32)
    contrast = small - _paper(small)
    if max(small.shape) > LIGHT_SIDE:
        contrast = cv2.GaussianBlur(contrast, (0, 0), 1).astype(np.float32)
    sign = 1 if contrast.max() > -contrast.min() else -1
    levels = np.rint((sign * contrast).clip(0, 255)).astype(np.uint8)
    mask = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    _, _, pieces, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = pieces[1:, cv2.CC_STAT_AREA]
    kept = areas >= MIN_PIECE * areas.max(initial=1)
    if not 1 <= kept.sum() <= MAX_PIECES or areas[~kept].sum() > MAX_DIRT * areas.sum():
        return None
    left, top, width, height, _ = pieces[1:][kept].T
    boxes = np.stack([left, top, left + width, top + height], axis=1).astype(np.float32)
    inner, outer = boxes[np.argsort(width * height)[[0, -1]]]
    # Inside a circle or a frame, what it surrounds is meant; and side by side there are two digits.
    if len(boxes) == 2 and (inner[:2] > outer[:2]).all() and (inner[2:] < outer[2:]).all():
        return np.asarray(inner / factor, np.float32)
    common = min(inner[2], outer[2]) - max(inner[0], outer[0])
    if common < MIN_COMMON * (inner[2] - inner[0]):
        return None
    box = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    return np.asarray(box / factor, np.float32)


def _paper(image: NDArray[np.float32]) -> NDArray[np.float32] | np.float32:
    """Return the brightness of the paper at each pixel: the median of its wider surroundings."""
    factor = LIGHT_SIDE / max(image.shape)
    if factor >= 1:
        return np.float32(np.median(image))
    small = np.rint(_resized(image, factor)).clip(0, 255).astype(np.uint8)
    reach = LIGHT_SIDE // 4
    padded = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    medians = cv2.medianBlur(padded, 2 * reach + 1)[reach:-reach, reach:-reach].astype(np.float32)
    even = cv2.GaussianBlur(medians, (0, 0), 1)
    return cv2.resize(even, image.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _resized(image: NDArray[np.float32] | NDArray[np.uint8], factor: float) -> NDArray[np.float32]:
    if factor == 1:
        return image.astype(np.float32)
    size = tuple(max(1, round(side * factor)) for side in image.shape[::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
