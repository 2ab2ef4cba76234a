import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digits.reading.boxes import Boxes, areas, overlap, shared

SIDE = 24
# Whole numbers, so that sums are exact.
BOX = st.tuples(*[st.integers(0, SIDE // 2)] * 4).map(
    lambda each: (each[0], each[1], each[0] + each[2], each[1] + each[3])
)
BOXES = st.lists(BOX, max_size=5).map(lambda some: np.array(some, np.float32).reshape(-1, 4))


def drawn(boxes: Boxes) -> np.ndarray[tuple[int, int, int], np.dtype[np.bool_]]:
    """Return which pixels are in each box."""
    masks = np.zeros((len(boxes), SIDE, SIDE), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int).tolist(), strict=True):
        mask[top:bottom, left:right] = True
    return masks


@given(BOXES, BOXES)
def test_areas_are_the_numbers_of_pixels(boxes: Boxes, others: Boxes) -> None:
    masks, other = drawn(boxes), drawn(others)
    both = (masks[:, None] & other[None]).sum(axis=(2, 3))
    either = (masks[:, None] | other[None]).sum(axis=(2, 3))
    np.testing.assert_array_equal(areas(boxes), masks.sum(axis=(1, 2)))
    np.testing.assert_array_equal(shared(boxes, others), both)
    np.testing.assert_allclose(overlap(boxes, others), both / np.maximum(either, 1), atol=1e-5)


@given(BOXES, BOXES)
def test_an_overlap_is_symmetric_and_from_0_to_1(boxes: Boxes, others: Boxes) -> None:
    shares = overlap(boxes, others)
    assert shares.shape == (len(boxes), len(others))
    assert shares.dtype == np.float32
    assert ((shares >= 0) & (shares <= 1)).all()
    np.testing.assert_array_equal(shares, overlap(others, boxes).T)


@given(BOXES, st.integers(-999, 999), st.integers(-999, 999), st.sampled_from([0.5, 2, 8]))
def test_position_and_size_make_no_difference(boxes: Boxes, right: int, down: int, factor: float) -> None:
    moved = ((boxes + np.array([right, down] * 2)) * factor).astype(np.float32)
    np.testing.assert_allclose(overlap(moved, moved), overlap(boxes, boxes), atol=1e-5)
    np.testing.assert_array_equal(shared(moved, moved), shared(boxes, boxes) * factor**2)


def test_boxes_that_are_the_same_overlap_entirely_and_those_that_only_meet_do_not() -> None:
    box, below, inside = np.array([[[2, 3, 12, 23]], [[2, 23, 12, 43]], [[4, 8, 9, 18]]], np.float32)
    assert overlap(box, box)[0, 0] > 0.999
    assert overlap(box, below)[0, 0] == 0
    assert round(float(overlap(box, inside)[0, 0]), 4) == 0.25
