import cv2
import numpy as np
import pytest

from digits.reading.lone_ink import find_lone_ink
from tests.reading.drawing import Grey, draw


def paper(side: int, slope: float = 0) -> Grey:
    """A sheet as bright as 200 in the middle, and by ``slope`` brighter at one side than at the other."""
    return np.rint(200 + slope * np.linspace(-0.5, 0.5, side)[None] * np.ones((side, 1))).astype(np.uint8)


@pytest.mark.parametrize("side", [28, 200, 1200])
@pytest.mark.parametrize("slope", [0, 100])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_lone_stroke_is_found_in_even_or_uneven_light(side: int, slope: int, inverted: bool) -> None:
    page = paper(side, slope if side > 28 else 0)
    left, top, right, bottom = (int(side * part) for part in (0.6, 0.3, 0.63, 0.45))
    page[top:bottom, left : max(right, left + 1)] = 40
    box = find_lone_ink(255 - page if inverted else page)
    assert box == pytest.approx([left, top, max(right, left + 1), bottom], abs=max(1, side / 100))


def test_a_stroke_from_edge_to_edge_is_found() -> None:
    page = np.full((100, 30), 255, np.uint8)
    page[:, 12:20] = 0
    assert find_lone_ink(page) == pytest.approx([12, 0, 20, 100], abs=2)


def test_two_strokes_of_a_digit_are_one_piece_of_ink_and_dirt_is_none() -> None:
    page = paper(100)
    page[20:70, 30:40], page[10:16, 32:52], page[90:92, 10:12] = 30, 30, 30
    assert find_lone_ink(page) == pytest.approx([30, 10, 52, 70], abs=2)


def test_in_a_circle_the_digit_is_meant() -> None:
    page = draw("1", 100, 8)
    cv2.circle(page, (page.shape[1] // 2, page.shape[0] // 2), 90, 0, 5)
    box = find_lone_ink(page)
    assert box is not None
    assert (box[2:] - box[:2]).max() < 120


@pytest.mark.parametrize("text", ["", "101", "0 0"])
def test_no_ink_and_several_pieces_are_not_a_lone_one(text: str) -> None:
    page = np.hstack([paper(40), *(cv2.resize(draw(name, 60, 6), (120, 40)) for name in text.replace(" ", ""))])
    assert find_lone_ink(page) is None


def test_a_blank_or_tiny_image_has_no_ink() -> None:
    for shape in ((1, 1), (1, 500), (300, 2)):
        assert find_lone_ink(np.full(shape, 128, np.uint8)) is None
