import warnings

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.reading.finding import Candidates
from digits.reading.fusion import Detections, accept, fuse, in_context, touching, usual_size
from tests.reading.fakes import SETTINGS, Floats, changed

Box = tuple[float, float, float, float]
BOX: Box = (10.0, 20.0, 50.0, 70.0)
APART: list[Box] = [BOX, (110.0, 20.0, 150.0, 70.0), (210.0, 20.0, 250.0, 70.0)]


def candidates(*boxes: Box, objectness: float | list[float] = 0.81, labels: Floats | None = None) -> Candidates:
    count = len(boxes)
    return Candidates(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(count, objectness, np.float32),
        np.full((count, 10), 0.1, np.float32) if labels is None else labels,
        np.zeros((count, 32, 32, 5), np.float32),
    )


def classified(none: float | list[float], count: int = 1, labels: Floats | None = None) -> Floats:
    """Return the classifier's probabilities of ``count`` candidates: of each digit, and of none: a letter, a sign and
    neither in equal parts."""
    nothing = np.full(count, none, np.float32)[:, None]
    digits = (1 - nothing) * (np.float32(0.1) if labels is None else labels) * np.ones((1, 10))
    return np.hstack([digits, np.repeat(nothing / 3, 3, axis=1)]).astype(np.float32)


def sure_of(digit: int, probability: float = 0.91) -> Floats:
    labels = np.full((1, 10), (1 - probability) / 9, np.float32)
    labels[0, digit] = probability
    return labels


@pytest.mark.parametrize(("one", "other", "expected"), [(1, 0, 0.9), (0, 1, 0.4), (1, 1, 0.36), (0.5, 1, 0.3795)])
def test_both_networks_count_by_their_exponents(one: float, other: float, expected: float) -> None:
    settings = changed(best_score_weight=1.0, objectness_exponent=float(one), classifier_exponent=float(other))
    detections = fuse(candidates(BOX, objectness=0.9), classified(0.6), settings)
    np.testing.assert_allclose(detections.boxes, [BOX])
    np.testing.assert_allclose(detections.scores, [expected], atol=1e-4)


def test_a_digit_found_at_several_sizes_is_one_where_they_agree() -> None:
    boxes = [BOX, (12.0, 22.0, 52.0, 72.0), (8.0, 19.0, 47.0, 68.0)]
    scores = np.array([0.9, 0.6, 0.5])
    settings = changed(classifier_exponent=0.0, best_score_weight=0.6)
    detections = fuse(candidates(*boxes, objectness=(scores**2).tolist()), classified(0, 3), settings)
    np.testing.assert_allclose(detections.boxes, [scores @ np.array(boxes) / 2], atol=1e-4)
    np.testing.assert_allclose(detections.scores, [0.6 * 0.9 + 0.4 * 0.6], atol=1e-6)
    assert [array.dtype for array in detections] == [np.float32] * 4


def test_candidates_that_agree_vote_for_the_class() -> None:
    labels = np.vstack([sure_of(3), sure_of(8), sure_of(8)])
    three = fuse(candidates(BOX, BOX, BOX, objectness=[0.9, 0.8, 0.8], labels=labels), classified(0.1, 3), SETTINGS)
    assert three.class_probabilities.argmax() == 8
    alone = fuse(candidates(BOX, labels=labels[:1]), classified(0.1), SETTINGS)
    assert alone.class_probabilities.argmax() == 3


def test_class_probabilities_are_the_geometric_mean_of_both_networks() -> None:
    one, other = sure_of(3, 0.7), sure_of(5, 0.4)
    expected = np.sqrt(one * other)
    detections = fuse(candidates(BOX, labels=one), classified(0.3, 1, other), SETTINGS)
    np.testing.assert_allclose(detections.class_probabilities, expected / expected.sum(), atol=1e-5)


