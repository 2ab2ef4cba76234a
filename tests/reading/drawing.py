"""Pictures of simplified digits."""

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

# The strokes of simplified digits, on a square of 100×100.
SHAPES: dict[str, list[list[tuple[int, int]]]] = {
    "0": [[(50, 10), (75, 25), (78, 60), (60, 90), (40, 90), (22, 60), (28, 25), (50, 10)]],
    "1": [[(55, 8), (45, 92)]],
    "4": [[(35, 10), (25, 55), (75, 55)], [(65, 15), (60, 92)]],
    "5": [[(70, 10), (32, 12), (28, 48), (60, 48), (70, 68), (55, 90), (25, 86)]],
    "7": [[(25, 12), (75, 12), (45, 90)], [(35, 50), (68, 50)]],
}


def draw(text: str, size: int = 100, thickness: int = 8) -> Grey:
    """Draw a line of digits in black on white, with a margin of half a digit's height."""
    canvas = np.full((2 * size, (len(text) + 1) * size), 255, np.uint8)
    for number, name in enumerate(text):
        for stroke in SHAPES[name]:
            points = np.array(stroke) * size // 100 + (size // 2 + number * size, size // 2)
            cv2.polylines(canvas, [points.astype(np.int32)], False, 0, thickness, cv2.LINE_AA)
    return canvas


def glyph(seed: int) -> Grey:
    """Draw a random stroke as MNIST does: light on 28×28, a box of 20×20, its centre of mass at (14, 14)."""
    random = np.random.default_rng(seed)
    points = random.integers(0, 57, (4, 2))
    # Some strokes are as narrow as a 1.
    points = (points - points.min(0)) * (random.choice([0.2, 1]), 1)
    points = (points * 57 / max(1, points.max()) + 10).astype(np.int32)
    canvas = np.zeros((80, 80), np.uint8)
    cv2.polylines(canvas, [points], False, 255, 9, cv2.LINE_AA)
    rows, columns = (np.flatnonzero(canvas.any(axis=axis)) for axis in (1, 0))
    tight = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = 20 / max(tight.shape)
    tight = cv2.resize(tight, None, fx=part, fy=part, interpolation=cv2.INTER_AREA).astype(np.uint8)
    moments = cv2.moments(tight)
    left, top = (round(14 - moments[each] / moments["m00"]) for each in ("m10", "m01"))
    image = np.zeros((28, 28), np.uint8)
    image[top : top + tight.shape[0], left : left + tight.shape[1]] = tight
    return image


def alike(one: Grey, other: Grey) -> float:
    """Return the correlation of two images of the same size, up to a shift of one pixel."""
    moved = [np.roll(one, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return max(float(np.corrcoef(each.ravel(), other.ravel())[0, 1]) for each in moved)
