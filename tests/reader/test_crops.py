import numpy as np
import pytest
from numpy.typing import NDArray

from digits.reading.classes import LETTER, NONE, SIGN
from digits.reading.finding import Network
from reader.stages.crops import Crops, _crops
from tests.reading.fakes import SETTINGS

SECTION = Crops(
    seed=0,
    pages=10,
    digit_sizes=(16, 50),
    min_objectness=0.05,
    iou_limits=(0.3, 0.6),
    visible_fractions=(0.4, 0.8),
    jittered_share=0,
    others_share=0,
    jitter=0.03,
    background_share=0,
)
DIGIT = (30.0, 30.0, 54.0, 70.0, 7.0)


def finding(*boxes: tuple[float, float, float, float]) -> Network:
    """Return a detector that finds just these boxes."""

    def run(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        output = np.zeros((1, frames.shape[1] // 4, frames.shape[2] // 4, 15), np.float32)
        for left, top, right, bottom in boxes:
            # There are four empty pixels around the page.
            row, column = int(((top + bottom) / 2 + 4) // 4), int(((left + right) / 2 + 4) // 4)
            x, y = 4 * column + 2 - 4, 4 * row + 2 - 4
            output[0, row, column, :5] = 0.06, x - left, y - top, right - x, bottom - y
        return output

    return run


def cut(
    digits: list[tuple[float, ...]], detector: Network, section: Crops = SECTION, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the crops of a page of 100 by 120 pixels, and their labels."""
    page = np.full((100, 120), 220, np.uint8)
    page[32:68, 34:50] = 30
    boxes = np.array(digits, np.float32).reshape(-1, 6)
    crops, labels = _crops(page, boxes, detector, section, SETTINGS, np.random.default_rng(seed))
    assert crops.shape == (len(labels), 32, 32, 5)
    assert crops.dtype == np.float32
    return crops, labels


@pytest.mark.parametrize(
    ("found", "visible", "labels"),
    [
        (DIGIT[:4], 1, [7]),
        ((32, 28, 56, 69), 1, [7]),
        (DIGIT[:4], 0.8, [7]),
        # Too well hidden to be read, and not hidden enough to be none.
        (DIGIT[:4], 0.6, []),
        (DIGIT[:4], 0.3, [NONE]),
        # Half of it, a third of it, and something else.
        ((30, 30, 54, 50), 1, []),
        ((30, 30, 42, 50), 1, [NONE]),
        ((70, 30, 94, 70), 1, [NONE]),
    ],
)
def test_what_is_found_has_the_label_of_the_digit_that_it_overlaps(
    found: tuple[float, float, float, float], visible: float, labels: list[int]
) -> None:
    assert cut([(*DIGIT, visible)], finding(found))[1].tolist() == labels


def test_on_a_page_without_digits_everything_is_none() -> None:
    assert cut([], finding(DIGIT[:4], (80, 60, 100, 90)))[1].tolist() == [NONE, NONE]
    assert cut([], finding())[1].tolist() == []


def test_true_boxes_are_added_moved_a_little() -> None:
    section = SECTION.model_copy(update={"jittered_share": 1})
    small, large = (2.0, 2.0, 10.0, 14.0, 1.0, 1.0), (60.0, 5.0, 110.0, 95.0, 2.0, 1.0)
    hidden = (80.0, 30.0, 100.0, 60.0, 3.0, 0.7)
    _, labels = cut([small, large, hidden, (*DIGIT, 1.0)], finding(), section)
    assert labels.tolist() == [7]
    others = [cut([(*DIGIT, 1.0)], finding(), section, seed)[0] for seed in range(20)]
    exact = cut([(*DIGIT, 1.0)], finding(DIGIT[:4]))[0]
    for other in others:
        assert 0.8 < np.corrcoef(other[0, ..., 0].ravel(), exact[0, ..., 0].ravel())[0, 1] < 1


def test_letters_and_signs_are_added_as_such() -> None:
    letter, sign = (10.0, 30.0, 26.0, 60.0, LETTER, 1.0), (80.0, 30.0, 100.0, 60.0, SIGN, 1.0)
    section = SECTION.model_copy(update={"others_share": 1})
    assert cut([letter, sign], finding(), section)[1].tolist() == [LETTER, SIGN]
    assert cut([letter, sign], finding(letter[:4]))[1].tolist() == [LETTER]


def test_places_without_a_digit_are_added() -> None:
    section = SECTION.model_copy(update={"background_share": 1})
    counts = []
    for seed in range(40):
        _, labels = cut([(*DIGIT, 1.0)], finding(), section, seed)
        assert set(labels) <= {NONE}
        counts.append(len(labels))
        assert len(cut([], finding(), section, seed)[1]) == 1
    # Where there is a digit, none is.
    assert 20 < sum(counts) < 40
