"""Find the digits of an image, each cut out and converted to MNIST's format."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.core.store import SIDE
from digits.reading import decoding
from digits.reading.decoding import Grey, Source
from digits.reading.ink import find_inks, is_noise
from digits.reading.mnist_format import Ink, to_mnist
from digits.reading.pieces import NOTHING, Box, around, find_pieces, group, sort


class Crop(NamedTuple):
    """A digit of an image.

    box: x, y, width and height in the image's pixels, from its upper left corner
    image: uint8 (28, 28), in MNIST's format: white ink (255) on black (0)
    ink: float32 (H, W), the strokes within the box, 0 to 1
    cut: whether the left edge of the image may cut off a touching neighbour, and whether the right edge may
    """

    box: tuple[int, int, int, int]
    image: Grey
    ink: Ink
    cut: tuple[bool, bool]


Lines = list[list[Crop]]


def find(source: Source) -> list[Lines]:
    """Find the digits of an image under every interpretation, the likeliest first. Each is a list of lines, top to
    bottom, of digits, left to right; it is empty if there is no ink.

    A large photograph has several interpretations: the ink may be dark or light, paler ink may be ruled lines, and the
    largest piece may be a shadow. The network's predictions show which one is right.

    source: as ``decode`` takes it. Raises InputError if it is not an image.
    """
    grey, scale = decoding.decode(source)
    if is_noise(grey):
        return [[]]
    inks = find_inks(grey)
    pieces = [(ink, *find_pieces(ink, clean=clean)) for ink, clean in inks]
    if len(inks) > 1:
        pieces += [(ink, labels, _without_largest(boxes)) for ink, labels, boxes in pieces if boxes]
    return [
        [[_crop(ink, labels, members, boxes, scale) for members in line] for line in sort(group(boxes), boxes)]
        for ink, labels, boxes in pieces
    ]


def _without_largest(boxes: Sequence[Box]) -> list[Box]:
    largest = max(boxes, key=lambda box: box.size)
    return [NOTHING if box is largest else box for box in boxes]


def _crop(ink: Ink, labels: NDArray[np.int32], members: Sequence[int], boxes: Sequence[Box], scale: float) -> Crop:
    box = around(boxes, members)
    # A stroke's soft edge extends a few pixels beyond the threshold.
    rim = max(1, round(0.03 * box.size))
    wide = Box(
        max(0, box.left - rim),
        max(0, box.top - rim),
        min(ink.shape[1], box.right + rim),
        min(ink.shape[0], box.bottom + rim),
    )
    window = (slice(wide.top, wide.bottom), slice(wide.left, wide.right))
    own = np.isin(labels[window], np.array(members) + 1).astype(np.uint8)
    near = cv2.dilate(own, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1,) * 2))
    # The soft edges of other digits do not belong to this one.
    near[(labels[window] > 0) & (own == 0)] = 0
    strokes = ink[window] * near
    full = float(np.percentile(strokes[own > 0], 90))
    strokes = np.minimum(strokes / full, 1)
    image = to_mnist(strokes)
    strokes = strokes[box.top - wide.top :, box.left - wide.left :][: box.height, : box.width]
    left, top, width, height = (round(each * scale) for each in (box.left, box.top, box.width, box.height))
    # A piece that fills the whole height is a tight crop, whose edges cut off no neighbour.
    tight = box.top == 0 and box.bottom == ink.shape[0]
    cut = (box.left == 0 and not tight, box.right == ink.shape[1] and not tight)
    return Crop((left, top, max(1, width), max(1, height)), image, strokes, cut)


def parts(crop: Crop) -> list[list[Crop]]:
    """Return what a crop may be instead of one digit: two that touch, or one without a neighbour cut off by the edge.

    The network decides which are digits, as in Y. LeCun et al., "Gradient-based learning applied to document
    recognition" (1998).
    """
    height, width = crop.ink.shape
    if crop.cut == (False, False):
        ways = [_parted(crop, 0.25, 0.75)] if width > 0.95 * height else []
    else:
        ways = [_parted(crop, 0.05, 0.5)[1:]] if crop.cut[0] else []
        if crop.cut[1]:
            ways += [_parted(each, 0.5, 0.95)[:1] for each in (crop, *(way[0] for way in ways))]
    return [way for way in ways if all(part.image.any() for part in way)]


def _parted(crop: Crop, low: float, high: float) -> list[Crop]:
    """Cut a crop in two from top to bottom where there is least ink, between these fractions of its width."""
    height, width = crop.ink.shape
    first = round(low * width)
    # The constant penalises long paths.
    cost = crop.ink[:, first : max(first + 1, round(high * width))] + 0.02
    for row in range(1, height):
        before = np.pad(cost[row - 1], 1, constant_values=np.inf)
        cost[row] += np.minimum(before[1:-1], np.minimum(before[:-2], before[2:]) + 0.01)
    path = [int(cost[-1].argmin())]
    for row in range(height - 2, -1, -1):
        path.append(
            min(range(max(0, path[-1] - 1), min(cost.shape[1], path[-1] + 2)), key=lambda each: cost[row, each])
        )
    left = np.arange(width) < first + np.array(path[::-1])[:, None]
    return [
        _trimmed(crop, np.where(left, crop.ink, 0), (crop.cut[0], False)),
        _trimmed(crop, np.where(left, 0, crop.ink), (False, crop.cut[1])),
    ]


def _trimmed(crop: Crop, ink: Ink, cut: tuple[bool, bool]) -> Crop:
    """Return the crop of which only this ``ink``, an array of the same shape, is left."""
    rows, columns = (np.flatnonzero((ink > 0).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Crop(crop.box, np.zeros((SIDE, SIDE), np.uint8), ink, cut)
    x, y, width, height = crop.box
    across, down = width / ink.shape[1], height / ink.shape[0]
    tight = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = (x + round(columns[0] * across), y + round(rows[0] * down))
    return Crop(
        (*box, max(1, round(tight.shape[1] * across)), max(1, round(tight.shape[0] * down))),
        to_mnist(tight),
        tight,
        cut,
    )
