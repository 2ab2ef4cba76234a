"""Words, signs and digits in many hands and typefaces, as masks of ink, with the box of each character."""

import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Mask = NDArray[np.float32]
Random = np.random.Generator

# In pixels, of the type before it is scaled.
EM = 48


class Typed(NamedTuple):
    """A line of type.

    mask: float32 (H, W), 0 to 1, the amount of ink
    characters: each one but spaces, with the left, top, right and bottom of its box in pixels
    height: of a digit, in pixels; or of any character, if the font has no digits
    """

    mask: Mask
    characters: list[tuple[str, float, float, float, float]]
    height: float

    def scaled(self, factor: float, narrowing: float = 1) -> "Typed":
        """Return it ``factor`` times as high, and ``narrowing`` times that as wide."""
        height, width = self.mask.shape
        shape = (max(3, round(width * factor * narrowing)), max(3, round(height * factor)))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        mask = cv2.resize(self.mask, shape, interpolation=how).astype(np.float32)
        across, down = shape[0] / width, shape[1] / height
        characters = [
            (name, left * across, top * down, right * across, bottom * down)
            for name, left, top, right, bottom in self.characters
        ]
        return Typed(mask, characters, self.height * down)


class Fonts:
    """The fonts in a folder: ``hands``, ``print``, and ``scripts``, in which only letters are written."""

    def __init__(self, folder: Path) -> None:
        self.hands, self.print, self.scripts = (
            [str(path) for path in sorted((folder / group).glob("*.woff"))] for group in ("hands", "print", "scripts")
        )

    def letters(self, path: str) -> Sequence[str]:
        """Return the letters of a font."""
        return _letters(path)

    def typeset(self, text: str, path: str) -> Typed:
        """Return a line of type. Characters that the font lacks are left out."""
        font, known = _font(path), _characters(path)
        text = "".join(character for character in text if character in known)
        margin = EM
        image = Image.new("L", (int(font.getlength(text)) + 2 * margin, 3 * EM))
        ImageDraw.Draw(image).text((margin, margin), text, 255, font=font)
        mask = np.asarray(image, np.float32) / np.float32(255)
        x, y, width, height = cv2.boundingRect((mask > 0.3).astype(np.uint8))
        characters = list[tuple[str, float, float, float, float]]()
        for number, name in enumerate(text):
            start = margin + font.getlength(text[: number + 1]) - font.getlength(name) - x
            if box := _box(path, name):
                left, top, right, bottom = box
                characters.append((name, start + left, margin + top - y, start + right, margin + bottom - y))
        return Typed(mask[y : y + height, x : x + width], characters, _height(path))


@cache
def _font(path: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, EM)


@cache
def _box(path: str, name: str) -> tuple[int, int, int, int] | None:
    """Return the box of the ink of a character whose origin is at (0, 0); none of a space."""
    mask, (x, y) = _font(path).getmask2(name, "L")
    ink = mask.getbbox() if all(mask.size) else None
    return (x + ink[0], y + ink[1], x + ink[2], y + ink[3]) if ink else None


@cache
def _characters(path: str) -> frozenset[str]:
    return frozenset(map(chr, TTFont(path).getBestCmap()))


@cache
def _letters(path: str) -> Sequence[str]:
    return sorted(name for name in _characters(path) if unicodedata.category(name).startswith("L"))


@cache
def _height(path: str) -> float:
    name = "0" if "0" in _characters(path) else _letters(path)[0]
    box = _box(path, name)
    assert box
    return box[3] - box[1]
