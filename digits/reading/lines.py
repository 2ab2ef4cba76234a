"""Arrange the digits of an image in lines, and the digits of a line in words, that is in numbers."""

import math

import numpy as np
from numpy.typing import NDArray

from digits.reading.settings import Lines


def arrange(boxes: NDArray[np.float32], settings: Lines) -> list[list[list[int]]]:
    """Return lines from top to bottom, each with words from left to right, each with indices of digits.

    boxes: float32 (N, 4), left, top, right and bottom of each digit, in pixels

    A line may slant, drift and bend a little. Every index is returned once.
    """
    if len(boxes) < 2:
        return [[[0]]] if len(boxes) else []
    edges = boxes.astype(np.float64) - boxes.min(0)[[0, 1, 0, 1]]
    left, top, right, bottom = edges.T / np.median(edges[:, 3] - edges[:, 1])
    x, y, widths, heights = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    slant = _slant(x, y, settings)
    along, down = x * np.cos(slant) + y * np.sin(slant), y * np.cos(slant) - x * np.sin(slant)
    lines = _lines(along, down, settings.max_line_distance)
    # People leave more room around a narrow digit such as 1, so it counts as a little wider.
    widths += 0.3 * (np.median(widths) - widths)
    gaps = [
        # A line in larger writing has larger gaps.
        (np.diff(along[line]) - (widths[line][1:] + widths[line][:-1]) / 2) / np.median(heights[line])
        for line in lines
    ]
    usual = _usual(np.concatenate(gaps))
    factor = settings.min_space_in_gaps if usual < settings.cell_gap else 0
    limits = [max(settings.min_space, factor * min(usual, _usual(gap))) for gap in gaps]
    spaces = [np.flatnonzero(gap > limit) + 1 for gap, limit in zip(gaps, limits, strict=True)]
    return [[word.tolist() for word in np.split(line, places)] for line, places in zip(lines, spaces, strict=True)]


def _slant(x: NDArray[np.float64], y: NDArray[np.float64], settings: Lines) -> float:
    """Return the angle, in radians, along which the digits are most concentrated in lines."""

    def concentration(angle: float) -> float:
        down = np.sort(y * np.cos(angle) - x * np.sin(angle))
        near = settings.max_line_distance / 3
        level = np.searchsorted(down, down + near) - np.searchsorted(down, down - near)
        # The second term penalises slant, or any two digits would be a line: three justify 20°, and six 35°.
        return float(np.log(level).sum() - 16 * angle**2)

    return max((math.radians(angle) for angle in range(-settings.max_slant, settings.max_slant + 1)), key=concentration)


def _lines(along: NDArray[np.float64], down: NDArray[np.float64], max_distance: float) -> list[NDArray[np.intp]]:
    """Return the digits of each line from left to right, the uppermost line first."""
    lines: list[list[int]] = []
    # Of each line, where it is now, halfway between its last digit and where it was before; and its last digit.
    levels, ends = np.empty((2, len(along)))
    for index in np.argsort(along, kind="stable").tolist():
        away = np.abs(levels[: len(lines)] - down[index])
        # A line that ended long ago may have drifted, so one that comes closer horizontally is preferred.
        cost = np.where(away < max_distance, away + 0.1 * (along[index] - ends[: len(lines)]), np.inf)
        nearest = int(cost.argmin()) if (away < max_distance).any() else len(lines)
        if nearest == len(lines):
            lines.append([])
            levels[nearest] = down[index]
        lines[nearest].append(index)
        levels[nearest] += (down[index] - levels[nearest]) / 2
        ends[nearest] = along[index]
    return [np.array(line) for line in sorted(lines, key=lambda line: float(down[line].mean()))]


def _usual(gaps: NDArray[np.float64]) -> float:
    """Return the usual gap between the digits of a word. Up to two thirds of the gaps may be spaces, in '12 7 45'."""
    return float(np.quantile(gaps, 0.3)) if len(gaps) else 0.0
