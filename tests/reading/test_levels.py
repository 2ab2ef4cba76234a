import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from digits.reading.levels import Level, framed, normalized, pyramid, widened

Grey = NDArray[np.uint8]
SHAPES = st.tuples(st.integers(1, 300), st.integers(1, 300)) | st.sampled_from(
    [(1, 1), (4000, 10), (10, 4000), (1, 4000), (4000, 1), (3, 1600), (2, 200)]
)


def sizes(
    grey: Grey,
    longest: float = 1600,
    small: float = 200,
    enlarged: float = 2,
    tiny: float = 1,
    step: float = 2**0.5,
    least: float = 34,
) -> list[Level]:
    return pyramid(grey, longest=longest, small=small, enlarged=enlarged, tiny=tiny, step=step, least=least)


def random_grey(shape: tuple[int, int], seed: int = 0) -> Grey:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(SHAPES, st.floats(20, 800), st.floats(1, 300), st.floats(0.5, 3), st.floats(1.2, 3), st.floats(10, 99))
@settings(max_examples=60)
def test_sizes_fall_by_the_step_between_the_largest_and_the_smallest(
    shape: tuple[int, int], longest: float, small: float, enlarged: float, step: float, least: float
) -> None:
    levels = sizes(random_grey(shape), longest, small, enlarged, step=step, least=least)
    side = max(shape)

    wanted = max(enlarged, 1 / side) if side <= small else 1
    assert levels[0].scale == pytest.approx(min(wanted, longest / side))
    for level in levels:
        assert level.grey.dtype == np.uint8
        assert level.grey.shape == tuple(max(1, round(length * level.scale)) for length in shape)
        assert max(level.grey.shape) <= round(longest)
    for larger, smaller in itertools.pairwise(levels):
        assert larger.scale == pytest.approx(smaller.scale * step)
    assert all(level.scale * side >= least for level in levels[1:])
    assert levels[-1].scale * side / step < least


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 1), [2]),
        ((30, 200), [400, 283, 200, 141, 100, 71, 50, 35]),
        ((201, 30), [201, 142, 100, 71, 50, 36]),
    ],
)
def test_small_images_are_enlarged(shape: tuple[int, int], expected: list[int]) -> None:
    assert [max(level.grey.shape) for level in sizes(random_grey(shape))] == expected


def test_an_image_of_a_medium_size_is_its_own_largest_level() -> None:
    grey = random_grey((210, 340))
    np.testing.assert_array_equal(sizes(grey)[0].grey, grey)


@pytest.mark.parametrize("shape", [(160, 60), (400, 700), (2000, 900), (1999, 1001)])
def test_every_level_shows_the_whole_image(shape: tuple[int, int]) -> None:
    down, across = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    for level in sizes(np.rint(160 * down + 80 * across).astype(np.uint8)):
        height, width = level.grey.shape
        y, x = (np.arange(length) / length + 0.5 / length for length in (height, width))
        # Between the first pixel of a level and its edge there is half a pixel.
        np.testing.assert_allclose(level.grey, 160 * y[:, None] + 80 * x, atol=4)


@pytest.mark.parametrize("shape", [(1, 4000), (2, 4000), (60, 4000), (900, 900)])
@pytest.mark.parametrize("turned", [False, True])
def test_fine_stripes_become_grey(shape: tuple[int, int], turned: bool) -> None:
    stripes = np.zeros(shape, np.uint8)
    stripes[:, ::2] = 255
    for level in sizes(stripes.T.copy() if turned else stripes, longest=450):
        assert np.abs(level.grey - 127.5).max() < 45


