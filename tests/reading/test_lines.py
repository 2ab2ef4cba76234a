import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits.reading import lines
from tests.reading.fakes import SETTINGS

Boxes = NDArray[np.float32]
Page = list[list[list[int]]]


def arrange(boxes: Boxes) -> Page:
    return lines.arrange(boxes, SETTINGS.lines)


def write(
    page: list[list[int]], seed: int, *, slant: float = 0, pitch: float = 1.5, gap: float = 0.2, space: float = 1.1
) -> tuple[Boxes, Page]:
    """Write words of the given lengths by hand, 40 pixels high; return the digits' boxes, shuffled, and their words."""
    random = np.random.default_rng(seed)
    boxes: list[list[float]] = []
    words: Page = []
    angle = np.deg2rad(slant)
    for number, line in enumerate(page):
        x = random.uniform(0, 1)
        # Each line is a little steeper or flatter than the page.
        drift = random.normal(0, 0.01)
        words.append([])
        for length in line:
            words[-1].append([*range(len(boxes), len(boxes) + length)])
            for _ in range(length):
                one = random.random() < 0.1
                width = random.uniform(0.1, 0.25) if one else random.uniform(0.45, 0.75)
                height = np.clip(np.exp(random.normal(0, 0.12)), 0.7, 1.4)
                hangs = random.uniform(0, 0.3) if random.random() < 0.1 else 0
                y = number * pitch + drift * x + hangs - height / 2 + random.normal(0, 0.05)
                middle = x + width / 2
                across = middle * np.cos(angle) - y * np.sin(angle)
                down = middle * np.sin(angle) + y * np.cos(angle)
                boxes.append([across - width / 2, down - height / 2, across + width / 2, down + height / 2])
                x += width + gap * random.uniform(0.6, 1.4)
            x += space - gap
    order = random.permutation(len(boxes))
    place = np.argsort(order)
    pixels = np.rint(40 * (np.array(boxes)[order] + 100)).astype(np.float32)
    return pixels, [[[int(place[index]) for index in word] for word in line] for line in words]


def joined(page: Page) -> list[list[int]]:
    """Return the digits of each line."""
    return [[index for word in line for index in word] for line in page]


def lengths(boxes: Boxes) -> list[list[int]]:
    return [[len(word) for word in line] for line in arrange(boxes)]


def grid(rows: int, columns: int, across: float, down: float, seed: int = 0) -> Boxes:
    """Return one digit in each cell of a table, 30 pixels high, row by row."""
    random = np.random.default_rng(seed)
    corners = np.array([*itertools.product(range(rows), range(columns))])[:, ::-1] * (across, down)
    corners = corners + random.uniform(-3, 3, corners.shape)
    return np.hstack([corners, corners + np.array([18, 30])]).astype(np.float32)


@pytest.mark.parametrize("slant", [-20, -10, 0, 5, 20])
@pytest.mark.parametrize("pitch", [1.15, 1.6])
def test_nearly_every_page_is_read_in_lines_and_words(slant: float, pitch: float) -> None:
    lines = words = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        page = [random.integers(1, 7, random.integers(2, 5)).tolist() for _ in range(random.integers(1, 7))]
        boxes, expected = write(page, seed, slant=slant, pitch=pitch)
        found = arrange(boxes)
        lines += joined(found) == joined(expected)
        words += found == expected
    assert lines >= 38
    assert words >= 36


def test_a_larger_line_has_larger_gaps() -> None:
    boxes, expected = write([[8, 8], [9]], 0, gap=0.4)
    last = [index for word in expected[1] for index in word]
    boxes[last] = 2 * boxes[last] - boxes[last].min(0)[[0, 1, 0, 1]]
    assert arrange(boxes) == expected


def row_of(middles: list[float], widths: list[float], y: float = 0) -> Boxes:
    """Return the boxes of digits 36 pixels high."""
    x, half = np.array(middles), np.array(widths) / 2
    return np.stack([x - half, 0 * x + y, x + half, 0 * x + y + 36], axis=1).astype(np.float32)


def test_two_ones_are_not_two_words_although_they_are_narrow() -> None:
    assert lengths(row_of([0, 30, 60, 90, 120], [20, 20, 20, 4, 4])) == [[5]]


def test_each_row_of_a_table_is_a_line_and_each_cell_a_word() -> None:
    assert arrange(grid(9, 9, 75, 75)) == np.arange(81).reshape(9, 9, 1).tolist()
    assert arrange(grid(12, 4, 300, 36)) == np.arange(48).reshape(12, 4, 1).tolist()


def test_a_line_may_bend() -> None:
    x = np.arange(30) * 30.0
    y = np.hstack([120 * np.sin(x / 300), 120 * np.sin(x / 300) + 50])
    x = np.tile(x, 2)
    assert lengths(np.stack([x, y, x + 20, y + 36], axis=1).astype(np.float32)) == [[30], [30]]


def test_a_line_may_rise_above_one_that_has_ended() -> None:
    x = np.arange(80) * 30.0
    y = 45 - 75 / (1 + np.exp((300 - x) / 60))
    below = np.stack([x, y, x + 20, y + 36], axis=1).astype(np.float32)
    assert lengths(np.vstack([row_of([10, 40, 70], [20, 20, 20]), below])) == [[80], [3]]


@given(st.integers(0, 10_000), st.integers(-5000, 5000), st.integers(-5000, 5000), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_position_and_size_make_no_difference(seed: int, right: int, down: int, factor: int) -> None:
    boxes, _ = write([[3, 2], [5], [1, 4]], seed, slant=seed % 41 - 20)
    assert arrange((boxes * factor + (right, down, right, down)).astype(np.float32)) == arrange(boxes)


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 90), st.integers(1, 90)),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=100, deadline=None)
def test_every_digit_is_in_one_word_each_time(sizes: list[tuple[int, int, int, int]]) -> None:
    boxes = np.array([(x, y, x + width, y + height) for x, y, width, height in sizes], np.float32)
    found = arrange(boxes)
    assert sorted(itertools.chain.from_iterable(joined(found))) == [*range(len(boxes))]
    assert all(word for line in found for word in line)
    assert arrange(boxes) == found
