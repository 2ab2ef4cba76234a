"""Decode an image file or an array into grey levels."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from digits.core.errors import InputError


class Frame(NamedTuple):
    """A page of a TIFF, or a frame of a GIF, by its number, counted from 1."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{self.path}#{self.number}"


Source = str | Path | Frame | bytes | BinaryIO | Image.Image | NDArray[Any]
Grey = NDArray[np.uint8]
# Larger images are shrunk until their longer side has this many pixels: enough for any legible digit.
MAX_SIDE = 1600
# Images with more pixels are refused: to decode one takes at least four bytes per pixel.
MAX_PIXELS = 120_000_000
# Colours are looked at in so many pixels of the longer side. If the variance of the brightness is less than this
# part of that along the line on which colours vary most, colour tells more.
COLOUR_SIDE, MIN_BRIGHTNESS_SHARE = 200, 0.65
Image.init()
# Pillow knows more formats, some of which it opens by starting another program.
FORMATS = sorted({"AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"} & Image.OPEN.keys())
EXTENSIONS = {extension for extension, name in Image.registered_extensions().items() if name in FORMATS}


class UnsupportedError(InputError):
    """Not an image, or in a format that is not read."""


class TooLargeError(InputError):
    """An image with too many pixels."""


def decode(source: Source) -> tuple[Grey, float]:
    """Return the grey levels of an image, uint8 (H, W) with no side longer than 1600, and the factor it was shrunk by.

    source: a path, a file's bytes, an open file, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8,
        uint16, bool, or floats from 0 to 1; 16 bits of which fewer are used are stretched
    Raises InputError if it is not an image, or has more than 120 million pixels.
    """
    name = printable(source) if isinstance(source, str | Path | Frame) else "the image"
    try:
        with warnings.catch_warnings():
            # Pillow warns by limits of its own, and of damage that it reads over.
            warnings.simplefilter("ignore")
            image = _open(source)
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            longest = max(image.size)
            # A JPEG can be decoded at a fraction of its size.
            image.draft(None, (MAX_SIDE, MAX_SIDE))
            # Without a copy of an image that is upright already.
            upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            grey = _grey(_reduced(image if upright else ImageOps.exif_transpose(image)))
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: a folder, not an image") from None
    except UnidentifiedImageError:
        raise UnsupportedError(f"{name}: not an image in a supported format ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError:
        raise TooLargeError(f"{name}: more than {MAX_PIXELS:,} pixels; shrink it to 4000 on its longer side") from None
    except Exception as error:  # Pillow raises anything from OSError to SyntaxError.
        raise InputError(f"{name}: damaged image ({' '.join(str(error).split())})") from None
    if (part := MAX_SIDE / max(grey.shape)) < 1:
        size = (max(1, round(grey.shape[1] * part)), max(1, round(grey.shape[0] * part)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return grey, longest / max(grey.shape)


def frames(path: Path) -> list[Path | Frame]:
    """Return the pages of a TIFF or the frames of a GIF, if there are several, or else ``path``."""
    if path.suffix.lower() in (".tif", ".tiff", ".gif"):
        # What is damaged is told when it is read.
        with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            count = getattr(image, "n_frames", 1)
            if count > 1:
                return [Frame(path, number) for number in range(1, count + 1)]
    return [path]


def printable(name: object) -> str:
    """Return ``name``, such as a path, with line breaks and other unprintable characters escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(name))


def _open(source: Source) -> Image.Image:
    if isinstance(source, np.ndarray):
        return Image.fromarray(_levels(source))
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=FORMATS)
    if isinstance(source, Frame):
        image = Image.open(source.path, formats=FORMATS)
        image.seek(source.number - 1)
        return image
    if not isinstance(source, str | Path):
        return Image.open(source, formats=FORMATS)
    # To open a pipe would wait for its other end.
    if Path(source).exists() and not Path(source).is_file() and not Path(source).is_dir():
        raise InputError(f"{printable(source)}: not a regular file")
    return Image.open(source, formats=FORMATS)


def _reduced(image: Image.Image) -> Image.Image:
    """Shrink a large image by a whole factor, before each of its pixels takes several times its bytes."""
    factor = max(image.size) // MAX_SIDE
    if factor < 2:
        return image
    if image.has_transparency_data:
        # Weighted by opacity; otherwise the colour of transparent pixels would show at the edges.
        weighted = (image if image.mode == "RGBA" else image.convert("RGBA")).convert("RGBa")
        return weighted.reduce(factor).convert("RGBA")
    mode = {"1": "L", "P": "RGB"}.get(image.mode, "I" if image.mode.startswith("I") else image.mode)
    return (image if image.mode == mode else image.convert(mode)).reduce(factor)


def _levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.size == 0 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InputError(f"the image: an array of shape {array.shape}, not (height, width) with 3, 4 or no channels")
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return _stretched(array)
    if np.issubdtype(array.dtype, np.floating) and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
        return np.asarray(np.rint(array * 255), np.uint8)
    raise InputError(f"the image: an array of {array.dtype}, not of uint8, uint16, bool, or floats from 0 to 1")


def _stretched(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return ``levels`` as bytes: of 8 bits, or of as many more as the highest one uses; cameras have 10, 12 or 14."""
    bits = max(8, int(levels.max()).bit_length())
    return np.asarray((levels.astype(np.float64) * 255 / (2**bits - 1)).clip(0, 255), np.uint8)


def _grey(image: Image.Image) -> Grey:
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, np.float64)
        if not np.isfinite(levels).all():
            raise ValueError("values that are not finite")
        # Floats are often from 0 to 1.
        return _stretched(levels * 255 if image.mode == "F" and levels.max() <= 1 else levels)
    if image.has_transparency_data:
        colours = np.asarray(image.convert("RGBA"), np.float32)
        opaque = colours[..., 3] / 255
        grey = _told_by_colour(image.convert("RGBA").convert("RGB")).astype(np.float32)
        # Light ink on a transparent background is meant for a dark one.
        seen = float(opaque.sum())
        background = 0 if opaque.min() < 1 and seen and (grey * opaque).sum() / seen > 160 else 255
        return (grey * opaque + background * (1 - opaque)).astype(np.uint8)
    return np.asarray(image, np.uint8) if image.mode == "L" else _told_by_colour(image.convert("RGB"))


def _told_by_colour(image: Image.Image) -> Grey:
    """Return the brightness of an RGB image; or, where that varies much less than the colours do, as red ink on green
    paper, how far each pixel is along the line on which they vary most."""
    grey = np.asarray(image.convert("L"), np.uint8)
    step = -(-max(image.size) // COLOUR_SIDE)
    colours = np.asarray(image, np.float32)[::step, ::step].reshape(-1, 3)
    variances, axes = np.linalg.eigh((colours - colours.mean(axis=0)).T @ (colours - colours.mean(axis=0)))
    varied = grey[::step, ::step].astype(np.float32)
    # Of grey levels, the line's variance is three times that of each channel.
    if ((varied - varied.mean()) ** 2).sum() >= MIN_BRIGHTNESS_SHARE * variances[-1] / 3:
        return grey
    along = np.asarray(image, np.float32) @ axes[:, -1]
    low, high = np.percentile(along[::step, ::step], (0.5, 99.5))
    return np.asarray(((along - low) * 255 / max(high - low, 1)).clip(0, 255), np.uint8)
