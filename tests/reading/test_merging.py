import warnings

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reading.finding import Candidates
from digits.reading.merging import Merged, merge, touching, usual_size
from tests.reading.fakes import SETTINGS, Floats, changed

BOX = (10.0, 20.0, 50.0, 70.0)
Box = tuple[float, float, float, float]


def some(*boxes: Box, found: float | list[float] = 0.81, labels: Floats | None = None) -> Candidates:
    """Return candidates that the detector found with these probabilities."""
    count = len(boxes)
    return Candidates(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(count, found, np.float32),
        np.full((count, 10), 0.1, np.float32) if labels is None else labels,
        np.zeros((count, 32, 32, 3), np.float32),
    )


def classified(none: float | list[float], count: int = 1, labels: Floats | None = None) -> Floats:
    """Return what the classifier says of ``count`` candidates: the probability of none, and of each digit."""
    nothing = np.full(count, none, np.float32)[:, None]
    return np.hstack(
        [(1 - nothing) * (np.float32(0.1) if labels is None else labels) * np.ones((1, 10)), nothing]
    ).astype(np.float32)


def sure_of(digit: int, probability: float = 0.91) -> Floats:
    labels = np.full((1, 10), (1 - probability) / 9, np.float32)
    labels[0, digit] = probability
    return labels


def test_a_digit_that_is_found_once_is_less_certain() -> None:
    merged = merge(some(BOX), classified(0.19), changed(alone=0.6))
    np.testing.assert_allclose(merged.boxes, [BOX])
    # The geometric mean of 0.81 and 0.81, as both exponents are 0.5.
    np.testing.assert_allclose(merged.scores, [0.6 * 0.81], atol=1e-6)
    np.testing.assert_allclose(merge(some(BOX), classified(0.19), changed(alone=1.0)).scores, [0.81], atol=1e-6)


@pytest.mark.parametrize(("found", "sorted_", "expected"), [(1, 0, 0.9), (0, 1, 0.4), (1, 1, 0.36), (0.5, 1, 0.3795)])
def test_both_networks_count_by_their_exponents(found: float, sorted_: float, expected: float) -> None:
    settings = changed(alone=1.0, found=float(found), sorted=float(sorted_))
    merged = merge(some(BOX, found=0.9), classified(0.6), settings)
    np.testing.assert_allclose(merged.scores, [expected], atol=1e-4)


def test_a_digit_found_at_several_sizes_is_one_where_they_agree() -> None:
    boxes = [BOX, (12.0, 22.0, 52.0, 72.0), (8.0, 19.0, 47.0, 68.0)]
    scores = np.array([0.9, 0.6, 0.5])
    merged = merge(some(*boxes, found=(scores**2).tolist()), classified(0, 3), changed(sorted=0.0, alone=0.6))
    np.testing.assert_allclose(merged.boxes, [scores @ np.array(boxes) / 2], atol=1e-4)
    np.testing.assert_allclose(merged.scores, [0.6 * 0.9 + 0.4 * 0.6], atol=1e-6)
    assert [each.dtype for each in merged] == [np.float32] * 3


def test_those_that_agree_vote_for_the_label() -> None:
    labels = np.vstack([sure_of(3), sure_of(8), sure_of(8)])
    three = merge(some(BOX, BOX, BOX, found=[0.9, 0.8, 0.8], labels=labels), classified(0.1, 3), SETTINGS)
    assert three.labels.shape == (1, 10)
    assert three.labels.argmax() == 8
    alone = merge(some(BOX, labels=labels[:1]), classified(0.1), SETTINGS)
    assert alone.labels.argmax() == 3


def test_the_label_is_the_geometric_mean_of_both_networks() -> None:
    one, other = sure_of(3, 0.7), sure_of(5, 0.4)
    expected = np.sqrt(one * other)
    merged = merge(some(BOX, labels=one), classified(0.3, 1, other), SETTINGS)
    np.testing.assert_allclose(merged.labels, expected / expected.sum(), atol=1e-5)