@given(SHAPES.filter(lambda shape: max(shape) <= 300), st.integers(3, 80), st.floats(0.01, 20), st.integers(0, 99))
@settings(max_examples=25)
def test_each_pixel_is_compared_with_a_window_around_it(
    shape: tuple[int, int], window: int, floor: float, seed: int
) -> None:
    small = (min(shape[0], 60), min(shape[1], 60))
    grey, odd = random_grey(small, seed), window | 1
    around = sliding_window_view(np.pad(grey.astype(float), odd // 2, mode="symmetric"), (odd, odd))
    expected = (grey - around.mean(axis=(2, 3))) / (around.std(axis=(2, 3)) + floor)
    found = normalized(grey, odd, floor)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.01, rtol=0.01)


@given(SHAPES, st.integers(0, 99), st.integers(2, 3), st.integers(0, 66))
@settings(max_examples=25)
def test_light_and_contrast_make_no_difference(shape: tuple[int, int], seed: int, factor: int, brighter: int) -> None:
    grey = random_grey(shape, seed) // np.uint8(4)
    changed = (grey * factor + brighter).astype(np.uint8)
    np.testing.assert_allclose(normalized(changed, 33, 0.001), normalized(grey, 33, 0.001), atol=0.02)


@given(SHAPES, st.integers(0, 99), st.integers(3, 99), st.floats(0.1, 20))
@settings(max_examples=25)
def test_a_negative_has_the_opposite_sign(shape: tuple[int, int], seed: int, window: int, floor: float) -> None:
    grey = random_grey(shape, seed)
    np.testing.assert_allclose(normalized(255 - grey, window, floor), -normalized(grey, window, floor), atol=0.02)


@pytest.mark.parametrize("level", [0, 77, 255])
def test_even_paper_is_zero_and_its_noise_is_small(level: int) -> None:
    paper = np.full((90, 120), level, np.uint8)
    np.testing.assert_allclose(normalized(paper, 65, 3), 0, atol=1e-3)
    noisy = np.clip(paper + np.random.default_rng(0).normal(0, 1, paper.shape), 0, 255).astype(np.uint8)
    assert np.std(normalized(noisy, 65, 3)) < 0.5


@given(SHAPES, st.sampled_from([4, 16, 32]), st.integers(0, 20))
@settings(max_examples=40)
def test_a_frame_has_an_empty_rim_and_sides_that_the_detector_can_halve(
    shape: tuple[int, int], multiple: int, rim: int
) -> None:
    grey = random_grey(shape)
    frame = framed(grey, 65, 3, multiple=multiple, rim=rim)
    assert frame.dtype == np.float32
    assert frame.shape[2] == 2
    for side, length in zip(frame.shape, shape, strict=False):
        assert side % multiple == 0
        assert length + 2 * rim <= side < length + 2 * rim + multiple
    inside = (slice(rim, rim + shape[0]), slice(rim, rim + shape[1]))
    np.testing.assert_array_equal(frame[(*inside, 0)], normalized(grey, 65, 3))
    assert frame[(*inside, 1)].all()
    frame[inside] = 0
    assert not frame.any()


@pytest.mark.parametrize(("side", "expected"), [(8, [56, 40]), (28, [56, 40]), (30, [60, 42])])
def test_tiny_images_are_enlarged_more(side: int, expected: list[int]) -> None:
    assert [len(level.grey) for level in sizes(random_grey((side, side)), tiny=56)] == expected


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 200)])
def test_a_digit_cut_out_tightly_gets_a_margin_of_paper(paper: int, ink: int) -> None:
    tight = np.full((16, 10), paper, np.uint8)
    tight[:, 4:6] = ink
    wide, margin = widened(tight, cut=16, margin=0.15, edge=0.3)
    assert margin == 2
    assert wide.shape == (20, 14)
    np.testing.assert_array_equal(wide[2:-2, 2:-2], tight)
    assert (np.concatenate([wide[:2].ravel(), wide[-2:].ravel(), wide[:, :2].ravel()]) == paper).all()


def test_others_get_no_margin() -> None:
    whole = np.pad(np.zeros((12, 2), np.uint8), 4, constant_values=255)
    for grey in (whole, random_grey((41, 20))):
        same, margin = widened(grey, cut=40, margin=0.15, edge=0.3)
        assert margin == 0
        assert same is grey
