import numpy as np
import pytest
from numpy.typing import NDArray

from reader.stages.detector import Detector, _batch, _sample, _targets

SECTION = Detector(
    seed=0,
    steps=10,
    batch_size=4,
    virtual_batch_size=2,
    calibration_batches=2,
    optimizer={"Adam": {}},
    window=64,
    channels=[4] * 5,
    normalization_window=65,
    normalization_floor=3,
    digit_sizes=(16, 40),
    ignored_sizes=(12, 50),
    visible_fractions=(0.4, 0.8),
    inverted_share=0,
    box_weight=1,
    class_weight=1,
)
WHOLE = (0, 0, 64, 64)


def targets(*boxes: tuple[float, ...], inside: tuple[int, int, int, int] = WHOLE) -> NDArray[np.float32]:
    return _targets(np.array(boxes, np.float64).reshape(-1, 6), inside, SECTION)


def decoded(target: NDArray[np.float32], row: int, column: int) -> list[float]:
    """Return the sides and the label of the box that a cell knows of."""
    x, y = 4 * column + 2, 4 * row + 2
    left, top, right, bottom = 16 * target[row, column, 3:7]
    return [x - left, y - top, x + right, y + bottom, target[row, column, 7]]


def test_a_digit_is_a_peak_and_the_cells_near_it_lead_to_its_box() -> None:
    box = (21.0, 12.0, 40.0, 45.0, 7.0)
    target = targets((*box, 1.0))
    assert (target.shape, target.dtype) == ((16, 16, 8), np.dtype(np.float32))
    heat, weight, near = (target[..., channel] for channel in range(3))
    # Its centre is 30.5, 28.5.
    assert np.argwhere(heat == 1).tolist() == [[7, 7]]
    assert heat.min() >= 0
    assert heat[7, 6] > heat[7, 5] > heat[7, 4]
    assert (weight == 1).all()
    assert 6 <= near.sum() <= 9
    for row, column in np.argwhere(near):
        assert max(abs(row - 7), abs(column - 7)) <= 2
        assert decoded(target, row, column) == pytest.approx(box, abs=1e-4)
    assert not target[near == 0][:, 3:].any()


@pytest.mark.parametrize("box", [(20, 20, 28, 31, 3, 1), (2, 2, 30, 60, 3, 1), (20, 20, 40, 48, 3, 0.4)])
def test_digits_too_small_or_large_or_hidden_are_background(box: tuple[float, ...]) -> None:
    np.testing.assert_array_equal(targets(box), targets())
    assert targets()[..., 1].all()
    assert not targets()[..., [0, 2, 3, 4, 5, 6, 7]].any()


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((20, 20, 30, 34, 3, 1), WHOLE),
        ((5, 5, 40, 50, 3, 1), WHOLE),
        ((20, 20, 40, 48, 3, 0.6), WHOLE),
        # Half of it is outside the window, or outside the page.
        ((-12, 20, 12, 48, 3, 1), WHOLE),
        ((20, 20, 40, 48, 3, 1), (0, 0, 64, 36)),
    ],
)
def test_digits_in_between_are_ignored(box: tuple[float, ...], inside: tuple[int, int, int, int]) -> None:
    target = targets(box, inside=inside)
    assert not target[..., 0].any()
    assert not target[..., 2].any()
    row, column = int((box[1] + box[3]) / 8), int(max(0, box[0] + box[2]) / 8)
    assert target[row, column, 1] == 0
    assert 5 < (target[..., 1] == 0).sum() < 60


def test_the_order_of_digits_does_not_matter_and_cells_belong_to_the_nearest() -> None:
    one, other, ignored = (10, 10, 30, 40, 1, 1), (26, 12, 44, 42, 2, 1), (12, 10, 34, 44, 3, 0.6)
    target = targets(one, ignored, other)
    np.testing.assert_array_equal(target, targets(other, one, ignored))
    assert np.argwhere(target[..., 0] == 1).tolist() == [[6, 5], [6, 8]]
    assert target[6, 5, 1] == target[6, 8, 1] == 1
    assert decoded(target, 6, 5) == pytest.approx(one[:5])
    assert decoded(target, 6, 8) == pytest.approx(other[:5])


def page_with(height: int, width: int, left: int, top: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a page with a black box of 20 by 30 pixels."""
    page = np.full((height, width), 200, np.uint8)
    page[top : top + 30, left : left + 20] = 20
    return page, np.array([(left, top, left + 20, top + 30, 5, 1)], np.float32)


@pytest.mark.parametrize(("height", "width"), [(40, 50), (64, 64), (150, 40), (40, 150), (200, 200)])
def test_targets_fit_the_window_wherever_it_is(height: int, width: int) -> None:
    page, boxes = page_with(height, width, min(20, width - 25), height // 2 - 15)
    seen = 0
    for seed in range(100):
        window, target = _sample(page, boxes, SECTION, np.random.default_rng(seed))
        assert window.shape == (64, 64, 2)
        inside = window[..., 1]
        assert inside.sum() == min(64, height) * min(64, width)
        assert not window[inside == 0].any()
        for row, column in np.argwhere(target[..., 0] == 1):
            left, top, right, bottom = (round(side) for side in decoded(target, row, column)[:4])
            ink = window[max(0, top) : bottom, max(0, left) : right, 0]
            around = window[max(0, top - 4) : bottom + 4, max(0, left - 4) : right + 4, 0]
            assert ink.max() < 0
            assert (around < 0).sum() == ink.size
            seen += 1
    assert seen > 3


def test_a_batch_depends_only_on_the_seed_and_the_step() -> None:
    pages = [page_with(60 + number, 80, number, 10) for number in range(8)]
    windows, labels = _batch(pages, SECTION, 3)
    assert windows.shape == (4, 64, 64, 2)
    assert labels.shape == (4, 16, 16, 8)
    _batch(pages, SECTION, 4)
    again = _batch(pages, SECTION, 3)
    np.testing.assert_array_equal(windows, again[0])
    np.testing.assert_array_equal(labels, again[1])
    for section, step in ((SECTION, 4), (SECTION.model_copy(update={"seed": 1}), 3)):
        assert (_batch(pages, section, step)[0] != windows).any()