@pytest.mark.parametrize(
    ("other", "count"),
    [
        # Beside it, and with an IoU of a third.
        ((51.0, 20.0, 91.0, 70.0), 2),
        ((30.5, 20.0, 70.5, 70.0), 2),
        ((29.0, 20.0, 69.0, 70.0), 1),
        # Small, and inside by 50% and 75%.
        ((45.0, 30.0, 55.0, 40.0), 2),
        ((42.5, 30.0, 52.5, 40.0), 1),
    ],
)
def test_two_boxes_are_one_digit_if_they_overlap_much_or_one_is_inside_the_other(other: Box, count: int) -> None:
    settings = changed(suppression_iou=0.34, suppression_inside=0.7)
    for objectness in ([0.9, 0.7], [0.7, 0.9]):
        detections = fuse(candidates(BOX, other, objectness=objectness), classified(0.05, 2), settings)
        assert len(detections.boxes) == count
        best = BOX if objectness[0] > objectness[1] else other
        np.testing.assert_allclose(detections.boxes[0], best, atol=1e-4)


def test_a_part_of_a_digit_has_no_vote() -> None:
    part = (11.0, 45.0, 48.0, 69.0)
    labels = np.vstack([sure_of(6), sure_of(0)])
    both = fuse(candidates(BOX, part, objectness=[0.9, 0.89], labels=labels), classified(0.05, 2), SETTINGS)
    alone = fuse(candidates(BOX, objectness=0.9, labels=labels[:1]), classified(0.05), SETTINGS)
    for one, other in zip(both, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_probably_no_digit_is_left_out() -> None:
    rows = classified([0.05, 0.9, 0.999], 3)
    assert fuse(candidates(*APART), rows, changed(min_candidate_score=0.125)).boxes[:, 0].tolist() == [10, 110]
    assert len(fuse(candidates(*APART), rows, changed(min_candidate_score=0.01)).boxes) == 3
    empty = fuse(candidates(), classified(0.5, 0), SETTINGS)
    assert [array.shape for array in empty] == [(0, 4), (0,), (0, 10), (0,)]


def test_networks_that_are_perfectly_sure_and_disagree_give_numbers() -> None:
    # Rounding may even bring a sum of probabilities over 1.
    rows = np.vstack([classified(0.0, 1, sure_of(3, 1.0)), classified(1.0), classified(1.0000001)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detections = fuse(candidates(*APART, labels=np.vstack([sure_of(5, 1.0)] * 3)), rows, SETTINGS)
    np.testing.assert_allclose(detections.class_probabilities.sum(axis=1), [1], atol=1e-5)


@given(st.integers(0, 100_000), st.integers(-500, 500), st.sampled_from([1, 2, 4]))
@hypothesis.settings(max_examples=50)
def test_order_position_and_size_make_no_difference(seed: int, right: int, factor: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 25))
    places = random.integers(0, 150, (4, 2))[random.integers(0, 4, count)] + random.integers(-9, 10, (count, 2))
    corners = np.hstack([places, places + random.integers(10, 60, (count, 2))])
    labels, rows = (random.dirichlet(np.full(size, 0.3), count).astype(np.float32) for size in (10, 13))
    objectness = random.uniform(0.12, 1, count).tolist()
    original = candidates(*map(tuple, corners.tolist()), objectness=objectness, labels=labels)
    detections = fuse(original, rows, SETTINGS)
    best = np.sqrt(original.objectness * rows[:, :10].sum(axis=1)).max()
    assert ((detections.scores > 0) & (detections.scores <= best + 1e-6)).all()
    # The best candidate is always one of them.
    assert len(detections.boxes) or best <= SETTINGS.min_candidate_score + 1e-6
    order = random.permutation(count)
    moved = original._replace(boxes=((original.boxes + right) * factor).astype(np.float32))
    other = fuse(Candidates(*(array[order] for array in moved)), rows[order], SETTINGS)
    np.testing.assert_allclose(other.boxes, (detections.boxes + right) * factor, atol=0.02)
    np.testing.assert_allclose(other.scores, detections.scores, atol=1e-5)
    np.testing.assert_allclose(other.class_probabilities, detections.class_probabilities, atol=1e-4)


@pytest.mark.parametrize(
    ("sizes", "scores", "expected"),
    [
        ([30, 40, 50], [0.9] * 3, 40),
        # Many specks weigh less than a few digits.
        ([6] * 9 + [30, 31, 32], [0.9] * 12, 30),
        ([20] * 3 + [50] * 2, [0.9] * 3 + [0.2] * 2, 20),
        ([20] * 3 + [50] * 2, [0.2] * 3 + [0.9] * 2, 50),
        ([20, 30], [0, 0], 20),
    ],
)
def test_the_usual_size_is_that_of_certain_and_large_digits(
    sizes: list[float], scores: list[float], expected: float
) -> None:
    assert usual_size(np.array(sizes, np.float32), np.array(scores, np.float32)) == expected


def accepted(*rows: tuple[float, float], area: int = 10_000, **settings: float) -> list[bool]:
    """Return which detections of a size and a score are accepted."""
    boxes = np.array([(99 * x, 0, 99 * x + 5, size) for x, (size, _) in enumerate(rows)], np.float32).reshape(-1, 4)
    scores, labels = np.array([score for _, score in rows], np.float32), np.full((len(rows), 10), 0.1, np.float32)
    return [
        bool(digit)
        for digit in accept(Detections(boxes, scores, labels, np.zeros_like(scores)), area, changed(**settings))
    ]


def test_improbable_and_relatively_small_digits_are_rejected() -> None:
    assert accepted() == []
    # What is rejected does not count for the usual size.
    rows = [(40.0, 0.8), (38.0, 0.3), (200.0, 0.4), (12.0, 0.9)]
    assert accepted(*rows, min_score=0.5, min_relative_size=0.5) == [True, False, False, False]
    assert accepted(*rows, min_score=0.5, min_relative_size=0.1) == [True, False, False, True]


def test_the_emptier_an_image_the_more_certain_its_best_digit_has_to_be() -> None:
    limits = {"min_score": 0.4, "min_best_score": 0.5, "best_score_per_doubling": 0.05}
    assert accepted((32.0, 0.55), area=1024, **limits) == [True]
    assert accepted((32.0, 0.55), area=4096, **limits) == [False]
    # One that is certain is enough for all.
    assert accepted((32.0, 0.55), (32.0, 0.7), area=4096, **limits) == [True, True]


def test_digits_touch_if_there_is_hardly_a_gap() -> None:
    def touch(*boxes: Box) -> list[bool]:
        return [bool(one) for one in touching(np.array(boxes, np.float32).reshape(-1, 4), 0.04)]

    near, far, below = (51.0, 20.0, 91.0, 70.0), (53.0, 20.0, 93.0, 70.0), (10.0, 71.0, 50.0, 121.0)
    assert touch() == []
    assert touch(BOX) == [False]
    assert touch(BOX, BOX) == [True, True]
    # Four hundredths of its 50 pixels are 2.
    assert touch(BOX, near) == [True, True]
    assert touch(far, BOX, below) == [False, True, True]
    assert touch(BOX, (51.0, 73.0, 91.0, 99.0)) == [False, False]


def test_what_alone_looks_like_a_digit_is_none_among_less_certain_ones() -> None:
    def scores(lefts: list[float], given: list[float]) -> Floats:
        boxes = np.array([(left, 20, left + 40, 70) for left in lefts], np.float32)
        labels = np.full((len(lefts), 10), 0.1, np.float32)
        return in_context(
            Detections(boxes, np.array(given, np.float32), labels, np.zeros(len(lefts), np.float32)),
            changed(context_weight=1.0),
        ).scores

    row = [0.0, 60.0, 120.0, 180.0, 240.0]
    assert scores(row, [0.8, 0.8, 0.7, 0.8, 0.8])[2] == pytest.approx(0.7)
    assert scores(row, [0.3, 0.3, 0.7, 0.3, 0.3])[2] < 0.5
    np.testing.assert_allclose(scores([0, 2000], [0.7, 0.3]), [0.7, 0.3])
