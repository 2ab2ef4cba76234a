import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits.reading import ink
from tests.reading.drawing import SHAPES, Grey, alike, draw, glyph
from tests.reading.fakes import SETTINGS

Box = NDArray[np.float32]
PLACE, LENGTH = st.floats(-300, 400), st.floats(0, 400)


def strokes(grey: Grey, place: Box) -> Grey:
    return ink.strokes(grey, place, SETTINGS.ink)


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return np.array([left, top, right, bottom], np.float32)


def around(ink: NDArray[np.bool_]) -> Box:
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def alone(drawn: Grey) -> Grey:
    """Return the only digit on a white page."""
    return strokes(drawn, around(drawn < 128))


def on_paper(drawn: Grey, seed: int = 0) -> Grey:
    """Return ``drawn`` in light that fades by a third from left to right, with noise."""
    light = np.linspace(230, 155, drawn.shape[1]) / 255
    noise = np.random.default_rng(seed).normal(0, 3, drawn.shape)
    return np.clip(drawn * light + noise, 0, 255).astype(np.uint8)


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)) | st.sampled_from([(1, 1), (1600, 3), (3, 1600), (1, 400)]),
    st.tuples(PLACE, PLACE, LENGTH, LENGTH),
    st.integers(0, 99),
    st.booleans(),
)
@settings(max_examples=200)
def test_every_box_has_an_image(
    shape: tuple[int, int], sides: tuple[float, float, float, float], seed: int, whole: bool
) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    left, top, width, height = (0, 0, *shape[::-1]) if whole else sides
    before, place = grey.copy(), box(left, top, left + width, top + height)
    image = strokes(grey, place)
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(grey, before)
    np.testing.assert_array_equal(place, box(left, top, left + width, top + height))
    if left >= shape[1] or top >= shape[0] or left + width <= 0 or top + height <= 0:
        assert not image.any()


@pytest.mark.parametrize(
    "place", [(10, 10, 10, 40), (10, 20, 40, 20), (12, 12, 12, 12), (7, 0, 7.001, 40), (30, 30, 20, 20)]
)
def test_an_empty_box_has_no_ink(place: tuple[float, float, float, float]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    assert strokes(grey, box(*place)).shape == (28, 28)


@pytest.mark.parametrize(
    "place", [(0, -40, 30, -10), (-40, 0, -10, 30), (0, 50, 30, 90), (55, 0, 90, 30), (-20, -20, -1, -1)]
)
def test_a_box_outside_the_picture_has_no_ink(place: tuple[float, float, float, float]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    assert not strokes(grey, box(*place)).any()


@pytest.mark.parametrize("level", [0, 130, 255])
@pytest.mark.parametrize("size", [3, 20, 90])
def test_blank_paper_has_no_ink(level: int, size: int) -> None:
    assert not strokes(np.full((100, 100), level, np.uint8), box(5, 5, 5 + size, 5 + size)).any()


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 4, 8]))
@settings(max_examples=60)
def test_an_image_in_mnists_format_hardly_changes(seed: int, enlarged: int) -> None:
    expected = glyph(seed)
    page = np.pad(cv2.resize(expected, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC), 9 * enlarged)
    image = strokes(255 - page.astype(np.uint8), around(page > 40))
    assert alike(image, expected) > 0.93
    assert image.astype(float).sum() == pytest.approx(expected.astype(float).sum(), rel=0.35)


@given(st.integers(0, 10_000), st.sampled_from([30, 80, 300]), st.booleans())
@settings(max_examples=40)
def test_a_negative_gives_the_same_digit(seed: int, side: int, noisy: bool) -> None:
    page = np.pad(cv2.resize(255 - glyph(seed), (side, side)).astype(np.uint8), side, constant_values=255)
    page = on_paper(page, seed) if noisy else page
    place = box(side, side, 2 * side, 2 * side)
    np.testing.assert_allclose(strokes(page, place).astype(int), strokes(255 - page, place), atol=3)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("size", [40, 100, 400, 900])
def test_size_and_paper_make_little_difference(name: str, size: int) -> None:
    expected = alone(draw(name))
    drawn = draw(name, size, max(3, round(0.08 * size)))
    assert alike(alone(drawn), expected) > 0.88
    assert alike(strokes(on_paper(drawn), around(drawn < 128)), expected) > 0.86


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("off", [(-6, -6, 6, 6), (2, 2, -2, -2), (-5, 3, -2, 6), (0, -6, 0, 6)])
def test_a_box_need_not_be_exact(name: str, off: tuple[int, int, int, int]) -> None:
    drawn = draw(name)
    loose = around(drawn < 128) + np.array(off, np.float32)
    assert alike(strokes(drawn, loose), alone(drawn)) > 0.9


