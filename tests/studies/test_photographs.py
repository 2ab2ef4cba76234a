import numpy as np
import pytest

from digits.core.store import Dataset
from studies.photographs.stages import photographs
from studies.photographs.stages.measure import in_order, score

EFFECTS = [*photographs.ON_PAPER, *photographs.THROUGH_LENS]


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_changes_the_photograph_reproducibly(dataset: Dataset, effect: str) -> None:
    sheet = photographs.write(dataset.images[:5], [3, 2], np.random.default_rng(0))
    plain, one, again, other = (
        photographs.photograph(sheet, effects, np.random.default_rng(seed))
        for effects, seed in (([], 0), ([effect], 0), ([effect], 0), ([effect], 1))
    )
    assert one.dtype == np.uint8
    assert one.shape == plain.shape == (*plain.shape[:2], 3)
    np.testing.assert_array_equal(one, again)
    assert (one != plain).any()
    assert (one != other).any()


def test_digits_are_written_black_on_white_in_lines(dataset: Dataset) -> None:
    sheet = photographs.write(dataset.images[:5], [3, 2], np.random.default_rng(0))
    photograph = photographs.photograph(sheet, [], np.random.default_rng(0)).mean(axis=2)
    inked = photograph < 100
    first, second = inked[: 70 + 110].any(axis=0), inked[70 + 110 :].any(axis=0)
    assert photograph[0, 0] > 240
    # There is no digit below the third one of the first line.
    assert np.flatnonzero(first).max() > np.flatnonzero(second).max() + 50


@pytest.mark.parametrize("fraction", [0.25, 0.8])
def test_a_single_digit_fills_this_fraction_of_the_photograph(fraction: float) -> None:
    image = np.zeros((28, 28), np.uint8)
    # Its box is off-centre, as in MNIST, which centres the centre of mass.
    image[4:24, 8:12] = 255
    rows, columns = np.nonzero(photographs.write_one(image, fraction, np.random.default_rng(0)).ink > 0.5)
    height, width = np.ptp(rows), np.ptp(columns)
    assert height == pytest.approx(fraction * photographs.SIDE, rel=0.05)
    assert height == pytest.approx(5 * width, rel=0.1)
    for positions in (rows, columns):
        assert abs(positions.mean() - photographs.SIDE / 2) < 0.06 * photographs.SIDE


@pytest.mark.parametrize(
    ("written", "read", "correct"),
    [("12\n34", "12\n34", 4), ("12\n34", "12\n3", 3), ("1234", "1934", 3), ("12", "", 0), ("12\n34", "34\n12", 2)],
)
def test_digits_in_the_right_order_are_counted(written: str, read: str, correct: int) -> None:
    assert in_order(written, read) == correct


def test_the_score_counts_errors_and_all_digits_found() -> None:
    measured = score(["12", "34"], ["12", "3456"])
    assert (measured["images"], measured["errors"], measured["found"]) == (4, 0, 6)
