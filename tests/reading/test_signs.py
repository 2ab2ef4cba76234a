import cv2
import numpy as np
import pytest

from digits.reading.signs import find_sign
from tests.reading.drawing import Grey, draw
from tests.reading.fakes import SETTINGS

# Of signs between two zeros 160 pixels high, from 90 to 250; points from 235 to 300 across, from left to right.
STROKES: dict[str, list[list[tuple[int, int]]]] = {
    ".": [[(265, 244), (266, 245)]],
    ",": [[(270, 240), (266, 272)]],
    ":": [[(265, 150), (266, 150)], [(265, 220), (266, 220)]],
    "-": [[(240, 170), (292, 172)]],
    "=": [[(240, 150), (292, 150)], [(240, 190), (292, 190)]],
    "+": [[(240, 170), (292, 170)], [(266, 140), (266, 200)]],
    "×": [[(244, 145), (290, 195)], [(290, 145), (244, 195)]],
    "/": [[(292, 95), (242, 250)]],
    "|": [[(266, 85), (266, 260)]],
}
BEFORE, AFTER = (100.0, 90.0, 220.0, 250.0), (310.0, 90.0, 430.0, 250.0)


def page(name: str = "") -> Grey:
    zero = cv2.resize(draw("0"), (400, 400), interpolation=cv2.INTER_AREA)
    ink = zero < 128
    left, top, width, height = cv2.boundingRect(ink.astype(np.uint8))
    cut = zero[top : top + height, left : left + width]
    digit = np.asarray(cv2.resize(cut, (120, 160), interpolation=cv2.INTER_AREA), np.uint8)
    drawn = np.full((340, 530), 255, np.uint8)
    for box in (BEFORE, AFTER):
        x, y = int(box[0]), int(box[1])
        drawn[y : y + 160, x : x + 120] &= digit
    for stroke in STROKES.get(name, []):
        cv2.polylines(drawn, [np.array(stroke, np.int32)], False, 0, 12, cv2.LINE_AA)
    return drawn


@pytest.mark.parametrize("name", STROKES)
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("scale", [0.2, 1])
def test_a_sign_is_found_and_named(name: str, inverted: bool, scale: float) -> None:
    drawn = cv2.resize(page(name), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    before, after = (tuple(scale * side for side in box) for box in (BEFORE, AFTER))
    found = find_sign(255 - drawn if inverted else drawn, before, after, SETTINGS.signs)  # type: ignore[arg-type]
    assert found is not None
    assert found.name == name
    left, top, right, bottom = (side / scale for side in found.box)
    assert 220 < left < right < 310
    assert 70 < top < bottom < 290


def test_between_digits_without_a_sign_is_none() -> None:
    assert find_sign(page(), BEFORE, AFTER, SETTINGS.signs) is None
    noise = np.random.default_rng(0).normal(0, 6, page().shape)
    assert find_sign((page() * 0.8 + noise).clip(0, 255).astype(np.uint8), BEFORE, AFTER, SETTINGS.signs) is None
    assert find_sign(np.full((4, 4), 9, np.uint8), BEFORE, AFTER, SETTINGS.signs) is None
