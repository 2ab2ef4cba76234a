import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reading.classes import LETTER, SIGN
from reader.drawing import pages
from reader.drawing.effects import NAMES
from reader.drawing.pages import KINDS, Sheet
from reader.drawing.strokes import Hand

SEEDS = st.integers(0, 2**32 - 1)
SHARES = {"clean": 0.2, **dict.fromkeys(NAMES, 0.2)}


def sheet_of(hand: Hand, seed: int, height: float = 300, width: float = 300, size: float = 80) -> Sheet:
    return Sheet(hand, np.random.default_rng(seed), height, width, size)


@given(SEEDS, st.sampled_from(KINDS))
def test_each_side_of_a_box_touches_the_ink_of_its_digit(hand: Hand, seed: int, kind: str) -> None:
    page = pages.compose(kind, hand, 80, 320, np.random.default_rng(seed))
    assert max(page.ink.shape) <= 320
    assert page.ink.min() >= 0
    assert page.ink.max() < 1.001
    for left, top, right, bottom, label, visible in page.boxes.tolist():
        assert label in (*range(10), LETTER, SIGN)
        assert 0 <= visible <= 1
        if visible == 1 and label < LETTER:
            # Type has a pixel or two of room around it.
            inside = page.ink[int(top) : int(bottom) + 1, int(left) : int(right) + 1] > 0.3
            assert inside[:3].any()
            assert inside[-3:].any()
            assert inside[:, :3].any()
            assert inside[:, -3:].any()
    digits = int((page.boxes[:, 4] < LETTER).sum())
    if kind in ("one", "letter", "text", "none"):
        assert digits <= (kind == "one")


@pytest.mark.parametrize("seed", range(200))
def test_a_number_has_digits_and_signs_that_can_be_written(hand: Hand, seed: int) -> None:
    text = pages.number(np.random.default_rng(seed))
    assert any(character.isdigit() for character in text)
    sheet = sheet_of(hand, seed, 100, 2000, 40)
    sheet.string(20, 50, text, 40)
    written = sorted(int(box[4]) for box in sheet.boxes)
    digits = sorted(int(character) for character in text if character.isdigit())
    assert [label for label in written if label < LETTER] == digits
    others = [character for character in text if not character.isdigit() and not character.isspace()]
    assert len(written) - len(digits) == len(others)


def test_letters_and_signs_have_boxes_of_their_own(hand: Hand) -> None:
    sheet = sheet_of(hand, 0, 200, 1000)
    sheet.string(50, 100, "7 apples + 1", 60)
    assert [box[4] for box in sheet.boxes] == [7, *[LETTER] * 6, SIGN, 1]
    lefts = [box[0] for box in sheet.boxes]
    assert lefts == sorted(lefts)


@pytest.mark.parametrize(
    ("x", "y", "visible"), [(150, 150, 1), (0, 150, 0.5), (300, 150, 0.5), (150, 300, 0.5), (300, 0, 0.25)]
)
def test_of_a_digit_that_the_margin_cuts_a_part_is_visible(hand: Hand, x: float, y: float, visible: float) -> None:
    for seed in range(20):
        sheet = sheet_of(hand, seed)
        sheet.write(x, y, 80, centred=True)
        assert sheet.boxes[0][5] == pytest.approx(visible, abs=0.04)


def test_digits_of_a_line_are_apart_or_close_or_overlap(hand: Hand) -> None:
    usual = []
    for touching in range(3):
        gaps = list[float]()
        for seed in range(20):
            sheet = sheet_of(hand, seed, width=2000)
            sheet.line(50, 150, 8, touching)
            lefts, rights = ([box[side] for box in sheet.boxes] for side in (0, 2))
            gaps += np.subtract(lefts[1:], rights[:-1]).tolist()
        usual.append(float(np.median(gaps)) / 80)
    assert usual[0] > 0.2 > usual[1] > 0 > usual[2] > -0.2


def test_nothing_is_drawn_over_a_digit(hand: Hand) -> None:
    for seed in range(100):
        sheet = sheet_of(hand, seed)
        sheet.write(150, 150, 80, centred=True)
        left, top, right, bottom = (int(side) for side in sheet.boxes[0][:4])
        before = sheet.ink.copy()
        for _ in range(5):
            sheet.sign(sheet.random.uniform(0, 300), sheet.random.uniform(0, 300), 60)
            sheet.scribble()
        np.testing.assert_array_equal(sheet.ink[top:bottom, left:right], before[top:bottom, left:right])
        assert sheet.is_free(0, 0, left - 20, 300)
        assert not sheet.is_free(0, 0, left + 1, 300)


@given(SEEDS, st.sampled_from(KINDS))
def test_a_picture_is_small_enough_and_the_same_for_the_same_seed(hand: Hand, seed: int, kind: str) -> None:
    (grey, boxes), (again, others) = (
        pages.draw(hand, {kind: 1}, SHARES, (16.5, 54), 160, np.random.default_rng(seed)) for _ in range(2)
    )
    assert grey.dtype == np.uint8
    assert boxes.dtype == np.float32
    assert boxes.shape[1:] == (6,)
    assert 8 <= min(grey.shape) <= max(grey.shape) <= 160
    assert np.isfinite(boxes).all()
    assert (boxes[:, :2] < boxes[:, 2:4]).all()
    assert set(boxes[:, 4]) <= {*range(10), LETTER, SIGN}
    assert ((boxes[:, 5] >= 0) & (boxes[:, 5] <= 1)).all()
    np.testing.assert_array_equal(grey, again)
    np.testing.assert_array_equal(boxes, others)


def test_kinds_are_drawn_by_their_shares(hand: Hand) -> None:
    kinds = {"one": 0.5, "none": 0.5, "lines": 0.0}
    counts = [len(pages.draw(hand, kinds, {}, (20, 40), 64, np.random.default_rng(seed))[1]) for seed in range(200)]
    assert set(counts) == {0, 1}
    assert 80 < sum(counts) < 120
