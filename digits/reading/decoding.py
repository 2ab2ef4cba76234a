"""An image file, or an array, into grey levels."""

import io
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from digits.core.errors import InputError

Source = str | Path | bytes | Image.Image | NDArray[Any]
Grey = NDArray[np.uint8]
# Larger pictures are shrunk to this longest side, in pixels: a digit that one can read has enough of them left.
LONGEST = 1600


def decode(source: Source) -> tuple[Grey, float]:
    """Return a picture's grey levels, uint8 (H, W), no side longer than 1600, and its own pixels to one of them.

    Raises InputError where it is no picture.
    """
    name = source if isinstance(source, str | Path) else "the picture"
    try:
        with warnings.catch_warnings():
            # Twice as many pixels are an error, and stay one; telephones take pictures between the two.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = _open(source)
            width = image.width
            # JPEG can be decoded at a part of its size.
            image.draft(None, (LONGEST, LONGEST))
            rotated = ImageOps.exif_transpose(image)
            drawn_width = image.width
            grey = _grey(rotated)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: a folder, not a picture") from None
    except UnidentifiedImageError:
        raise InputError(f"{name}: no picture in a format that is known here") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name}: too many pixels; shrink it, to 4000 on its longest side at the most") from None
    except Exception as error:  # Pillow raises whatever the damage leads to, from OSError to SyntaxError.
        raise InputError(f"{name}: a damaged picture ({' '.join(str(error).split())})") from None
    scale = width / drawn_width
    if (longest := max(grey.shape)) > LONGEST:
        part = LONGEST / longest
        size = (max(1, round(grey.shape[1] * part)), max(1, round(grey.shape[0] * part)))
        return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False), scale / part
    return grey, scale


def _open(source: Source) -> Image.Image:
    if isinstance(source, np.ndarray):
        return Image.fromarray(_levels(source))
    if isinstance(source, Image.Image):
        return source
    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)


def _levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.size == 0 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InputError(f"the picture: an array {array.shape}, not (height, width) with 3, 4 or no channels")
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return np.asarray(array >> 8, np.uint8)
    if np.issubdtype(array.dtype, np.floating) and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
        return np.asarray(np.rint(array * 255), np.uint8)
    raise InputError(f"the picture: an array of {array.dtype}, not of uint8, uint16, bool, or floats from 0 to 1")


def _grey(image: Image.Image) -> Grey:
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, np.float64)
        # 16 bits are the most that a picture's file has.
        top = 65535 if levels.max() > 255 else 255
        return np.clip(levels * 255 / top, 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        colours = np.asarray(image.convert("RGBA"), np.float32)
        opaque = colours[..., 3] / 255
        grey = np.asarray(image.convert("RGBA").convert("RGB").convert("L"), np.float32)
        # Light ink on nothing is meant for a dark ground.
        seen = float(opaque.sum())
        ground = 0 if opaque.min() < 1 and seen and (grey * opaque).sum() / seen > 160 else 255
        return (grey * opaque + ground * (1 - opaque)).astype(np.uint8)
    return np.asarray(image.convert("RGB").convert("L") if image.mode != "L" else image, np.uint8)
