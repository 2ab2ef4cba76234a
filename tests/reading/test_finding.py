import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits.reading.finding import SIDE, Candidates, at_level, candidates, crop
from digits.reading.levels import framed, pyramid
from tests.reading import fakes
from tests.reading.drawing import Grey, draw
from tests.reading.fakes import SETTINGS, Floats, changed

FILL = SETTINGS.fill
# Sides of boxes, of which some are outside images of up to 99 pixels.
PLACE, LENGTH = st.floats(-150, 250), st.floats(0, 200)


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


@given(st.integers(1, 99), st.integers(1, 99), PLACE, PLACE, LENGTH, LENGTH, st.integers(0, 99))
@settings(max_examples=200)
def test_every_box_has_a_crop(
    height: int, width: int, left: float, top: float, across: float, down: float, seed: int
) -> None:
    found = crop(random_grey(height, width, seed), boxes((left, top, left + across, top + down)), FILL)
    assert found.shape == (1, SIDE, SIDE, 3)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    levels, inside, _ = np.moveaxis(found[0], -1, 0)
    assert set(np.unique(found[..., 1:])) <= {0, 1}
    assert not levels[inside == 0].any()
    if inside.any():
        assert abs(levels[inside == 1].mean()) < 1e-4
        assert levels[inside == 1].std() <= 1.0001
    # A box further away than its own size sees nothing of the image.
    size = max(across, down, 4)
    if left > width + size or top > height + size or left + across < -size or top + down < -size:
        assert not inside.any()


@pytest.mark.parametrize("fill", [16, 22, 28])
@pytest.mark.parametrize(("width", "height"), [(60, 60), (20, 60), (60, 30), (200, 120)])
def test_a_box_fills_its_part_of_a_crop(fill: float, width: int, height: int) -> None:
    grey = random_grey(400, 400)
    box = crop(grey, boxes((100, 150, 100 + width, 150 + height)), fill)[0, ..., 2]
    rows, columns = (np.flatnonzero(box.any(axis=axis)) for axis in (1, 0))
    for places, length in ((rows, height), (columns, width)):
        assert len(places) == pytest.approx(fill * length / max(width, height), abs=1)
        assert places[0] + places[-1] == pytest.approx(SIDE - 1, abs=1)


