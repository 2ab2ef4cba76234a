import io
import itertools
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from digits.core.errors import InputError
from digits.core.store import SIDE
from digits.reading import decoding, finding, mnist_format
from digits.reading.finding import Crop
from studies.photographs.stages import photographs

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


def find(source: decoding.Source) -> list[list[Crop]]:
    """Return the lines of an image under its likeliest interpretation."""
    return finding.find(source)[0]


def count(source: decoding.Source) -> list[int]:
    return [len(line) for line in find(source)]


def soft_blob(seed: int) -> Grey:
    """Return 28×28 pixels in MNIST's format: a box of 20×20, with its centre of mass at (14, 14)."""
    random = np.random.default_rng(seed)
    canvas = np.zeros((80, 80), np.uint8)
    points = random.integers(8, 72, (4, 2)).astype(np.int32)
    cv2.polylines(canvas, [points], False, 255, 9, cv2.LINE_AA)
    return mnist_format.to_mnist(canvas.astype(np.float32) / np.float32(255))


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_a_digit_fills_the_box_and_its_centre_of_mass_is_at_the_centre(seed: int) -> None:
    image = soft_blob(seed)
    assert image.shape == (SIDE, SIDE)
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
    moments = cv2.moments(image)
    for moment in ("m10", "m01"):
        assert abs(moments[moment] / moments["m00"] - 14) <= 0.51


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_an_image_in_mnists_format_hardly_changes(seed: int) -> None:
    image = soft_blob(seed)
    ((crop,),) = find(image)
    # A centre of mass halfway between two pixels may be rounded to either.
    moved = [np.roll(crop.image, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    assert min(np.abs(each.astype(int) - image).mean() for each in moved) < 4


@pytest.mark.parametrize(("left", "top", "side"), [(0, 0, 280), (90, 20, 280), (30, 100, 600)])
def test_size_and_position_make_no_difference(left: int, top: int, side: int) -> None:
    ((reference,),) = find(draw("5"))
    canvas = np.full((800, 800), 255, np.uint8)
    canvas[top : top + side, left : left + side] = cv2.resize(
        draw("5")[50:150, 50:150], (side, side), interpolation=cv2.INTER_CUBIC
    )
    ((crop,),) = find(canvas)
    assert np.abs(crop.image.astype(int) - reference.image).mean() < 6
    x, y, width, height = crop.box
    assert left <= x < x + width <= left + side
    assert top <= y < y + height <= top + side


def test_light_on_dark_is_the_same_as_dark_on_light() -> None:
    image = draw("05")
    for dark, light in zip(*(find(each)[0] for each in (image, 255 - image)), strict=True):
        assert dark.box == light.box
        np.testing.assert_array_equal(dark.image, light.image)


def test_lines_are_read_from_top_to_bottom_and_left_to_right() -> None:
    sheet = np.vstack(
        [
            np.pad(draw(text), ((0, 0), (0, 500 - 100 * len(text))), constant_values=255)
            for text in ("5014", "70", "411")
        ]
    )
    lines = find(sheet)
    assert [len(line) for line in lines] == [4, 2, 3]
    for line in lines:
        assert all(one.box[0] < other.box[0] for one, other in itertools.pairwise(line))


def test_a_digit_of_several_strokes_is_one_digit() -> None:
    image = draw("4")
    # Separates the two strokes, as if the pen had been lifted.
    cv2.line(image, (50 + 57, 50 + 40), (50 + 57, 50 + 80), 255, 6)
    assert count(image) == [1]


def test_specks_are_not_digits() -> None:
    image = draw("05")
    for x, y in ((20, 20), (250, 30), (150, 180)):
        cv2.circle(image, (x, y), 3, 0, -1)
    assert count(image) == [2]


def test_thin_strokes_are_thickened_to_the_width_of_mnists() -> None:
    thin, thick = (find(draw("5", 300, thickness))[0][0].image.astype(float).sum() for thickness in (2, 30))
    assert thin > 0.5 * thick


def photographed(drawn: Grey, noise: float, seed: int = 0) -> Grey:
    """Return ``drawn`` in light that fades by a third from left to right, with noise of this standard deviation."""
    light = np.linspace(230, 155, drawn.shape[1]) / 255
    random = np.random.default_rng(seed)
    return np.clip(drawn * light + random.normal(0, noise, drawn.shape), 0, 255).astype(np.uint8)


def same(one: Grey, other: Grey) -> bool:
    """Whether two digits in MNIST's format are the same, up to a shift of one pixel and the width of their strokes."""
    moved = [np.roll(one, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return max(float(np.corrcoef(each.ravel(), other.ravel())[0, 1]) for each in moved) > 0.8


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("size", [300, 900])
@pytest.mark.parametrize("margin", [0.05, 0.3, 0.5])
def test_a_digit_is_found_whatever_fraction_of_a_photograph_it_fills(name: str, size: int, margin: float) -> None:
    drawn = draw(name, size, thickness=round(0.12 * size))
    cut = round((0.5 - margin) * size)
    window = drawn[cut : drawn.shape[0] - cut, cut : drawn.shape[1] - cut]
    ((found,),) = find(photographed(window, noise=4))
    ((expected,),) = find(draw(name))
    assert same(found.image, expected.image)


@pytest.mark.parametrize("size", [60, 300])
@pytest.mark.parametrize("name", SHAPES)
def test_a_noisy_digit_cropped_from_between_others_is_found_alone(name: str, size: int) -> None:
    drawn = draw(f"0{name}5", size, thickness=round(0.12 * size))
    noise = np.random.default_rng(0).normal(-6, 3, drawn.shape)
    cut = np.clip(drawn + noise, 0, 255)[
        round(0.45 * size) : -round(0.45 * size), round(1.1 * size) : -round(1.1 * size)
    ]
    ((found,),) = find(cut.astype(np.uint8))
    ((expected,),) = find(draw(name))
    assert same(found.image, expected.image)


@pytest.mark.parametrize("effect", [*photographs.ON_PAPER, *photographs.THROUGH_LENS])
def test_digits_are_found_in_photographs_with_each_distortion(effect: str) -> None:
    digits: NDArray[Any] = np.stack(
        [255 - cv2.resize(draw(name)[50:150, 50:150], (28, 28), interpolation=cv2.INTER_AREA) for name in "05470"]
    )
    random = np.random.default_rng(0)
    photograph = photographs.photograph(photographs.write(digits, [3, 2], random), [effect], random)
    assert count(photograph) == [3, 2]


def counts(image: Grey) -> list[list[int]]:
    """Return the number of digits in each line, under each interpretation of the image."""
    return [[len(line) for line in lines] for lines in finding.find(image)]


def test_a_large_photograph_has_several_interpretations() -> None:
    photograph = photographed(draw("054", 300, thickness=30), noise=4)
    assert counts(photograph)[0] == [3]
    assert len(counts(photograph)) > 1
    # The inverted photograph is light ink on a dark background.
    assert counts(255 - photograph)[0] == [3]
    assert len(counts(photographed(draw("5"), noise=4))) == 1


def test_one_interpretation_ignores_paler_ink() -> None:
    line = draw("054", 300, thickness=30)
    pale = np.full_like(line, 255)
    for x in range(150, 1100, 100):
        cv2.circle(pale, (x, 300), 130, 130, 8)
    found = counts(photographed(np.minimum(line, pale), noise=2))
    assert found[0] != [3]
    assert [3] in found


def test_one_interpretation_ignores_the_largest_piece() -> None:
    line = draw("054", 300, thickness=30)
    cv2.rectangle(line, (60, 520), (1140, 580), 60, -1)
    found = counts(photographed(line, noise=2))
    assert found[0] != [3]
    assert [3] in found


def test_all_digits_of_a_tightly_cropped_line_are_found() -> None:
    line = draw("05475", 30, thickness=3)
    rows, columns = (np.flatnonzero((line < 128).any(axis=axis)) for axis in (1, 0))
    assert count(line[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]) == [5]


def test_two_touching_digits_can_be_separated() -> None:
    left, right = draw("45"), draw("45")
    left[:, 150:] = 255
    right[:, :150] = 255
    ((crop,),) = find(np.minimum(np.roll(left, 25, 1), np.roll(right, -23, 1)))
    ((one, other),) = finding.parts(crop)
    (first,), (second,) = (find(each)[0] for each in (left, right))
    assert same(one.image, first.image)
    assert same(other.image, second.image)
    assert one.box == pytest.approx((96, 56, 58, 90), abs=4)
    assert other.box[0] + other.box[2] == pytest.approx(crop.box[0] + crop.box[2], abs=1)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_touching_neighbour_can_be_cut_off(mirrored: bool) -> None:
    line = draw("05")
    cv2.line(line, (125, 98), (180, 98), 0, 6)
    image, expected = line[:, 100:], draw("5")
    if mirrored:
        image, expected = (np.ascontiguousarray(each[:, ::-1]) for each in (image, expected))
    ((crop,),) = find(image)
    assert crop.cut == (not mirrored, mirrored)
    (alone,) = (way[0] for way in finding.parts(crop))
    assert same(alone.image, find(expected)[0][0].image)
    outer = image.shape[1] - alone.box[0] if mirrored else alone.box[0] + alone.box[2]
    assert outer == pytest.approx(125, abs=5)


def test_a_narrow_digit_is_not_separated() -> None:
    ((crop,),) = find(draw("1"))
    assert finding.parts(crop) == []


def test_neighbours_cut_off_by_the_edge_are_ignored() -> None:
    line = draw("050")
    assert count(line[:, 115:285]) == [1]


@pytest.mark.parametrize(
    "image",
    [
        np.full((50, 50), 255, np.uint8),
        np.zeros((50, 50), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.linspace(0, 255, 801).astype(np.uint8)[None],
        np.full((300, 300), 128, np.uint8),
        np.tile(np.linspace(0, 255, 300).astype(np.uint8), (300, 1)),
        np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 256, (1000, 1000), dtype=np.uint8),
    ],
)
def test_nothing_is_found_in_an_image_without_ink(image: Grey) -> None:
    assert find(image) == []


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LA"])
def test_every_mode_gives_the_same_grey(mode: str, tmp_path: Path) -> None:
    grey = draw("5")
    match mode:
        case "I;16":
            image = Image.fromarray(grey.astype(np.uint16) * 257)
        case "I" | "F":
            image = Image.fromarray(grey.astype(np.int32 if mode == "I" else np.float32))
        case _:
            image = Image.fromarray(grey).convert(mode)
    read, _ = decoding.decode(image)
    assert np.abs(read.astype(int) - grey).mean() < 4


def test_transparent_pixels_are_background() -> None:
    for ink in (0, 255):
        image = np.zeros((200, 200, 4), np.uint8)
        image[..., :3] = ink
        image[..., 3] = 255 - draw("5")
        assert count(image) == [1]


def test_the_orientation_in_the_exif_data_is_respected() -> None:
    rotated = Image.fromarray(draw("50")).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    rotated.save(file, "JPEG", exif=exif, quality=95)
    assert count(file.getvalue()) == [2]


def test_boxes_are_in_the_pixels_of_the_original_image() -> None:
    image = cv2.resize(draw("5"), (4000, 4000))
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG")
    for source in (image, file.getvalue()):
        assert find(source)[0][0].box == pytest.approx((1460, 1130, 1000, 1750), abs=100)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an image"),
        (b"some text", "not an image"),
        (png(Image.fromarray(draw("5")))[:300], "damaged"),
        (png(Image.new("1", (20_000, 20_000))), "more than 120,000,000 pixels"),
        (png(Image.new("1", (12_000, 10_001))), "more than 120,000,000 pixels"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image in a supported format"),
    ],
)
def test_a_file_that_is_not_an_image_is_reported_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path / "bad.png", content)
    with pytest.raises(InputError, match=rf"bad\.png: .*{message}") as caught:
        find(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        find(tmp_path / "none.png")
    with pytest.raises(InputError, match="a folder"):
        find(tmp_path)


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
        find(array)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match=r"pipe\.png: not a regular file"):
        find(tmp_path / "pipe.png")


def test_values_that_are_not_finite_are_reported(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 30), np.nan, np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match=r"a\.tiff: damaged image \(values that are not finite\)"):
        find(tmp_path / "a.tiff")


def test_a_line_break_in_a_name_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\\nb\.png: no such file"):
        find(tmp_path / "a\nb.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_a_very_large_image_is_read_in_every_mode(mode: str) -> None:
    drawn = draw("50", size=400, thickness=32)
    wide = np.full((len(drawn), 4 * decoding.LONGEST), 255, np.uint8)
    wide[:, : drawn.shape[1]] = drawn
    large = Image.fromarray(wide.astype(np.uint16) * 257 if mode == "I;16" else wide)
    large = large if mode == "I;16" else large.convert(mode)
    (boxes,), (expected,) = ([[crop.box for crop in line] for line in find(image)] for image in (large, drawn))
    np.testing.assert_allclose(boxes, expected, atol=20)


def test_the_first_frame_of_an_animation_is_read() -> None:
    frames = [Image.fromarray(draw(text)) for text in ("50", "00")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert count(file.getvalue()) == [2]
