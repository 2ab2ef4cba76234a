"""An image at several sizes, so that each digit is of a size that the detector knows in some of them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.settings import Settings

Grey = NDArray[np.uint8]


def pyramid(grey: Grey, settings: Settings) -> list[Grey]:
    """Return an image, uint8 (H, W), at several sizes, the largest first."""
    side, levels, base = max(grey.shape), list[Grey](), grey
    upscaled = side <= settings.upscale_below
    scale = max(settings.upscale_factor, settings.upscale_to / side) if upscaled else 1.0
    scale = min(settings.max_side / side, scale)
    while not levels or scale * side >= settings.min_side:
        height, width = (max(1, round(length * scale)) for length in grey.shape)
        # Halved first, which is much faster than to average over many pixels.
        while min(base.shape) >= 4 and max(base.shape) > 2.5 * max(height, width):
            half = (base.shape[1] // 2, base.shape[0] // 2)
            base = cv2.resize(base, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = base if (height, width) == base.shape else cv2.resize(base, (width, height), interpolation=how)
        levels.append(np.asarray(resized, np.uint8))
        scale /= settings.scale_step
    return levels


def pad_cut_out(grey: Grey, lone: NDArray[np.float32] | None, settings: Settings) -> tuple[Grey, int]:
    """Return an image, uint8 (H, W), padded if it is a digit that was cut out so tightly that it touches the edge.

    The padding is as bright as most of the edge. Its width in pixels, 0 if there is none, is returned, too.
    lone: the box of the only piece of ink, if there is one: left, top, right and bottom
    """
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if lone is not None:
        room = settings.min_margin * max(lone[2:] - lone[:2])
        tight = bool((lone[:2] < room).any() or (lone[2:] > np.subtract(grey.shape[::-1], room)).any())
    else:
        tight = max(grey.shape) <= settings.pad_below and np.ptp(edge) >= settings.min_edge_contrast * np.ptp(grey)
    if not tight:
        return grey, 0
    width = max(1, round(settings.padding * max(grey.shape)))
    return np.pad(grey, width, constant_values=int(np.median(edge))), width
