"""Group ink into pieces, and pieces into digits and lines."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.mnist_format import Ink

# An image with sides up to this length may be a crop with parts of neighbouring digits at its edges; it has only one
# interpretation.
CUT_OUT = 400
# A stroke may be fainter in places by this factor.
FAINT = 0.5


class Box(NamedTuple):
    """A rectangle of pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def size(self) -> int:
        return max(self.width, self.height)


NOTHING = Box(0, 0, 0, 0)


def ink_threshold(ink: Ink) -> float:
    """Return the amount above which a pixel counts as ink, by Otsu's method."""
    otsu, _ = cv2.threshold(np.rint(ink * 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return max(otsu / 255, 0.08)


def components(ink: Ink, faint: float = 1) -> tuple[NDArray[np.int32], NDArray[np.int32], list[Box]]:
    """Return the piece that each pixel belongs to, int32 (H, W), counted from 1, 0 for none; the pieces' areas; and
    their boxes. A piece that is faint everywhere has an empty box."""
    threshold = ink_threshold(ink)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((ink > faint * threshold).astype(np.uint8), connectivity=8)
    strong = np.bincount(labels[ink > threshold], minlength=len(stats))[1:] > 0
    boxes = [
        Box(x, y, x + width, y + height) if keep else NOTHING
        for (x, y, width, height, _), keep in zip(stats[1:].tolist(), strong, strict=True)
    ]
    return np.asarray(labels, np.int32), np.asarray(stats[1:, cv2.CC_STAT_AREA], np.int32), boxes


def find_pieces(ink: Ink, *, clean: bool) -> tuple[NDArray[np.int32], list[Box]]:
    """Return the piece that each pixel belongs to, int32 (H, W), counted from 1, 0 for none, and the pieces' boxes.

    Pieces much paler than the others, or cut off by the image's edge while others are whole, have empty boxes.
    """
    labels, areas, boxes = components(ink, FAINT if clean else 1)
    if not boxes:
        return labels, []
    strengths = np.bincount(labels.ravel(), weights=ink.ravel())[1:] / areas
    # Half of all ink is at least this strong.
    order = np.argsort(strengths)
    typical = strengths[order][np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)]
    kept = strengths > 0.5 * typical
    height, width = ink.shape
    whole = np.array([box.left > 0 and box.top > 0 and box.right < width and box.bottom < height for box in boxes])
    # A wide image is a line of digits, not one digit between neighbours.
    if max(ink.shape) <= CUT_OUT and width < 2 * height:
        middle = np.array([box.left < width / 2 < box.right for box in boxes])
        if (kept & middle).any():
            kept &= whole | middle
    largest = max((box.size for box, keep in zip(boxes, kept & whole, strict=True) if keep), default=0)
    if largest > 0.25 * min(ink.shape) or (kept & whole).sum() > 2:
        kept &= whole
    return labels, [box if keep else NOTHING for box, keep in zip(boxes, kept, strict=True)]


def group(boxes: Sequence[Box]) -> list[list[int]]:
    """Return the pieces of each digit, as indices into ``boxes``: specks dropped, broken strokes joined."""
    inked = sorted((box for box in boxes if box.size), key=lambda box: box.size)
    if not inked:
        return []
    # Half of the boxes' total area is in boxes no larger than the typical one.
    areas = np.cumsum([box.width * box.height for box in inked])
    height = inked[int(np.searchsorted(areas, areas[-1] / 2))].size
    groups = [([index], box) for index, box in enumerate(boxes) if box.size >= max(0.12 * height, 3)]
    before = 0
    while len(groups) != before:
        before = len(groups)
        joined: list[tuple[list[int], Box]] = []
        for members, box in groups:
            near = [each for each in joined if _belong(box, each[1], height)]
            joined = [each for each in joined if each not in near]
            joined.append((sum((each[0] for each in near), members), _union(box, *(each[1] for each in near))))
        groups = joined
    # Grain forms clusters of specks, none of them large.
    return [
        members
        for members, box in groups
        if box.size >= 0.35 * height and max(boxes[index].size for index in members) >= 0.4 * box.size
    ]


def _belong(one: Box, other: Box, height: float) -> bool:
    # Checked first, because nearly all pairs are far apart.
    width = max(one.right, other.right) - min(one.left, other.left)
    if width > 1.7 * height or max(one.bottom, other.bottom) - min(one.top, other.top) > 1.7 * height:
        return False
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    part = 0.7 if min(one.height, other.height) > 0.7 * height else 0.4
    if across >= part * min(one.width, other.width) and down > -0.25 * height:
        return True
    gap, lower = -min(across, down, 0), min(one.height, other.height)
    if width < 0.9 * height and lower < 0.8 * height:
        return gap < 0.15 * height
    return gap < (0.2 if lower < 0.35 * height else 0.1) * height and lower < 0.6 * height


def _union(*boxes: Box) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def around(boxes: Sequence[Box], members: Sequence[int]) -> Box:
    return _union(*(boxes[index] for index in members))


def sort(groups: Sequence[list[int]], boxes: Sequence[Box]) -> list[list[list[int]]]:
    """Return the digits in lines: a digit joins a line if it overlaps the line's last digit vertically by 40 %."""
    lines: list[list[list[int]]] = []
    for members in sorted(groups, key=lambda members: around(boxes, members).left):
        box = around(boxes, members)
        for line in lines:
            last = around(boxes, line[-1])
            down = min(box.bottom, last.bottom) - max(box.top, last.top)
            if down >= 0.4 * min(box.height, last.height):
                line.append(members)
                break
        else:
            lines.append([members])
    return sorted(lines, key=lambda line: around(boxes, line[0]).top)
