import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        assert label in range(10)
        assert 0 <= visible <= 1
        if visible == 1:
            inside = page.ink[int(top) : int(bottom), int(left) : int(right)] > 0.3
            assert inside[[0, -1]].any(axis=1).all()
            assert inside[:, [0, -1]].any(axis=0).all()
    if kind in ("one", "none"):
        assert len(page.boxes) <= (kind == "one")


@given(SEEDS, st.sampled_from([33.0, 60.0, 110.0, 600.0]))
def test_a_box_has_no_margin_and_the_size_that_was_asked_for(hand: Hand, seed: int, size: float) -> None:
    sheet = sheet_of(hand, seed, 3 * size, 3 * size, size)
    sheet.printed = 0
    sheet.write(1.5 * size, 1.5 * size, size, centred=True)
    ((left, top, right, bottom, *_),) = sheet.boxes
    rows, columns = np.nonzero(sheet.ink > 0.35)
    assert (left, right, top, bottom) == (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
    assert max(right - left, bottom - top) == pytest.approx(size, abs=3, rel=0.08)
    assert abs((left + right) / 2 - 1.5 * size) <= 1
    assert abs((top + bottom) / 2 - 1.5 * size) <= 1


@pytest.mark.parametrize(
    ("x", "y", "visible"), [(150, 150, 1), (0, 150, 0.5), (300, 150, 0.5), (150, 300, 0.5), (300, 0, 0.25)]
)
def test_of_a_digit_that_the_margin_cuts_a_part_is_visible(hand: Hand, x: float, y: float, visible: float) -> None:
    for seed in range(20):
        sheet = sheet_of(hand, seed)
        sheet.write(x, y, 80, centred=True)
        assert sheet.boxes[0][5] == pytest.approx(visible, abs=0.04)


def test_a_digit_beyond_the_margin_leaves_no_ink_and_is_not_visible(hand: Hand) -> None:
    for seed, (x, y) in enumerate([(-60, 150), (360, 150), (150, -60), (150, 360), (-500, 900)]):
        sheet = sheet_of(hand, seed)
        sheet.write(x, y, 80, centred=True)
        assert not sheet.ink.any()
        assert not [box for box in sheet.boxes if box[5]]


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


def test_neighbours_hardly_reach_into_a_single_digit(hand: Hand) -> None:
    added = []
    for seed in range(100):
        sheet = sheet_of(hand, seed, 120, 100)
        sheet.write(50, 60, 80, centred=True)
        left, top, right, bottom = (int(side) for side in sheet.boxes[0][:4])
        before = sheet.ink.sum(), sheet.ink[top:bottom, left:right].sum()
        sheet.intruders()
        added.append([sheet.ink.sum() - before[0], sheet.ink[top:bottom, left:right].sum() - before[1]])
        assert added[-1][1] < 0.2 * before[1]
        assert len(sheet.boxes) == 1
    assert np.median(added, axis=0)[0] > 10


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
    assert set(boxes[:, 4]) <= set(range(10))
    assert ((boxes[:, 5] >= 0) & (boxes[:, 5] <= 1)).all()
    np.testing.assert_array_equal(grey, again)
    np.testing.assert_array_equal(boxes, others)


def test_digits_have_the_sizes_that_were_asked_for(hand: Hand) -> None:
    sizes = {}
    for kind in ("line", "large"):
        drawn = [pages.draw(hand, {kind: 1}, {}, (20, 40), 200, np.random.default_rng(seed))[1] for seed in range(30)]
        sizes[kind] = np.array([np.median((boxes[:, 2:4] - boxes[:, :2]).max(1)) for boxes in drawn if len(boxes)])
    assert 15 < sizes["line"].min() < 25
    assert 35 < sizes["line"].max() < 45
    assert 35 < sizes["large"].min() < 80
    assert 150 < sizes["large"].max() < 260


def test_kinds_are_drawn_by_their_shares(hand: Hand) -> None:
    kinds = {"one": 0.5, "none": 0.5, "lines": 0.0}
    counts = [len(pages.draw(hand, kinds, {}, (20, 40), 64, np.random.default_rng(seed))[1]) for seed in range(200)]
    assert set(counts) == {0, 1}
    assert 80 < sum(counts) < 120
