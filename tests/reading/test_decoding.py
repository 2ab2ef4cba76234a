import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits.core.errors import InputError
from digits.reading.decoding import MAX_SIDE, decode
from tests.reading.drawing import Grey, draw


def difference(one: Grey, other: Grey) -> float:
    """Return the mean difference of two images of the same size."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LA"])
def test_every_mode_gives_the_same_grey(mode: str) -> None:
    grey = draw("5")
    match mode:
        case "I;16":
            image = Image.fromarray(grey.astype(np.uint16) * 257)
        case "I" | "F":
            image = Image.fromarray(grey.astype(np.int32 if mode == "I" else np.float32))
        case _:
            image = Image.fromarray(grey).convert(mode)
    read, factor = decode(image)
    assert read.dtype == np.uint8
    assert factor == 1
    assert difference(read, grey) < 4


def test_floats_from_0_to_1_give_the_same_grey() -> None:
    grey = draw("5")
    content = encoded(Image.fromarray(grey.astype(np.float32) / 255), "TIFF")
    assert difference(decode(content)[0], grey) < 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, np.bool_])
def test_arrays_of_every_kind_give_the_same_grey(kind: type[np.generic]) -> None:
    grey = draw("5")
    arrays: dict[type[np.generic], NDArray[np.generic]] = {
        np.uint16: grey.astype(np.uint16) * 257,
        np.float32: grey.astype(np.float32) / 255,
        np.float64: grey / 255,
        np.bool_: grey > 128,
    }
    array = arrays.get(kind, grey)
    for given in (array, np.stack([array] * 3, axis=-1)):
        assert difference(decode(given)[0], grey) < 4


@pytest.mark.parametrize("bits", [8, 10, 11, 12, 14, 16])
def test_of_16_bits_as_many_as_are_used_are_stretched(bits: int) -> None:
    grey = draw("5")
    levels = (grey.astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16)
    as_file = encoded(Image.fromarray(levels), "TIFF")
    for source in (levels, as_file, Image.fromarray(levels.astype(np.int32))):
        assert difference(decode(source)[0], grey) < 2


@pytest.mark.parametrize(
    ("ink", "paper"), [((200, 30, 40), (30, 130, 60)), ((40, 70, 190), (110, 70, 30)), ((128, 0, 0), (0, 0, 128))]
)
def test_ink_as_bright_as_its_paper_is_told_by_its_colour(ink: tuple[int, ...], paper: tuple[int, ...]) -> None:
    share = draw("5")[..., np.newaxis] / 255
    colours = (share * paper + (1 - share) * ink).astype(np.uint8)
    grey, _ = decode(colours)
    assert abs(np.corrcoef(grey.ravel(), draw("5").ravel())[0, 1]) > 0.99
    assert np.ptp(grey) > 200


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_a_file_is_read_from_its_path_its_bytes_and_open(kind: str, tmp_path: Path) -> None:
    content = encoded(Image.fromarray(draw("5")), kind)
    path = tmp_path / "picture"
    path.write_bytes(content)
    for source in (content, path, str(path), io.BytesIO(content)):
        assert difference(decode(source)[0], draw("5")) < 4
    with path.open("rb") as file:
        assert difference(decode(file)[0], draw("5")) < 4


@pytest.mark.parametrize("ink", [0, 255])
def test_transparent_pixels_are_background(ink: int) -> None:
    image = np.full((200, 200, 4), ink, np.uint8)
    image[..., 3] = 255 - draw("5")
    assert difference(decode(image)[0], draw("5") if ink == 0 else 255 - draw("5")) < 1


def test_the_orientation_in_the_exif_data_is_respected() -> None:
    rotated = Image.fromarray(draw("50")).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert difference(decode(encoded(rotated, "JPEG", exif=exif, quality=95))[0], draw("50")) < 4


@pytest.mark.parametrize("size", [(4000, 4000), (4000, 900), (300, 1700), (1601, 1601)])
def test_large_images_are_shrunk_to_the_longest_side(size: tuple[int, int]) -> None:
    image = cv2.resize(draw("5"), size).astype(np.uint8)
    part = MAX_SIDE / max(size)
    expected = cv2.resize(draw("5"), (round(size[0] * part), round(size[1] * part))).astype(np.uint8)
    for source in (image, encoded(Image.fromarray(image), "JPEG"), encoded(Image.fromarray(image))):
        grey, factor = decode(source)
        assert factor == pytest.approx(max(size) / MAX_SIDE)
        assert difference(grey, expected) < 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 1600), (1600, 7), (200, 300)])
def test_other_images_keep_their_pixels(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    grey, factor = decode(image)
    assert factor == 1
    np.testing.assert_array_equal(grey, image)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an image"),
        (b"some text", "not an image"),
        (encoded(Image.fromarray(draw("5")))[:300], "damaged"),
        (encoded(Image.new("1", (20_000, 20_000))), "more than 120,000,000 pixels"),
        (encoded(Image.new("1", (12_000, 10_001))), "more than 120,000,000 pixels"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image in a supported format"),
    ],
)
def test_a_file_that_is_not_an_image_is_reported_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.png: .*{message}") as caught:
        decode(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(InputError, match="a folder"):
        decode(tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 5), np.uint8),
        np.zeros(5),
        np.zeros((5, 5, 2), np.uint8),
        np.full((5, 5), 2.0),
        np.zeros((5, 5), complex),
    ],
)
def test_an_array_that_is_not_an_image_is_rejected(array: NDArray[np.generic]) -> None:
    with pytest.raises(InputError, match="the image: an array"):
        decode(array)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match=r"pipe\.png: not a regular file"):
        decode(tmp_path / "pipe.png")


def test_values_that_are_not_finite_are_reported(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 30), np.nan, np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match=r"a\.tiff: damaged image \(values that are not finite\)"):
        decode(tmp_path / "a.tiff")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_a_very_large_image_is_shrunk_in_every_mode(mode: str) -> None:
    drawn = draw("50", size=400, thickness=32)
    wide = np.full((len(drawn), 4 * MAX_SIDE), 255, np.uint8)
    wide[:, : drawn.shape[1]] = drawn
    large = Image.fromarray(wide.astype(np.uint16) * 257 if mode == "I;16" else wide)
    large = large if mode == "I;16" else large.convert(mode)
    expected = cv2.resize(wide, (MAX_SIDE, 200), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert difference(decode(large)[0], expected) < 2


def test_the_first_frame_of_an_animation_is_read() -> None:
    first, second = (Image.fromarray(draw(text)) for text in ("50", "00"))
    content = encoded(first, "GIF", save_all=True, append_images=[second])
    assert difference(decode(content)[0], draw("50")) < 4
