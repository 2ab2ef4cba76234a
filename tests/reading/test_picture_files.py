import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.core.store import SIDE
from digits.core.task import Task
from digits.reading import pictures
from tests.reading.drawing import alike, draw
from tests.reading.fakes import SETTINGS

SYMBOLS = Task(classes=("a", "b"), fit="digit", polarity="auto")
WHOLE = SYMBOLS.model_copy(update={"fit": "resize", "polarity": "light"})


def read(folder: Path, *names: str, task: Task = SYMBOLS) -> tuple[np.ndarray, list[bool]]:
    images, readable = pictures.read(folder, names, task, SETTINGS.ink)
    assert images.dtype == np.uint8
    assert images.shape == (readable.sum(), SIDE, SIDE)
    return images, readable.tolist()


def test_pictures_of_any_format_and_size_give_alike_images(tmp_path: Path) -> None:
    drawn = Image.fromarray(draw("5"))
    opaque = np.zeros((200, 200, 4), np.uint8)
    opaque[..., 3] = 255 - draw("5")
    saved = {
        "a.png": drawn,
        "b.jpg": drawn,
        "sub/c.webp": drawn,
        "d.gif": drawn,
        "e.bmp": drawn.convert("RGB"),
        "f.tiff": drawn.convert("CMYK"),
        "16 bits.png": Image.fromarray(draw("5").astype(np.uint16) * 257),
        "palette.png": drawn.convert("P"),
        "bits.png": drawn.convert("1"),
        "alpha.png": Image.fromarray(opaque),
        "small.png": drawn.resize((50, 50), Image.Resampling.BOX),
        "large.png": drawn.resize((3000, 3000)),
    }
    (tmp_path / "sub").mkdir()
    for name, image in saved.items():
        image.save(tmp_path / name)
    images, readable = read(tmp_path, *saved)
    assert all(readable)
    for name, image in zip(saved, images, strict=True):
        assert alike(image, images[0]) > 0.85, name


def test_the_order_is_that_of_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "CHUNK", 3)
    expected = np.random.default_rng(0).integers(0, 256, (11, SIDE, SIDE), dtype=np.uint8)
    names = [f"{7 * number % 11}.png" for number in range(11)]
    for name, image in zip(names, expected, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    images, readable = read(tmp_path, *names, task=WHOLE)
    np.testing.assert_array_equal(images, expected)
    assert all(readable)


def test_what_cannot_be_read_is_told_in_a_line_each(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good = Image.fromarray(draw("5"))
    good.save(tmp_path / "good.png")
    good.save(tmp_path / "cut.png")
    os.truncate(tmp_path / "cut.png", 300)
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    Image.new("L", (1, 1)).save(tmp_path / "pixel.png")
    Image.new("L", (90, 90), 200).save(tmp_path / "blank.png")
    Image.new("1", (12_000, 10_001)).save(tmp_path / "huge.png")
    (tmp_path / "folder.png").mkdir()
    reasons = {
        "cut.png": "damaged image",
        "text.png": "not an image in a supported format",
        "empty.png": "not an image in a supported format",
        "pixel.png": "nothing can be seen in it",
        "blank.png": "nothing can be seen in it",
        "huge.png": "more than 120,000,000 pixels",
        "folder.png": "a folder, not an image",
        "none.png": "no such file",
    }
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        reasons["pipe.png"] = "not a regular file"
        (tmp_path / "line\nbreak.png").touch()
        reasons["line\nbreak.png"] = "not an image in a supported format"
        (tmp_path / "broken link.png").symlink_to("nowhere")
        reasons["broken link.png"] = "no such file"
    images, readable = read(tmp_path, *reasons, "good.png")
    assert readable == [False] * len(reasons) + [True]
    assert images.any()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == len(reasons)
    for line, (name, reason) in zip(lines, reasons.items(), strict=True):
        assert line.startswith(f"warning: {tmp_path / name}".replace("\n", "\\n"))
        assert reason in line