@pytest.mark.parametrize(
    ("other", "count"),
    [
        # Beside it, and overlapping by a third of the union.
        ((51.0, 20.0, 91.0, 70.0), 2),
        ((30.5, 20.0, 70.5, 70.0), 2),
        ((29.0, 20.0, 69.0, 70.0), 1),
        # Small, and inside by 50% and 75%.
        ((45.0, 30.0, 55.0, 40.0), 2),
        ((42.5, 30.0, 52.5, 40.0), 1),
    ],
)
def test_two_boxes_are_one_digit_if_they_overlap_much_or_one_is_inside_the_other(other: Box, count: int) -> None:
    settings = changed(overlap=0.34, inside=0.7)
    for found in ([0.9, 0.7], [0.7, 0.9]):
        merged = merge(some(BOX, other, found=found), classified(0.05, 2), settings)
        assert len(merged.boxes) == count
        np.testing.assert_allclose(merged.boxes[0], BOX if found[0] > found[1] else other, atol=1e-4)


def test_a_part_of_a_digit_has_no_vote() -> None:
    part = (11.0, 45.0, 48.0, 69.0)
    labels = np.vstack([sure_of(6), sure_of(0)])
    merged = merge(some(BOX, part, found=[0.9, 0.89], labels=labels), classified(0.05, 2), SETTINGS)
    alone = merge(some(BOX, found=0.9, labels=labels[:1]), classified(0.05), SETTINGS)
    for one, other in zip(merged, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_probably_no_digit_is_left_out() -> None:
    none = [0.05, 0.9, 0.999]
    boxes = [BOX, (110.0, 20.0, 150.0, 70.0), (210.0, 20.0, 250.0, 70.0)]
    merged = merge(some(*boxes), classified(none, 3), changed(considered=0.125))
    # The second one is to be seen as rejected.
    np.testing.assert_array_equal(merged.boxes[:, 0], [10, 110])
    assert len(merge(some(*boxes), classified(none, 3), changed(considered=0.01)).boxes) == 3
    assert len(merge(some(*boxes), classified(0.999, 3), SETTINGS).boxes) == 0


def test_no_candidates_are_no_digits() -> None:
    merged = merge(some(), classified(0.5, 0), SETTINGS)
    assert [each.shape for each in merged] == [(0, 4), (0,), (0, 10)]


def test_networks_that_are_perfectly_sure_and_disagree_give_numbers() -> None:
    # Rounding may even bring a sum of probabilities over 1.
    rows = np.vstack([classified(0.0, 1, sure_of(3, 1.0)), classified(1.0), classified(1.0000001)])
    labels = np.vstack([sure_of(5, 1.0)] * 3)
    boxes = [BOX, (110.0, 20.0, 150.0, 70.0), (210.0, 20.0, 250.0, 70.0)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for accepted in (0.0, 0.5):
            merged = merge(some(*boxes, labels=labels), rows, changed(accepted=accepted))
            assert len(merged.boxes) == 1
            np.testing.assert_allclose(merged.labels.sum(), 1, atol=1e-5)


def test_a_candidate_votes_for_itself_in_any_case() -> None:
    merged = merge(some(BOX), classified(0.1), changed(agreement=1.0))
    np.testing.assert_allclose(merged.boxes, [BOX])
    np.testing.assert_allclose(merged.labels.sum(), 1, atol=1e-5)


def random_candidates(seed: int) -> tuple[Candidates, Floats]:
    """Return candidates around a few places, in whole pixels, with different probabilities."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 25))
    places = random.integers(0, 150, (4, 2))[random.integers(0, 4, count)] + random.integers(-9, 10, (count, 2))
    corners = np.hstack([places, places + random.integers(10, 60, (count, 2))])
    labels = random.dirichlet(np.full(10, 0.3), count).astype(np.float32)
    rows = random.dirichlet(np.full(11, 0.3), count).astype(np.float32)
    found = random.uniform(0.12, 1, count).astype(np.float32)
    return some(*map(tuple, corners.tolist()), found=found.tolist(), labels=labels), rows


@given(st.integers(0, 100_000))
@hypothesis.settings(max_examples=100)
def test_digits_are_where_candidates_are_and_no_more_certain(seed: int) -> None:
    candidates, rows = random_candidates(seed)
    merged = merge(candidates, rows, SETTINGS)
    assert len(merged.boxes) == len(merged.scores) == len(merged.labels) <= len(candidates.found)
    best = np.sqrt(candidates.found * (1 - rows[:, 10]))
    assert ((merged.scores > 0) & (merged.scores <= best.max() + 1e-6)).all()
    np.testing.assert_allclose(merged.labels.sum(axis=1), 1, atol=1e-4)
    assert (merged.boxes[:, 2:] > merged.boxes[:, :2]).all()
    if len(merged.boxes):
        assert (merged.boxes >= candidates.boxes.min(0) - 1e-3).all()
        assert (merged.boxes <= candidates.boxes.max(0) + 1e-3).all()
    # The likeliest candidate is always one of them.
    assert len(merged.boxes) or best.max() <= SETTINGS.accepted / 4 + 1e-6


@given(st.integers(0, 100_000), st.integers(-500, 500), st.sampled_from([1, 2, 4]))
@hypothesis.settings(max_examples=50)
def test_order_position_and_size_make_no_difference(seed: int, right: int, factor: int) -> None:
    candidates, rows = random_candidates(seed)
    merged = merge(candidates, rows, SETTINGS)
    order = np.random.default_rng(seed).permutation(len(rows))
    moved = candidates._replace(boxes=((candidates.boxes + right) * factor).astype(np.float32))
    other = merge(Candidates(*(each[order] for each in moved)), rows[order], SETTINGS)
    np.testing.assert_allclose(other.boxes, (merged.boxes + right) * factor, atol=0.02)
    np.testing.assert_allclose(other.scores, merged.scores, atol=1e-5)
    np.testing.assert_allclose(other.labels, merged.labels, atol=1e-4)


def digits(sizes: list[float], scores: list[float]) -> Merged:
    """Return digits of these heights in a line."""
    boxes = [(100 * number, 0, 100 * number + 5, size) for number, size in enumerate(sizes)]
    return Merged(np.array(boxes, np.float32), np.array(scores, np.float32), np.full((len(sizes), 10), 0.1, np.float32))


@pytest.mark.parametrize(
    ("sizes", "scores", "expected"),
    [
        ([30], [0.9], 30),
        ([30, 40, 50], [0.9] * 3, 40),
        # Many specks weigh less than a few digits.
        ([6] * 9 + [30, 31, 32], [0.9] * 12, 30),
        ([20] * 3 + [50] * 2, [0.9] * 3 + [0.2] * 2, 20),
        ([20] * 3 + [50] * 2, [0.2] * 3 + [0.9] * 2, 50),
        ([20, 30], [0, 0], 20),
    ],
)
def test_the_usual_size_is_that_of_the_certain_and_large(
    sizes: list[float], scores: list[float], expected: float
) -> None:
    assert usual_size(digits(sizes, scores)) == expected
    assert usual_size(digits(sizes[::-1], scores[::-1])) == expected


def test_the_size_is_the_longer_side() -> None:
    merged = digits([30], [0.9])
    assert usual_size(merged._replace(boxes=merged.boxes[:, [1, 0, 3, 2]])) == 30


def touch(*boxes: Box) -> list[bool]:
    return [bool(each) for each in touching(np.array(boxes, np.float32).reshape(-1, 4), SETTINGS.near)]


def test_digits_touch_if_there_is_hardly_a_gap() -> None:
    near, far, below = (51.0, 20.0, 91.0, 70.0), (53.0, 20.0, 93.0, 70.0), (10.0, 71.0, 50.0, 121.0)
    assert touch() == []
    assert touch(BOX) == [False]
    assert touch(BOX, BOX) == [True, True]
    # Four hundredths of its 50 pixels are 2.
    assert touch(BOX, near) == [True, True]
    assert touch(BOX, far) == [False, False]
    assert touch(far, BOX, below) == [False, True, True]
    assert touch(BOX, (51.0, 73.0, 91.0, 99.0)) == [False, False]


@given(st.integers(0, 10_000))
@hypothesis.settings(max_examples=30)
def test_digits_that_overlap_touch(seed: int) -> None:
    boxes = random_candidates(seed)[0].boxes
    assert touching(boxes, SETTINGS.near).shape == (len(boxes),)
    overlapping = [
        any(
            (np.maximum(one, other)[:2] < np.minimum(one, other)[2:]).all()
            for place, other in enumerate(boxes)
            if place != number
        )
        for number, one in enumerate(boxes)
    ]
    assert touching(boxes, SETTINGS.near)[overlapping].all()
    np.testing.assert_array_equal(touching(boxes[::-1], SETTINGS.near), touching(boxes, SETTINGS.near)[::-1])
