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


@pytest.mark.parametrize("right", [-8, 0, 5, 10])
def test_how_far_a_stroke_leans_is_measured_in_columns_per_row(right: int) -> None:
    image = np.zeros((28, 28), np.uint8)
    cv2.line(image, (14 + right // 2, 4), (14 - right // 2, 24), 255, 2)
    assert ink.lean(image) == pytest.approx(2 * (right // 2) / 20, abs=0.06)
    assert ink.lean(np.zeros((28, 28), np.uint8)) == 0