def test_a_crop_shows_the_ink_of_its_box() -> None:
    # An F, which looks different turned or mirrored.
    grey = np.full((300, 200), 220, np.uint8)
    for top, bottom, left, right in ((100, 166, 80, 92), (100, 112, 80, 146), (130, 142, 80, 125)):
        grey[top:bottom, left:right] = 40
    found = crop(grey, boxes((80, 100, 146, 166)), FILL)[0]
    expected = cv2.resize(grey[85:181, 65:161], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(found[..., 0].ravel(), expected.ravel())[0, 1] > 0.97
    assert found[..., 1].all()
    ink = found[..., 0] < -0.5
    assert found[..., 2][ink].all()


def test_a_crop_at_the_edge_tells_where_the_image_ends() -> None:
    found = crop(random_grey(50, 80), boxes((0, 0, 22, 22), (58, 28, 80, 50)), 22)
    first, last = found[..., 1]
    assert first[5:, 5:].all()
    assert first.sum() == 27**2
    assert last[:27, :27].all()
    assert last.sum() == 27**2


@given(st.integers(0, 99), st.floats(0, 40), st.floats(0, 40), st.floats(12, 60))
@settings(max_examples=25)
def test_light_and_contrast_hardly_matter_and_a_negative_has_the_opposite_sign(
    seed: int, left: float, top: float, size: float
) -> None:
    grey, box = (
        cv2.blur(random_grey(60, 70, seed), (5, 5)).astype(np.uint8),
        boxes((left, top, left + size, top + size)),
    )
    levels = crop(grey, box, FILL)[0, ..., 0]
    np.testing.assert_allclose(crop(255 - grey, box, FILL)[0, ..., 0], -levels, atol=0.1)
    paler = crop((grey * 0.6 + 90).astype(np.uint8), box, FILL)[0, ..., 0]
    assert np.corrcoef(paler.ravel(), levels.ravel())[0, 1] > 0.99
    assert levels.std() * 0.75 < paler.std() < levels.std() * 1.01


def test_noise_on_even_paper_stays_small() -> None:
    noisy = np.random.default_rng(0).normal(128, 1, (60, 60)).round().astype(np.uint8)
    assert crop(noisy, boxes((10, 10, 50, 50)), FILL)[0, ..., 0].std() < 0.3


def found_in(grey: Grey, **settings: float | tuple[float, float]) -> Candidates:
    return at_level(grey[np.newaxis], fakes.detector, changed(**settings))[0]


@pytest.mark.parametrize("rim", [0, 4, 9])
def test_boxes_are_in_the_pixels_of_the_image(rim: int) -> None:
    found = found_in(with_squares((140, 230), (31, 22, 20), (150, 77, 33), (0, 100, 24)), rim=rim)
    order = np.argsort(found.boxes[:, 1])
    expected = [(31, 22, 51, 42), (150, 77, 183, 110), (0, 100, 24, 124)]
    np.testing.assert_allclose(found.boxes[order], expected, atol=0.01)


def test_a_candidate_has_what_the_detector_says_and_its_crop() -> None:
    grey = with_squares((100, 120), (30, 40, 24))
    found = found_in(grey)
    assert [each.dtype for each in found] == [np.float32] * 4
    np.testing.assert_allclose(found.found, [0.9])
    np.testing.assert_allclose(found.labels, [fakes.labelled(24, 24)], rtol=1e-5)
    np.testing.assert_array_equal(found.crops, crop(grey, found.boxes, FILL))


def test_the_detector_sees_framed_images() -> None:
    greys = np.stack([random_grey(50, 60, seed) for seed in (0, 1)])
    seen: list[Floats] = []

    def detector(frames: Floats) -> Floats:
        seen.append(frames)
        return fakes.detector(frames)

    at_level(greys, detector, changed(rim=7))
    expected = [framed(grey, SETTINGS.window, SETTINGS.floor, multiple=16, rim=7) for grey in greys]
    np.testing.assert_array_equal(seen, [expected])
    assert seen[0].shape == (2, 64, 80, 2)


def test_images_read_together_keep_their_candidates() -> None:
    greys = [with_squares((100, 150), *squares) for squares in ([(20, 20, 30)], [], [(70, 30, 20), (10, 60, 25)])]
    together = at_level(np.stack(greys), fakes.detector, SETTINGS)
    assert [len(each.found) for each in together] == [1, 0, 2]
    for grey, found in zip(greys, together, strict=True):
        for one, other in zip(found, found_in(grey), strict=True):
            np.testing.assert_array_equal(one, other)


def test_candidates_that_are_too_small_or_too_large_are_left_out() -> None:
    grey = with_squares((150, 300), (20, 20, 11), (60, 20, 13), (100, 20, 58), (200, 20, 62))
    found = found_in(grey, heights=(12.0, 60.0))
    assert sorted((found.boxes[:, 2] - found.boxes[:, 0]).round().tolist()) == [13, 58]


def test_the_longer_side_is_what_is_measured() -> None:
    grey = np.full((100, 100), 220, np.uint8)
    grey[20:60, 40:46] = 30
    assert len(found_in(grey).found) == 1


def test_improbable_candidates_are_left_out_and_the_likeliest_kept() -> None:
    sides = [8.0] * 4
    cells = {(4, column): [probability, *sides] for column, probability in ((3, 0.2), (9, 0.5), (15, 0.8), (21, 0.3))}
    grey = random_grey(60, 100)[np.newaxis]

    def probabilities(**settings: float) -> list[float]:
        found = at_level(grey, fakes.at(cells), changed(**settings))[0].found
        return sorted(round(each, 3) for each in found.tolist())

    assert probabilities(candidate=0.1) == [0.2, 0.3, 0.5, 0.8]
    assert probabilities(candidate=0.25) == [0.3, 0.5, 0.8]
    assert probabilities(candidate=0.1, most=2) == [0.5, 0.8]


def test_boxes_end_where_the_image_does() -> None:
    cells = {(1, 1): [0.9, 20, 15, 10, 11], (14, 23): [0.8, 12, 12, 30, 30]}
    found = at_level(random_grey(60, 100)[np.newaxis], fakes.at(cells), SETTINGS)[0]
    # The centre of cell (1, 1) is at (6, 6), less the rim.
    np.testing.assert_allclose(found.boxes, [(0, 0, 12, 13), (78, 42, 100, 60)])


def test_a_candidate_beyond_the_edge_is_left_out() -> None:
    # The last cells of a frame are beyond the image.
    cells = {(8, 26): [0.9, 4, 20, 4, 20]}
    assert not len(at_level(random_grey(60, 97)[np.newaxis], fakes.at(cells), SETTINGS)[0].found)


def test_a_digit_is_found_at_several_sizes_in_the_same_place() -> None:
    grey = with_squares((500, 400), (200, 120, 60))[np.newaxis]
    (found,) = candidates(grey, fakes.detector, changed(heights=(14.0, 75.0)))
    # 60, 42, 30, 21 and 15 pixels high.
    assert len(found.found) == 5
    np.testing.assert_allclose(found.boxes, [(200, 120, 260, 180)] * 5, atol=3)
    assert found.crops.shape == (5, SIDE, SIDE, 3)
    for one in found.crops[1:]:
        assert np.corrcoef(one[..., 0].ravel(), found.crops[0, ..., 0].ravel())[0, 1] > 0.8


@pytest.mark.parametrize("side", [10, 24, 90, 250, 700])
def test_digits_of_every_size_are_found(side: int) -> None:
    grey = with_squares((2 * side, 3 * side), (side, side // 2, side))
    found = candidates(grey[np.newaxis], fakes.detector, SETTINGS)[0]
    away = np.abs(found.boxes - np.array([side, side // 2, 2 * side, side // 2 + side])).max(axis=1)
    assert away.min() < 0.06 * side


@pytest.mark.parametrize("shape", [(37, 90), (90, 37), (1203, 51), (51, 1203), (210, 210)])
def test_boxes_are_in_the_pixels_of_an_image_whose_sides_are_rounded_at_each_size(shape: tuple[int, int]) -> None:
    # At each size there is a box of 14 pixels around (10, 10), unless the image ends before.
    detector = fakes.at({(3, 3): [0.9, 7, 7, 7, 7]})
    (found,) = candidates(np.zeros((1, *shape), np.uint8), detector, SETTINGS)
    expected = []
    for level in pyramid(np.zeros(shape, np.uint8), longest=1600, small=200, enlarged=2, tiny=1, step=2**0.5, least=34):
        height, width = level.grey.shape
        right, bottom = min(17, width), min(17, height)
        if min(right, bottom) > 3 and max(right, bottom) >= 12 + 3:
            across, down = shape[1] / width, shape[0] / height
            expected.append((3 * across, 3 * down, right * across, bottom * down))
    np.testing.assert_allclose(found.boxes, expected, rtol=1e-5)


def test_the_likeliest_of_all_sizes_are_kept_in_their_order() -> None:
    grey = with_squares((200, 400), (30, 40, 40), (150, 60, 30), (300, 80, 50))[np.newaxis]

    def detector(frames: Floats) -> Floats:
        output = fakes.detector(frames)
        # The smaller a frame is, the surer it is.
        output[..., 0] *= 1 - frames.shape[2] / 1000
        return output

    (every,), (best,) = (candidates(grey, detector, changed(most=most)) for most in (1000, 4))
    assert len(every.found) > 6
    likeliest = np.sort(np.argsort(-every.found, kind="stable")[:4])
    for one, other in zip(best, every, strict=True):
        np.testing.assert_array_equal(one, other[likeliest])


@pytest.mark.parametrize("shape", [(1, 1), (1, 1600), (1600, 3), (50, 50)])
@pytest.mark.parametrize("level", [0, 255])
def test_nothing_is_found_on_blank_paper(shape: tuple[int, int], level: int) -> None:
    (found,) = candidates(np.full((1, *shape), level, np.uint8), fakes.detector, SETTINGS)
    assert [each.shape for each in found] == [(0, 4), (0,), (0, 10), (0, SIDE, SIDE, 3)]
    assert [each.dtype for each in found] == [np.float32] * 4


def test_images_of_the_same_size_are_found_together_as_they_are_alone() -> None:
    greys = np.stack([draw("50"), np.full((200, 300), 255, np.uint8), 255 - draw("71"), draw("04")])
    together = candidates(greys, fakes.detector, SETTINGS)
    assert [len(each.found) > 0 for each in together] == [True, False, True, True]
    for grey, found in zip(greys, together, strict=True):
        for one, other in zip(found, candidates(grey[np.newaxis], fakes.detector, SETTINGS)[0], strict=True):
            np.testing.assert_array_equal(one, other)
