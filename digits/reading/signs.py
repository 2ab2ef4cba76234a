"""The signs between the digits of a number: what else is written in the gap between two neighbours."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.settings import Signs

Box = tuple[float, float, float, float]


class Found(NamedTuple):
    """A sign: one of ``.,:-=/|+×``, and its box, left, top, right and bottom in pixels."""

    name: str
    box: Box


def find_sign(grey: NDArray[np.uint8], before: Box, after: Box, settings: Signs) -> Found | None:
    """Return the sign between two digits with these boxes (left, top, right, bottom) in an image, uint8 (H, W)."""
    height = max(before[3] - before[1], after[3] - after[1])
    reach = settings.reach * height
    left, right = max(0, int(before[0])), int(np.ceil(after[2]))
    top, bottom = max(0, int(min(before[1], after[1]) - reach)), int(np.ceil(max(before[3], after[3]) + reach))
    window = grey[top:bottom, left:right].astype(np.float32)
    if min(window.shape, default=0) < 3:
        return None
    contrast = window - np.float32(np.median(window))
    sign = 1 if contrast.max() > -contrast.min() else -1
    levels = np.rint((sign * contrast).clip(0, 255)).astype(np.uint8)
    mask = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    _, _, pieces, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    start, end = before[2] - left - settings.overlap * height, after[0] - left + settings.overlap * height
    # A piece of ink in the gap that belongs to neither digit; smaller ones are dirt.
    kept = [
        piece
        for piece, (x, _) in zip(pieces[1:].tolist(), centres[1:].tolist(), strict=True)
        if start <= piece[0] and piece[0] + piece[2] <= end and start < x < end
        if piece[4] >= settings.min_area * height * height
    ]
    if not kept:
        return None
    x, y, far, low = (
        min(piece[0] for piece in kept),
        min(piece[1] for piece in kept),
        max(piece[0] + piece[2] for piece in kept),
        max(piece[1] + piece[3] for piece in kept),
    )
    base = max(before[3], after[3]) - top
    name = _name(kept, mask[y:low, x:far], height, (base - (y + low) / 2) / height)
    return Found(name, (x + left, y + top, far + left, low + top))


def _name(pieces: list[list[int]], mask: NDArray[np.uint8], height: float, rise: float) -> str:
    """Return which sign it is, by its ``pieces`` and its ``mask``, beside digits of this ``height``, by how far its
    middle is above their feet, as a fraction of that."""
    tall, wide = (side / height for side in mask.shape)
    if len(pieces) == 2:
        return "=" if wide > tall or wide > 0.35 else ":"
    if wide > 1.8 * tall and wide > 0.12:
        return "-"
    if max(tall, wide) < 0.4 and rise < 0.3:
        return "," if tall > 1.4 * wide or rise < -0.02 else "."
    if tall > 1.6 * wide:
        rows, columns = np.nonzero(mask)
        leaning = wide > 0.2 and np.corrcoef(rows, columns)[0, 1] < -0.5
        return "/" if leaning else "|"
    middle = mask[:, mask.shape[1] // 3 : -(mask.shape[1] // 3) or None]
    return "+" if middle[:2].any() and middle[-2:].any() else "×"
