"""Grey levels relative to their surroundings, as the detector is trained with them and takes them."""

import cv2
import numpy as np
from numpy.typing import NDArray

# The detector's output has a cell for this many pixels a side.
STRIDE = 4


def normalized(grey: NDArray[np.uint8], window: int, floor: float) -> NDArray[np.float32]:
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
