"""Damaged images of all formats, and odd sizes and modes: each is read, or refused in one line."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, features

from digits.reading.recognizer import Recognizer
from tests.attacks.limits import peak, tried
from tests.reading.drawing import draw

FORMATS = [
    ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "1"), ("PNG", "I;16"),
    ("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("BMP", "RGB"), ("BMP", "1"), ("GIF", "P"), ("WEBP", "RGB"),
    ("WEBP", "RGBA"), ("TIFF", "RGB"), ("TIFF", "F"), ("TIFF", "I;16"), ("TIFF", "1"), ("PPM", "RGB"), ("PPM", "L"),
    *([("AVIF", "RGB")] if features.check("avif") else []),
]  # fmt: skip


def encoded(form: str, mode: str, random: np.random.Generator) -> bytes:
    width, height = (int(each) for each in random.choice([1, 2, 28, 60, 200], 2))
    page = Image.fromarray(draw("70")).resize((width, height))
    image = (
        page.convert("L").point(lambda level: level * 256, "I").convert("I;16")
        if mode == "I;16"
        else page.convert(mode)
    )
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """Return ``content`` with some bytes changed, cut off, repeated, or unchanged."""
    changed = bytearray(content)
    for place in random.integers(len(changed), size=random.integers(0, 20)):
        changed[place] = random.integers(256)
    match random.integers(4):
        case 0:
            del changed[int(random.integers(len(changed))) :]
        case 1:
            at = int(random.integers(len(changed)))
            changed[at:at] = changed[: int(random.integers(len(changed)))]
    return bytes(changed)


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    recognizer = Recognizer.load()
    for number in range(seed, seed + (4000 if long else 300)):
        random = np.random.default_rng(number)
        form, mode = FORMATS[number % len(FORMATS)]
        content = damaged(encoded(form, mode, random), random)
        before = peak()
        wrong = tried(lambda content=content: recognizer.read(content))  # type: ignore[misc]
        grown = (peak() - before) / 1e6
        yield f"{number} ({form}, {mode})", wrong or (f"{grown:.0f} MB more" if grown > 1000 else "")
