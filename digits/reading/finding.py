"""Find candidates: what may be digits, in an image at several sizes, and a crop of each for the classifier."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.onnx import runtime
from digits.reading.classes import CLASSES
from digits.reading.levels import pyramid
from digits.reading.normalization import STRIDE, normalized
from digits.reading.settings import Settings

Network = Callable[[NDArray[Any]], NDArray[np.float32]]
# Each is left, top, right and bottom in pixels, float32 (N, 4).
Boxes = NDArray[np.float32]

# Side of the crops that the classifier takes.
CROP_SIDE = 32
# The sides of the detector's input are multiples of this.
MULTIPLE = 16
# What each network takes and returns.
SHAPES = {"detector": ((1, 16, 16, 2), (1, 4, 4, 15)), "classifier": ((1, CROP_SIDE, CROP_SIDE, 5), (1, CLASSES))}


class Candidates(NamedTuple):
    """What may be digits of one image, some of them found at several sizes.

    boxes: float32 (N, 4), left, top, right and bottom in the image's pixels
    objectness: float32 (N,), the detector's probability that there is a digit
    class_probabilities: float32 (N, 10), the detector's probability of each digit
    crops: float32 (N, 32, 32, 5), as ``crop`` returns them
    """

    boxes: Boxes
    objectness: NDArray[np.float32]
    class_probabilities: NDArray[np.float32]
    crops: NDArray[np.float32]


def load_network(path: Path, threads: int = 0) -> Network:
    """Return a function that runs one of the reader's networks: detector.onnx or classifier.onnx.

    threads: 0 for as many as there are cores
    Raises InputError if the file is missing, damaged or another network.
    """
    name, (input_shape, output_shape) = path.stem, SHAPES[path.stem]
    advice = f"make it with: dvc --cd reader repro {name}"
    if not path.exists():
        raise InputError(f"{path}: no such file; {advice}")
    # The threads of one network would take time from the next one.
    session, given, _ = runtime.open_session(path, advice, threads, {"session.force_spinning_stop": "1"})

    def run(array: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {given.name: array})[0], np.float32)

    try:
        shape = run(np.zeros(input_shape, np.float32)).shape
    except Exception:  # ONNX Runtime raises its own exceptions.
        shape = ()
    if shape != output_shape:
        raise InputError(f"{path}: not the reader's {name}; {advice}")
    return run


def find_candidates(greys: NDArray[np.uint8], detector: Network, settings: Settings) -> list[Candidates]:
    """Return the candidates of each image of ``greys``, uint8 (N, H, W)."""
    parts: list[list[Candidates]] = [[] for _ in greys]
    for level in zip(*(pyramid(grey, settings) for grey in greys), strict=True):
        height, width = level[0].shape
        scale = np.array([greys.shape[2] / width, greys.shape[1] / height] * 2, np.float32)
        for part, candidates in zip(parts, candidates_at_level(np.stack(level), detector, settings), strict=True):
            part.append(candidates._replace(boxes=candidates.boxes * scale))
    return [_most_probable(part, settings.max_candidates) for part in parts]


def lone_candidates(grey: NDArray[np.uint8], box: NDArray[np.float32], settings: Settings) -> Candidates:
    """Return a candidate for a ``box`` that surely has ink, float32 (4,), in an image, uint8 (H, W), at each of two
    sizes."""
    size = float(max(box[2:] - box[:2]))
    # All that a crop shows, and no more, because little ink in a large image is enlarged much.
    reach = size * CROP_SIDE / settings.wide_box_side / 2
    corner = np.maximum(0, box[:2] - reach).astype(int)
    right, bottom = (box[2:] + reach + 1).astype(int)
    window = grey[corner[1] : bottom, corner[0] : right]
    parts = list[Candidates]()
    for side in settings.lone_sizes:
        shape = [max(1, round(length * side / size)) for length in window.shape[::-1]]
        how = cv2.INTER_AREA if side < size else cv2.INTER_CUBIC
        resized = cv2.resize(window, shape, interpolation=how).astype(np.uint8, copy=False)
        scale = np.divide(resized.shape, window.shape)[::-1]
        place = ((box.reshape(2, 2) - corner) * scale).reshape(1, 4).astype(np.float32)
        crops = crop(resized, place, settings.crop_box_side, settings.wide_box_side)
        objectness, classes = np.full(1, settings.lone_objectness, np.float32), np.full((1, 10), 0.1, np.float32)
        parts.append(Candidates(box[np.newaxis], objectness, classes, crops))
    return joined(parts)


def candidates_at_level(greys: NDArray[np.uint8], detector: Network, settings: Settings) -> list[Candidates]:
    """Return the candidates of each image, uint8 (N, H, W), whose longer side is in ``candidate_sizes``."""
    height, width = greys.shape[1:]
    output = detector(np.stack([framed(grey, settings) for grey in greys]))
    image, row, column = np.nonzero(output[..., 0] > settings.min_objectness)
    cells = output[image, row, column]
    centres = np.stack([column, row], axis=1) * STRIDE + (STRIDE / 2 - settings.frame_padding)
    boxes = np.concatenate([centres - cells[:, 1:3], centres + cells[:, 3:5]], axis=1).astype(np.float32)
    boxes = boxes.clip(0, [width, height, width, height]).astype(np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    size, (smallest, largest) = sides.max(axis=1), settings.candidate_sizes
    # A box may be wholly outside the image.
    valid = (sides.min(axis=1) > 0) & (size >= smallest) & (size <= largest)
    candidates = []
    for number, grey in enumerate(greys):
        own = np.flatnonzero(valid & (image == number))
        own = own[np.argsort(-cells[own, 0], kind="stable")[: settings.max_candidates]]
        odds = np.exp(cells[own, 5:] - cells[own, 5:].max(axis=1, keepdims=True))
        crops = crop(grey, boxes[own], settings.crop_box_side, settings.wide_box_side)
        candidates.append(Candidates(boxes[own], cells[own, 0], odds / odds.sum(axis=1, keepdims=True), crops))
    return candidates


def framed(grey: NDArray[np.uint8], settings: Settings) -> NDArray[np.float32]:
    """Return the detector's input, float32 (H', W', 2): ``normalized`` grey levels, and 1 inside the image.

    There are at least ``frame_padding`` empty pixels on each side; both sides are multiples of 16.
    """
    padding, (height, width) = settings.frame_padding, grey.shape
    tall, wide = (-(-(side + 2 * padding) // MULTIPLE) * MULTIPLE for side in grey.shape)
    frame = np.zeros((tall, wide, 2), np.float32)
    inside = frame[padding : padding + height, padding : padding + width]
    inside[..., 0], inside[..., 1] = normalized(grey, settings.normalization_window, settings.normalization_floor), 1
    return frame


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Return the candidates of all ``parts``."""
    return Candidates(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _most_probable(parts: Sequence[Candidates], count: int) -> Candidates:
    every = joined(parts)
    kept = np.sort(np.argsort(-every.objectness, kind="stable")[:count])
    return Candidates(*(array[kept] for array in every))


def crop(grey: NDArray[np.uint8], boxes: Boxes, box_side: float, wide_side: float) -> NDArray[np.float32]:
    """Return two views of each box and what is around it, float32 (N, 32, 32, 5).

    Channels: of the narrow view, grey levels with mean 0 and standard deviation 1, 1 inside the image, and 1 inside the
    box; of the wide one, grey levels, and 1 inside the image.
    box_side, wide_side: how many of the 32 pixels the longer side of the box takes in the narrow and in the wide view
    """
    crops = np.zeros((len(boxes), CROP_SIDE, CROP_SIDE, 5), np.float32)
    places = np.arange(CROP_SIDE, dtype=np.float32) - (CROP_SIDE - 1) / 2
    # Seen from afar, where a pixel stands for several.
    shape = [max(1, round(side * wide_side / box_side)) for side in grey.shape[::-1]]
    coarse = cv2.resize(grey, shape, interpolation=cv2.INTER_AREA) if len(boxes) else grey
    ratio = np.divide(coarse.shape, grey.shape)[::-1]
    for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
        longer, middle = max(right - left, bottom - top, 4), ((left + right) / 2, (top + bottom) / 2)
        x, y = (centre + places * (longer / box_side) - 0.5 for centre in middle)
        crops[number, ..., 0], crops[number, ..., 1] = _view(grey, x, y)
        crops[number, ..., 2] = np.outer((y >= top - 0.5) & (y < bottom), (x >= left - 0.5) & (x < right))
        x, y = (
            (centre + places * (longer / wide_side)) * part - 0.5 for centre, part in zip(middle, ratio, strict=True)
        )
        crops[number, ..., 3], crops[number, ..., 4] = _view(coarse, x, y)
    return crops


def _view(
    image: NDArray[Any], x: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the grey levels of an image at the columns ``x`` and rows ``y``, evenly spaced, with mean 0 and standard
    deviation 1; and 1 inside the image."""
    (height, width), count = image.shape, len(x)
    matrix = np.array([[x[1] - x[0], 0, x[0]], [0, y[1] - y[0], y[0]]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    levels = cv2.warpAffine(image, matrix, (count, count), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = np.outer((y > -0.6) & (y < height - 0.4), (x > -0.6) & (x < width - 0.4)).astype(np.float32)
    seen = max(1.0, float(inside.sum()))
    centred = (levels - float((levels * inside).sum()) / seen) * inside
    return centred / (np.sqrt(float((centred**2).sum()) / seen) + 4), inside


def areas(boxes: Boxes) -> NDArray[np.float32]:
    """Return the area of each box, float32 (N,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), np.float32)


def intersections(boxes: Boxes, others: Boxes) -> NDArray[np.float32]:
    """Return the area that each of ``boxes``, (N, 4), shares with each of ``others``, (M, 4): float32 (N, M)."""
    low, high = np.maximum(boxes[:, None, :2], others[None, :, :2]), np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray((high - low).clip(0).prod(axis=2), np.float32)


def iou(boxes: Boxes, others: Boxes) -> NDArray[np.float32]:
    """Return the intersection over union of each of ``boxes`` with each of ``others``, float32 (N, M), 0 to 1."""
    both = intersections(boxes, others)
    return np.asarray(both / (areas(boxes)[:, None] + areas(others)[None] - both + 1e-6), np.float32)
