import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits.reading.finding import CROP_SIDE, Candidates, candidates_at_level, crop, find_candidates, iou
from tests.reading import fakes
from tests.reading.drawing import Grey, draw
from tests.reading.fakes import SETTINGS, Floats, changed

BOX_SIDE, WIDE_SIDE = SETTINGS.crop_box_side, SETTINGS.wide_box_side
# Sides of boxes, of which some are outside images of up to 99 pixels.
PLACE, LENGTH = st.floats(-150, 250), st.floats(0, 200)
# Whole numbers, so that sums are exact.
BOXES = st.lists(st.tuples(*[st.integers(0, 12)] * 4), max_size=5).map(
    lambda rows: np.array([(x, y, x + width, y + height) for x, y, width, height in rows], np.float32).reshape(-1, 4)
)


def boxes(*sides: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(sides, np.float32).reshape(-1, 4)


def with_squares(shape: tuple[int, int], *squares: tuple[int, int, int]) -> Grey:
    """Return light paper with the outlines of squares in dark ink: left, top and side."""
    grey = np.full(shape, 220, np.uint8)
    for left, top, side in squares:
        stroke = max(2, side // 9)
        grey[top : top + side, left : left + side] = 30
        grey[top + stroke : top + side - stroke, left + stroke : left + side - stroke] = 220
    return grey


def random_grey(height: int, width: int, seed: int = 0) -> Grey:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@given(BOXES, BOXES)
def test_the_iou_is_that_of_the_pixels_in_both_boxes(one: Floats, other: Floats) -> None:
    masks = []
    for group in (one, other):
        masks.append(np.zeros((len(group), 24, 24), bool))
        for mask, (left, top, right, bottom) in zip(masks[-1], group.astype(int).tolist(), strict=True):
            mask[top:bottom, left:right] = True
    both, either = (combine(masks[0][:, None], masks[1][None]) for combine in (np.logical_and, np.logical_or))
    expected = both.sum(axis=(2, 3)) / np.maximum(either.sum(axis=(2, 3)), 1)
    np.testing.assert_allclose(iou(one, other), expected, atol=1e-5)


@given(st.integers(1, 99), st.integers(1, 99), PLACE, PLACE, LENGTH, LENGTH, st.integers(0, 99))
@settings(max_examples=100)
def test_every_box_has_a_crop(
    height: int, width: int, left: float, top: float, across: float, down: float, seed: int
) -> None:
    crops = crop(random_grey(height, width, seed), boxes((left, top, left + across, top + down)), BOX_SIDE, WIDE_SIDE)
    assert crops.shape == (1, CROP_SIDE, CROP_SIDE, 5)
    assert crops.dtype == np.float32
    assert np.isfinite(crops).all()
    assert set(np.unique(crops[..., [1, 2, 4]])) <= {0, 1}
    for view in (0, 3):
        levels, inside = np.moveaxis(crops[0, ..., view : view + 2], -1, 0)
        assert not levels[inside == 0].any()
        if inside.any():
            assert abs(levels[inside == 1].mean()) < 1e-4
            assert levels[inside == 1].std() <= 1.0001


@pytest.mark.parametrize("box_side", [16, 28])
@pytest.mark.parametrize(("width", "height"), [(60, 60), (20, 60), (200, 120)])
def test_a_box_fills_its_part_of_a_crop(box_side: float, width: int, height: int) -> None:
    box = crop(random_grey(400, 400), boxes((100, 150, 100 + width, 150 + height)), box_side, WIDE_SIDE)[0, ..., 2]
    rows, columns = (np.flatnonzero(box.any(axis=axis)) for axis in (1, 0))
    for places, length in ((rows, height), (columns, width)):
        assert len(places) == pytest.approx(box_side * length / max(width, height), abs=1)
        assert places[0] + places[-1] == pytest.approx(CROP_SIDE - 1, abs=1)


def test_a_crop_shows_the_ink_of_its_box_and_what_is_around_it() -> None:
    # An F, which looks different turned or mirrored.
    grey = np.full((300, 200), 220, np.uint8)
    for top, bottom, left, right in ((100, 166, 80, 92), (100, 112, 80, 146), (130, 142, 80, 125)):
        grey[top:bottom, left:right] = 40
    crops = crop(grey, boxes((80, 100, 146, 166)), BOX_SIDE, WIDE_SIDE)[0]
    levels, inside, box, around, near = np.moveaxis(crops, -1, 0)
    expected = cv2.resize(grey[85:181, 65:161], (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(levels.ravel(), expected.ravel())[0, 1] > 0.97
    assert inside.all()
    assert box[levels < -0.5].all()
    # 264 pixels of an image of 200 across.
    page = cv2.resize(grey[1:265], (24, 32), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(around[:, 2:26].ravel(), page.ravel())[0, 1] > 0.9
    assert near.sum() == pytest.approx(32 * 24, abs=32)


def test_a_crop_at_the_edge_shows_where_the_image_ends() -> None:
    first, last = crop(random_grey(50, 80), boxes((0, 0, 22, 22), (58, 28, 80, 50)), 22, 8)[..., 1]
    assert first[5:, 5:].all()
    assert last[:27, :27].all()
    assert first.sum() == last.sum() == 27**2


def found_in(grey: Grey, **settings: float | tuple[float, float]) -> Candidates:
    return candidates_at_level(grey[np.newaxis], fakes.detector, changed(**settings))[0]


@pytest.mark.parametrize("padding", [0, 4, 9])
def test_a_candidate_has_what_the_detector_says_its_box_and_its_crop(padding: int) -> None:
    grey = with_squares((140, 230), (31, 22, 20), (150, 77, 33), (0, 100, 24))
    candidates = found_in(grey, frame_padding=padding)
    assert [array.dtype for array in candidates] == [np.float32] * 4
    order = np.argsort(candidates.boxes[:, 1])
    expected = [(31, 22, 51, 42), (150, 77, 183, 110), (0, 100, 24, 124)]
    np.testing.assert_allclose(candidates.boxes[order], expected, atol=0.01)
    np.testing.assert_allclose(candidates.objectness, [0.9] * 3)
    np.testing.assert_allclose(candidates.class_probabilities, [fakes.labelled(24, 24)] * 3, rtol=1e-5)
    np.testing.assert_array_equal(candidates.crops, crop(grey, candidates.boxes, BOX_SIDE, WIDE_SIDE))


def test_candidates_whose_longer_side_is_too_small_or_too_large_are_left_out() -> None:
    grey = with_squares((150, 300), (20, 20, 11), (60, 20, 13), (100, 20, 58), (200, 20, 62))
    sides = found_in(grey, candidate_sizes=(12.0, 60.0)).boxes
    assert sorted((sides[:, 2] - sides[:, 0]).round().tolist()) == [13, 58]


def test_improbable_candidates_are_left_out_and_the_most_probable_kept() -> None:
    places = {(4, 3): 0.2, (4, 9): 0.5, (4, 15): 0.8, (4, 21): 0.3}
    detector = fakes.at({place: [objectness, *[8.0] * 4] for place, objectness in places.items()})

    def kept(**settings: float) -> list[float]:
        (candidates,) = candidates_at_level(random_grey(60, 100)[np.newaxis], detector, changed(**settings))
        return sorted(round(objectness, 3) for objectness in candidates.objectness.tolist())

    assert kept(min_objectness=0.1) == [0.2, 0.3, 0.5, 0.8]
    assert kept(min_objectness=0.25) == [0.3, 0.5, 0.8]
    assert kept(min_objectness=0.1, max_candidates=2) == [0.5, 0.8]


def test_boxes_end_where_the_image_does_and_those_beyond_are_left_out() -> None:
    # The last cells of a frame are beyond the image.
    cells = {(1, 1): [0.9, 20, 15, 10, 11], (14, 23): [0.8, 12, 12, 30, 30], (8, 27): [0.9, 4, 20, 4, 20]}
    (candidates,) = candidates_at_level(random_grey(60, 100)[np.newaxis], fakes.at(cells), SETTINGS)
    # The centre of cell (1, 1) is at (6, 6), less the padding.
    np.testing.assert_allclose(candidates.boxes, [(0, 0, 12, 13), (78, 42, 100, 60)])


@pytest.mark.parametrize("side", [10, 24, 90, 250, 700])
def test_digits_of_every_size_are_found(side: int) -> None:
    grey = with_squares((2 * side, 3 * side), (side, side // 2, side))
    (candidates,) = find_candidates(grey[np.newaxis], fakes.detector, SETTINGS)
    away = np.abs(candidates.boxes - np.array([side, side // 2, 2 * side, side // 2 + side])).max(axis=1)
    assert away.min() < 0.06 * side


def test_a_digit_is_found_at_several_sizes_in_the_same_place() -> None:
    grey = with_squares((500, 400), (200, 120, 60))[np.newaxis]
    (candidates,) = find_candidates(grey, fakes.detector, changed(candidate_sizes=(14.0, 75.0)))
    # 60, 42, 30, 21 and 15 pixels high.
    np.testing.assert_allclose(candidates.boxes, [(200, 120, 260, 180)] * 5, atol=3)
    first, *others = candidates.crops[..., 0]
    assert all(np.corrcoef(other.ravel(), first.ravel())[0, 1] > 0.8 for other in others)


def test_the_most_probable_of_all_sizes_are_kept_in_their_order() -> None:
    grey = with_squares((200, 400), (30, 40, 40), (150, 60, 30), (300, 80, 50))[np.newaxis]

    def detector(frames: Floats) -> Floats:
        output = fakes.detector(frames)
        # The smaller a frame is, the surer it is.
        output[..., 0] *= 1 - frames.shape[2] / 1000
        return output

    (every,), (best,) = (find_candidates(grey, detector, changed(max_candidates=count)) for count in (1000, 4))
    kept = np.sort(np.argsort(-every.objectness, kind="stable")[:4])
    for one, other in zip(best, every, strict=True):
        np.testing.assert_array_equal(one, other[kept])


@pytest.mark.parametrize("shape", [(1, 1), (1, 1600), (50, 50)])
def test_nothing_is_found_on_blank_paper(shape: tuple[int, int]) -> None:
    (candidates,) = find_candidates(np.full((1, *shape), 255, np.uint8), fakes.detector, SETTINGS)
    assert [array.shape for array in candidates] == [(0, 4), (0,), (0, 10), (0, CROP_SIDE, CROP_SIDE, 5)]


def test_images_of_the_same_size_are_searched_together_as_they_are_alone() -> None:
    greys = np.stack([draw("50"), np.full((200, 300), 255, np.uint8), 255 - draw("71"), draw("04")])
    together = find_candidates(greys, fakes.detector, SETTINGS)
    assert [len(candidates.boxes) > 0 for candidates in together] == [True, False, True, True]
    for grey, candidates in zip(greys, together, strict=True):
        (alone,) = find_candidates(grey[np.newaxis], fakes.detector, SETTINGS)
        for one, other in zip(candidates, alone, strict=True):
            np.testing.assert_array_equal(one, other)
