"""What stages hand to each other: pages, and crops of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.core import store

PAGES, CROPS = Path("data/pages.npz"), Path("data/crops.npz")
# Grey levels of a crop are stored as whole numbers, this many to one standard deviation.
SCALE = 24
Drawn = list[tuple[NDArray[np.uint8], NDArray[np.float32]]]


def load(path: Path) -> Drawn:
    """Return pages, uint8 (H, W), each with the boxes of its digits as in ``reader.drawing.effects.Page``.

    Raises InputError if the file is missing or damaged.
    """
    arrays = store.load_arrays(path, "pages", "pixels", "shapes", "boxes", "counts")
    pixels = np.split(arrays["pixels"], np.cumsum(arrays["shapes"].prod(axis=1))[:-1])
    boxes = np.split(arrays["boxes"], np.cumsum(arrays["counts"])[:-1])
    pages = [part.reshape(shape) for part, shape in zip(pixels, arrays["shapes"], strict=True)]
    return list(zip(pages, boxes, strict=True))
