"""What the stages read: their sections of reader/params.yaml, and the files that they hand to each other."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from digits.core import params, store
from digits.core.errors import InputError
from digits.core.params import Section

PARAMS, MODELS = Path("reader/params.yaml"), Path("reader/models")
FONTS = Path("reader/data/fonts")
PAGES, CROPS = Path("reader/data/pages.npz"), Path("reader/data/crops.npz")
# Grey levels of a crop are stored as whole numbers, this many to one standard deviation.
SCALE = 24
Pages = list[tuple[NDArray[np.uint8], NDArray[np.float32]]]
S = TypeVar("S", bound=Section)


def load_section(name: str, schema: type[S]) -> S:
    """Return the section ``name``. Raises InputError, one line that names the key, its value and what is allowed."""
    content = params.read(PARAMS)
    if not isinstance(content, dict) or name not in content:
        raise InputError(f"{PARAMS}: {name}: missing key; add it")
    return params.check(content[name], Path(f"{PARAMS}: {name}"), schema)


def load_pages() -> Pages:
    """Return pages, uint8 (H, W), each with the boxes of its digits as in ``reader.drawing.effects.Page``.

    Raises InputError if the file is missing or damaged.
    """
    arrays = store.load_arrays(PAGES, "pages", "pixels", "shapes", "boxes", "counts")
    pixels = np.split(arrays["pixels"], np.cumsum(arrays["shapes"].prod(axis=1))[:-1])
    boxes = np.split(arrays["boxes"], np.cumsum(arrays["counts"])[:-1])
    pages = [part.reshape(shape) for part, shape in zip(pixels, arrays["shapes"], strict=True)]
    return list(zip(pages, boxes, strict=True))
