"""An image at several sizes, so that each digit is of a size that the detector knows in some of them."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
# The detector's output has a cell for this many pixels a side.
STRIDE = 4


class Level(NamedTuple):
    """An image, uint8 (H, W), enlarged by the factor ``scale``."""

    scale: float
    grey: Grey


def pyramid(
    grey: Grey, *, longest: float, small: float, enlarged: float, tiny: float, step: float, least: float
) -> list[Level]:
    """Return an image, uint8 (H, W), at several sizes, the largest first, each smaller than the last by ``step``.

    longest: the largest level's longer side has at most this many pixels
    small, enlarged: images with no longer side than ``small`` are enlarged by this factor at first
    tiny: or until their longer side has this many pixels
    least: the last level's longer side has at least this many pixels
    """
    side = max(grey.shape)
    top = min(longest / side, 1.0 if side > small else max(enlarged, tiny / side))
    levels, base = list[Level](), grey
    while not levels or top * side >= least:
        height, width = (max(1, round(length * top)) for length in grey.shape)
        # Halved first, which is much faster than to average over many pixels.
        while min(base.shape) >= 4 and max(base.shape) > 2.5 * max(height, width):
            half = (base.shape[1] // 2, base.shape[0] // 2)
            base = cv2.resize(base, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        how = cv2.INTER_AREA if top < 1 else cv2.INTER_CUBIC
        resized = base if (height, width) == base.shape else cv2.resize(base, (width, height), interpolation=how)
        levels.append(Level(top, np.asarray(resized, np.uint8)))
        top /= step
    return levels


def widened(grey: Grey, cut: float, margin: float, edge: float) -> tuple[Grey, int]:
    """Return an image, uint8 (H, W), with a margin if a digit was cut out so tightly that it touches the edge.

    The margin is as bright as most of the edge. Its width in pixels, 0 if there is none, is returned, too.

    cut: longer side in pixels of the largest image that gets a margin
    margin: its width, as a fraction of that side
    edge: there is ink at the edge if its grey levels span this fraction of the image's
    """
    around = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if max(grey.shape) > cut or np.ptp(around) < edge * np.ptp(grey):
        return grey, 0
    width = max(1, round(margin * max(grey.shape)))
    return np.pad(grey, width, constant_values=int(np.median(around))), width


def normalized(grey: Grey, window: int, floor: float) -> NDArray[np.float32]:
    """Return how much each pixel differs from its surroundings, float32 (H, W), whatever the light and the contrast.

    window: side of the surroundings in pixels
    floor: added to their standard deviation, in grey levels, so that noise on even paper stays small
    """
    mean, square = (
        filtered(grey, cv2.CV_32F, (window, window), borderType=cv2.BORDER_REFLECT)
        for filtered in (cv2.boxFilter, cv2.sqrBoxFilter)
    )
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.asarray((grey - mean) / (deviation + np.float32(floor)), np.float32)


def framed(grey: Grey, window: int, floor: float, *, multiple: int, rim: int) -> NDArray[np.float32]:
    """Return the detector's input, float32 (H', W', 2): ``normalized`` grey levels, and 1 inside the image.

    There are at least ``rim`` empty pixels on the left and at the top; both sides are multiples of ``multiple``.
    """
    height, width = grey.shape
    tall, wide = (-(-(side + 2 * rim) // multiple) * multiple for side in grey.shape)
    frame = np.zeros((tall, wide, 2), np.float32)
    inside = frame[rim : rim + height, rim : rim + width]
    inside[..., 0], inside[..., 1] = normalized(grey, window, floor), 1
    return frame