@pytest.mark.parametrize("name", SHAPES)
def test_a_digit_at_the_edge_of_the_picture_is_whole(name: str) -> None:
    drawn = draw(name)
    left, top, right, bottom = around(drawn < 128).astype(int).tolist()
    for cut in (
        drawn[top:, left:],
        drawn[:bottom, :right],
        drawn[top:bottom, left:right],
        drawn[top - 2 : bottom, left:right],
    ):
        assert alike(alone(cut), alone(drawn)) > 0.9


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_neighbour_that_reaches_into_the_box_is_left_out(name: str, mirrored: bool) -> None:
    page, neighbour = draw(f"{name}0"), draw(f"{name}0")
    page[:, 150:], neighbour[:, :150] = 255, 255
    place = around(page < 128)
    # It comes as near as 4 pixels, and reaches 8 pixels into the box.
    nearer = int(around(neighbour < 128)[0] - place[2] - 4)
    both = np.minimum(page, np.roll(neighbour, -nearer, axis=1))
    place[2] += 12
    if mirrored:
        page, both = (np.ascontiguousarray(each[:, ::-1]) for each in (page, both))
        place[[0, 2]] = both.shape[1] - place[[2, 0]]
    assert alike(strokes(both, place), alone(page)) > 0.95


def test_a_neighbour_at_the_corner_is_left_out_although_the_box_touches_it() -> None:
    page = draw("1")
    expected, place = alone(page), around(page < 128)
    # A line far below that begins in the box.
    cv2.line(page, (int(place[2]) - 1, 120), (199, 190), 0, 6)
    assert alike(strokes(page, place + np.array([0, 0, 6, 0], np.float32)), expected) > 0.95


def test_a_digit_of_several_strokes_is_one_digit() -> None:
    whole, broken = draw("4"), draw("4")
    # Separates the two strokes, as if the pen had been lifted.
    cv2.line(broken, (50 + 57, 50 + 30), (50 + 57, 50 + 80), 255, 9)
    assert cv2.connectedComponents((broken < 128).astype(np.uint8))[0] == 3
    assert alike(alone(broken), alone(whole)) > 0.85


def elsewhere(image: Grey) -> NDArray[np.bool_]:
    """Return which pixels are more than two pixels away from the digit."""
    return np.asarray(cv2.dilate(image, np.ones((5, 5))) == 0)


@pytest.mark.parametrize("name", ["4", "7"])
def test_specks_are_not_ink(name: str) -> None:
    drawn = draw(name)
    expected, place = alone(drawn), around(drawn < 128)
    left, _, right, bottom = place.astype(int).tolist()
    for x, y in ((left + 3, bottom - 3), (right - 3, bottom - 3)):
        assert (drawn[y - 4 : y + 5, x - 4 : x + 5] > 200).all()
        cv2.circle(drawn, (x, y), 1, 0, -1)
    assert not strokes(drawn, place)[elsewhere(expected)].any()


@pytest.mark.parametrize("name", ["0", "4", "7"])
def test_noise_is_not_ink(name: str) -> None:
    drawn = draw(name, thickness=9)
    noise = np.random.default_rng(0).normal(0, 9, drawn.shape)
    noisy = np.clip(110 + drawn * (60 / 255) + noise, 0, 255).astype(np.uint8)
    left, top, right, bottom = around(drawn < 128).astype(int).tolist()
    cut = noisy[top - 1 : bottom + 1, left - 1 : right + 1]
    image = strokes(cut, box(0, 0, cut.shape[1], cut.shape[0]))
    assert alike(image, alone(drawn)) > 0.95
    assert not image[elsewhere(alone(drawn))].any()


def pale(drawn: Grey) -> NDArray[np.float64]:
    """Return ``drawn`` in pale ink, in light that changes more than the ink does."""
    return np.linspace(110, 230, drawn.shape[1]) - 45 * (1 - drawn / 255)


@pytest.mark.parametrize("name", SHAPES)
def test_pale_ink_is_seen_in_uneven_light(name: str) -> None:
    drawn = draw(name, thickness=9)
    assert alike(strokes(pale(drawn).astype(np.uint8), around(drawn < 128)), alone(drawn)) > 0.95


@pytest.mark.parametrize("name", ["0", "5", "7"])
def test_a_darker_neighbour_does_not_matter(name: str) -> None:
    drawn = draw(name, thickness=9)
    page, place = pale(drawn), around(drawn < 128)
    beside = int(place[2]) + 4
    page[40:160, beside : beside + 30] -= 100
    assert alike(strokes(page.clip(0).astype(np.uint8), place), alone(drawn)) > 0.95


def test_what_leads_out_of_the_box_is_cut_off() -> None:
    drawn = draw("5")
    place, expected = around(drawn < 128), alone(drawn)
    right = int(place[2])
    down = int(np.flatnonzero(drawn[:, right - 3] < 128)[0])
    cv2.line(drawn, (right - 4, down), (right + 30, down), 0, 4)
    assert alike(strokes(drawn, place), expected) > 0.97


@pytest.mark.parametrize("side", range(127, 176, 7))
@pytest.mark.parametrize("width", [0.05, 0.3, 0.6])
def test_a_box_may_be_less_than_a_pixel_wide(side: int, width: float) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)
    assert strokes(grey, box(side - width, 0, side, side)).shape == (28, 28)


def test_thin_strokes_are_thickened_to_the_width_of_mnists() -> None:
    thin, thick = (alone(draw("5", 300, thickness)).astype(float).sum() for thickness in (4, 30))
    assert thin > 0.5 * thick
