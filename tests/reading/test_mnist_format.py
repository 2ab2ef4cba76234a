import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.reading.mnist_format import to_mnist
from tests.reading.drawing import glyph


@given(st.integers(0, 10_000), st.sampled_from([20, 40, 41, 80, 200]))
@settings(max_examples=60)
def test_a_digit_fills_the_box_and_its_centre_of_mass_is_at_the_centre(seed: int, side: int) -> None:
    image = to_mnist(cv2.resize(glyph(seed), (side, side)).astype(np.float32) / np.float32(255))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
    moments = cv2.moments(image)
    for moment in ("m10", "m01"):
        assert abs(moments[moment] / moments["m00"] - 14) <= 0.51


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_an_image_in_mnists_format_hardly_changes(seed: int) -> None:
    image = glyph(seed)
    again = to_mnist(image.astype(np.float32) / np.float32(255))
    # A centre of mass halfway between two pixels may be rounded to either.
    moved = [np.roll(again, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    assert min(np.abs(each.astype(int) - image).mean() for each in moved) < 4


@pytest.mark.parametrize("side", [1, 28, 100])
def test_no_ink_is_an_empty_image(side: int) -> None:
    assert not to_mnist(np.zeros((side, side), np.float32)).any()


@pytest.mark.parametrize("width", [2, 5, 9, 14])
def test_thin_strokes_are_thickened_to_the_width_of_mnists(width: int) -> None:
    ink = np.zeros((100, 100), np.float32)
    ink[10:90, 50 : 50 + width] = 1
    columns = np.flatnonzero(to_mnist(ink).any(axis=0))
    # A stroke of 14 pixels in 80 is as thick as it should be.
    assert np.ptp(columns) + 1 == pytest.approx(3.5, abs=1)
