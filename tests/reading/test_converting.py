import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.core.task import DIGITS, Task
from digits.reading import converting
from tests.reading.drawing import SHAPES, Grey, alike, draw
from tests.reading.fakes import SETTINGS

FITS, POLARITIES = ("digit", "resize"), ("auto", "light", "dark")


def convert(grey: Grey, fit: str, polarity: str = "auto") -> Grey:
    task = Task.model_validate({"classes": DIGITS.classes, "fit": fit, "polarity": polarity})
    return converting.convert(grey, task, SETTINGS.ink)


def centre(image: Grey) -> tuple[float, float]:
    moments = cv2.moments(image)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


SIZES = st.tuples(st.integers(1, 70), st.integers(1, 70)) | st.sampled_from([(1, 1), (1, 1600), (1600, 1), (3, 900)])


@given(SIZES, st.integers(0, 99), st.sampled_from([1, 2, 256]), st.sampled_from(FITS), st.sampled_from(POLARITIES))
@settings(max_examples=200)
def test_every_picture_has_an_image(size: tuple[int, int], seed: int, levels: int, fit: str, polarity: str) -> None:
    grey = np.random.default_rng(seed).integers(0, levels, size).astype(np.uint8) * np.uint8(255 // levels)
    before = grey.copy()
    image = convert(grey, fit, polarity)
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(grey, before)


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_the_whole_picture_of_28_pixels_is_taken_as_it_is(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(convert(image, "resize", "light"), image)
    np.testing.assert_array_equal(convert(image, "resize", "dark"), 255 - image)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("fit", FITS)
def test_dark_ink_and_light_ink_give_the_same_image(name: str, fit: str) -> None:
    dark = draw(name)
    for one, other in (("auto", "auto"), ("dark", "light"), ("auto", "light")):
        expected, image = convert(dark, fit, one).astype(int), convert(255 - dark, fit, other)
        np.testing.assert_allclose(image, expected, atol=3)
        assert image[0].max() < 20 < image.max()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("margins", [(0, 0, 0, 0), (5, 60, 80, 10), (200, 3, 3, 200)])
def test_a_digit_is_alike_wherever_it_is_in_the_picture(name: str, margins: tuple[int, int, int, int]) -> None:
    drawn = draw(name)
    expected = convert(drawn, "digit")
    rows, columns = (np.flatnonzero((drawn < 128).any(axis=axis)) for axis in (1, 0))
    tight = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, bottom, left, right = (each + 2 for each in margins)
    image = convert(np.pad(tight, ((top, bottom), (left, right)), constant_values=255), "digit")
    assert alike(image, expected) > 0.9
    assert centre(image) == pytest.approx((14, 14), abs=1)


def test_of_the_whole_picture_the_place_is_kept() -> None:
    drawn = np.full((100, 100), 255, np.uint8)
    drawn[10:20, 70:90] = 0
    assert centre(convert(drawn, "resize")) == pytest.approx((79.5 * 0.28 - 0.36, 14.5 * 0.28 - 0.36), abs=0.3)


@pytest.mark.parametrize("size", [(100, 40), (40, 100), (9, 14)])
def test_the_shorter_side_is_filled_up_with_the_paper(size: tuple[int, int]) -> None:
    grey = np.full(size, 200, np.uint8)
    grey[size[0] // 2 - 2 : size[0] // 2 + 2, size[1] // 2 - 2 : size[1] // 2 + 2] = 0
    image = convert(grey, "resize", "dark")
    assert abs(int(np.median(image)) - 55) <= 1
    assert (image[[0, 0, -1, -1], [0, -1, 0, -1]] == np.median(image)).all()
    assert centre(image - np.uint8(np.median(image).clip(0, image.min()))) == pytest.approx((13.5, 13.5), abs=1)
