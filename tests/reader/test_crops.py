import numpy as np
import pytest
from numpy.typing import NDArray

from digits.reading.networks import Run
from digits.reading.settings import Settings
from reader.stages.crops import NONE, Crops, _crops

SECTION = Crops(
    seed=0,
    pages=10,
    sizes=(16, 50),
    candidate=0.05,
    overlap=(0.3, 0.6),
    visible=(0.4, 0.8),
    shaken=0,
    shake=0.03,
    elsewhere=0,
)
DIGIT = (30.0, 30.0, 54.0, 70.0, 7.0)


def finding(*boxes: tuple[float, float, float, float]) -> Run:
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
    digits: list[tuple[float, ...]], detector: Run, settings: Settings, section: Crops = SECTION, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the crops of a page of 100 by 120 pixels, and their labels."""
    page = np.full((100, 120), 220, np.uint8)
    page[32:68, 34:50] = 30
    boxes = np.array(digits, np.float32).reshape(-1, 6)
    crops, labels = _crops(page, boxes, detector, section, settings, np.random.default_rng(seed))
    assert crops.shape == (len(labels), 32, 32, 3)
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
    settings: Settings, found: tuple[float, float, float, float], visible: float, labels: list[int]
) -> None:
    assert cut([(*DIGIT, visible)], finding(found), settings)[1].tolist() == labels


def test_the_digit_that_is_overlapped_most_counts(settings: Settings) -> None:
    others = [(34.0, 30.0, 60.0, 70.0, 3.0, 1.0), (90.0, 10.0, 110.0, 40.0, 4.0, 1.0)]
    detector = finding((31, 30, 54, 70), (90, 10, 110, 41))
    assert sorted(cut([others[0], (*DIGIT, 1.0), others[1]], detector, settings)[1].tolist()) == [4, 7]


def test_on_a_page_without_digits_everything_is_none(settings: Settings) -> None:
    assert cut([], finding(DIGIT[:4], (80, 60, 100, 90)), settings)[1].tolist() == [NONE, NONE]
    assert cut([], finding(), settings)[1].tolist() == []


def test_of_a_digit_that_the_margin_cuts_the_part_on_the_page_counts(settings: Settings) -> None:
    digit = (-5.0, 30.0, 20.0, 70.0, 7.0, 0.8)
    assert cut([digit], finding((0, 30, 20, 70)), settings)[1].tolist() == [7]


def test_true_boxes_are_added_moved_a_little(settings: Settings) -> None:
    section = SECTION.model_copy(update={"shaken": 1})
    small, large = (2.0, 2.0, 10.0, 14.0, 1.0, 1.0), (60.0, 5.0, 110.0, 95.0, 2.0, 1.0)
    hidden = (80.0, 30.0, 100.0, 60.0, 3.0, 0.7)
    _, labels = cut([small, large, hidden, (*DIGIT, 1.0)], finding(), settings, section)
    assert labels.tolist() == [7]
    others = [cut([(*DIGIT, 1.0)], finding(), settings, section, seed)[0] for seed in range(20)]
    exact = cut([(*DIGIT, 1.0)], finding(DIGIT[:4]), settings)[0]
    for other in others:
        assert 0.8 < np.corrcoef(other[0, ..., 0].ravel(), exact[0, ..., 0].ravel())[0, 1] < 1


def test_places_without_a_digit_are_added(settings: Settings) -> None:
    section = SECTION.model_copy(update={"elsewhere": 1})
    counts = []
    for seed in range(40):
        _, labels = cut([(*DIGIT, 1.0)], finding(), settings, section, seed)
        assert set(labels) <= {NONE}
        counts.append(len(labels))
        assert len(cut([], finding(), settings, section, seed)[1]) == 1
    # Where there is a digit, none is.
    assert 20 < sum(counts) < 40
