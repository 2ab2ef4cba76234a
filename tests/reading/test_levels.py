import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from digits.reading.levels import pad_cut_out, pyramid
from digits.reading.normalization import normalized
from tests.reading.fakes import SETTINGS, changed

Grey = NDArray[np.uint8]
SHAPES = st.tuples(st.integers(1, 300), st.integers(1, 300)) | st.sampled_from([(1, 1), (10, 4000), (4000, 1)])


def random_grey(shape: tuple[int, int], seed: int = 0) -> Grey:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(SHAPES, st.floats(20, 800), st.floats(1, 300), st.floats(0.5, 3), st.floats(1.2, 3), st.floats(10, 99))
@settings(max_examples=50)
def test_sizes_fall_by_the_step_from_the_largest_to_the_smallest(
    shape: tuple[int, int], max_side: float, below: float, factor: float, step: float, min_side: float
) -> None:
    chosen = {"max_side": max_side, "upscale_below": below, "upscale_factor": factor}
    levels = pyramid(random_grey(shape), changed(**chosen, scale_step=step, min_side=min_side))
    side = max(shape)
    scale = min(max_side / side, max(factor, 1 / side) if side <= below else 1)
    for level in levels:
        assert level.dtype == np.uint8
        assert level.shape == tuple(max(1, round(length * scale)) for length in shape)
        scale /= step
    assert scale * side < min_side <= scale * side * step or len(levels) == 1


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 8), [56, 40]),
        ((28, 28), [56, 40]),
        ((30, 200), [400, 283, 200, 141, 100, 71, 50, 35]),
        ((201, 30), [201, 142, 100, 71, 50, 36]),
    ],
)
def test_small_images_are_enlarged(shape: tuple[int, int], expected: list[int]) -> None:
    assert [max(level.shape) for level in pyramid(random_grey(shape), changed(upscale_to=56))] == expected


@pytest.mark.parametrize("shape", [(160, 60), (400, 700), (1999, 1001)])
def test_every_level_shows_the_whole_image(shape: tuple[int, int]) -> None:
    down, across = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    for level in pyramid(np.rint(160 * down + 80 * across).astype(np.uint8), SETTINGS):
        # Between the first pixel of a level and its edge there is half a pixel.
        y, x = (np.arange(length) / length + 0.5 / length for length in level.shape)
        np.testing.assert_allclose(level, 160 * y[:, None] + 80 * x, atol=4)


@pytest.mark.parametrize("shape", [(2, 4000), (900, 900)])
def test_fine_stripes_become_grey(shape: tuple[int, int]) -> None:
    stripes = np.zeros(shape, np.uint8)
    stripes[:, ::2] = 255
    for grey in (stripes, stripes.T.copy()):
        for level in pyramid(grey, changed(max_side=450)):
            assert np.abs(level - 127.5).max() < 45


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 200)])
def test_a_digit_cut_out_tightly_is_padded_with_paper(paper: int, ink: int) -> None:
    tight = np.full((16, 10), paper, np.uint8)
    tight[:, 4:6] = ink
    padded, width = pad_cut_out(tight, None, changed(pad_below=16, padding=0.15))
    assert (width, padded.shape) == (2, (20, 14))
    np.testing.assert_array_equal(padded, np.pad(tight, 2, constant_values=paper))


def test_others_are_not_padded() -> None:
    whole = np.pad(np.zeros((12, 2), np.uint8), 4, constant_values=255)
    for grey in (whole, random_grey((41, 20))):
        padded, width = pad_cut_out(grey, None, changed(pad_below=40))
        assert padded is grey
        assert width == 0


@given(SHAPES, st.integers(3, 80), st.floats(0.01, 20), st.integers(0, 99))
@settings(max_examples=25)
def test_each_pixel_is_compared_with_a_window_around_it(
    shape: tuple[int, int], window: int, floor: float, seed: int
) -> None:
    grey, odd = random_grey((min(shape[0], 60), min(shape[1], 60)), seed), window | 1
    around = sliding_window_view(np.pad(grey.astype(float), odd // 2, mode="symmetric"), (odd, odd))
    expected = (grey - around.mean(axis=(2, 3))) / (around.std(axis=(2, 3)) + floor)
    np.testing.assert_allclose(normalized(grey, odd, floor), expected, atol=0.01, rtol=0.01)


@given(SHAPES, st.integers(0, 99), st.integers(2, 3), st.integers(0, 66))
@settings(max_examples=25)
def test_light_and_contrast_make_no_difference(shape: tuple[int, int], seed: int, factor: int, brighter: int) -> None:
    grey = random_grey(shape, seed) // np.uint8(4)
    brightened = (grey * factor + brighter).astype(np.uint8)
    expected = normalized(grey, 33, 0.001)
    np.testing.assert_allclose(normalized(brightened, 33, 0.001), expected, atol=0.02)
    np.testing.assert_allclose(normalized(255 - grey, 33, 0.001), -expected, atol=0.02)


def test_noise_on_even_paper_stays_small() -> None:
    noisy = np.random.default_rng(0).normal(128, 1, (90, 120)).astype(np.uint8)
    assert np.std(normalized(noisy, 65, 3)) < 0.5
