import numpy as np
import pytest

from digits.reading.reading import Digit, Reading
from reader.drawing.strokes import Hand
from reader.stages.evaluate import Evaluate, Outcome, _calibration, _draw, _measure, _outcome

SECTION = Evaluate(seed=0, pages=6, max_side=100, digit_sizes=(20, 40), min_iou=0.4)
BOX = (10, 20, 30, 40)


def digit(label: int, probability: float = 0.9, likeliest: float = 0.9, box: tuple[int, int, int, int] = BOX) -> Digit:
    """Return a digit that was read; ``box`` is x, y, width and height."""
    probabilities = np.full(10, (1 - likeliest) / 9, np.float32)
    probabilities[label] = likeliest
    return Digit(label, probability, probabilities, box, np.zeros((28, 28), np.uint8))


def outcome(written: list[tuple[float, ...]], *digits: Digit) -> Outcome:
    boxes = np.array(written, np.float32).reshape(-1, 6)
    return _outcome(boxes, Reading([[list(digits)]] if digits else []), 0.4)


WRITTEN = (10.0, 20.0, 40.0, 60.0, 7.0, 1.0)


@pytest.mark.parametrize(
    ("read", "found", "correct"),
    [
        ([digit(7)], 1, [True]),
        ([digit(7, box=(12, 23, 29, 36))], 1, [True]),
        ([digit(1)], 0, [False]),
        ([digit(7, box=(60, 20, 30, 40))], 0, [False]),
        ([digit(7, box=(10, 20, 30, 12))], 0, [False]),
        ([digit(7), digit(7, box=(60, 20, 30, 40))], 1, [True, False]),
        ([], 0, []),
    ],
)
def test_a_digit_is_read_rightly_with_its_label_where_it_was_written(
    read: list[Digit], found: int, correct: list[bool]
) -> None:
    done = outcome([WRITTEN], *read)
    assert (done.written, done.read, done.correct) == (1, found, correct)
    assert done.digits == read


def test_a_digit_read_twice_is_right_once() -> None:
    done = outcome([WRITTEN], digit(7), digit(7, box=(11, 20, 30, 40)))
    assert (done.read, sorted(done.correct)) == (1, [False, True])
    # Two written digits need two that are read.
    done = outcome([WRITTEN, (12.0, 20.0, 42.0, 60.0, 7.0, 1.0)], digit(7))
    assert (done.written, done.read, done.correct) == (2, 1, [True])


@pytest.mark.parametrize(("visible", "written", "correct"), [(1, 1, True), (0.5, 0, True), (0, 0, False)])
def test_digits_partly_visible_need_not_be_read_but_may(visible: float, written: int, correct: bool) -> None:
    done = outcome([(*WRITTEN[:5], visible)], digit(7))
    assert (done.written, done.read, done.correct) == (written, written, [correct])
    assert outcome([], digit(7)).correct == [False]


def test_the_calibration_finds_the_factors_of_the_probabilities() -> None:
    random = np.random.default_rng(0)
    true, outcomes = (-0.7, 0.6, 0.9), []
    for _ in range(600):
        digits = [digit(3, *random.uniform(0.15, 0.98, 2).tolist()) for _ in range(10)]
        odds = [
            true[0] + sum(factor * np.log(p / (1 - p)) for factor, p in zip(true[1:], each, strict=True))
            for each in ((one.probability, one.probabilities.max()) for one in digits)
        ]
        outcomes.append(Outcome(0, 0, digits, [bool(random.random() < 1 / (1 + np.exp(-each))) for each in odds]))
    assert _calibration(outcomes) == pytest.approx(true, abs=0.15)


def test_the_measures_count_digits_of_all_pages() -> None:
    pages = [
        Outcome(3, 2, [digit(1, 0.95), digit(2, 0.5), digit(3, 0.97)], [True, True, False]),
        Outcome(1, 1, [digit(4, 0.9)], [True]),
        Outcome(0, 0, [], []),
    ]
    measured = _measure(pages)
    assert measured["pages"] == 3
    assert (measured["digits"], measured["errors"], measured["accuracy"]) == (4, 1, 0.75)
    assert (measured["false"], measured["sure"], measured["sure_right"]) == (1, 3, 2)
    assert "accuracy" not in _measure(pages[2:])


def test_pages_are_the_same_for_the_same_seed_and_boxes_within_them(hand: Hand) -> None:
    drawn, again, other = (_draw(number, "lines", 0, ("perspective",), hand, SECTION) for number in (1, 1, 2))
    assert len(drawn) == 6
    for (grey, boxes), (grey_again, boxes_again) in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(grey, grey_again)
        np.testing.assert_array_equal(boxes, boxes_again)
        assert max(grey.shape) <= 100
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:4] <= grey.shape[::-1]).all()
    assert any(one[0].shape != two[0].shape for one, two in zip(drawn, other, strict=True))
