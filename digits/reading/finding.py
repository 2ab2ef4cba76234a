"""Find what may be digits: places in an image, at several sizes, and a small picture of each."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.levels import STRIDE, framed, pyramid
from digits.reading.networks import Run
from digits.reading.settings import Settings

# Side of the pictures that the classifier takes.
SIDE = 32
# The sides of the detector's input are multiples of this.
MULTIPLE = 16


class Candidates(NamedTuple):
    """What may be digits of one image, some of them found at several sizes.

    boxes: float32 (N, 4), left, top, right and bottom in the image's pixels
    found: float32 (N,), the probability of a digit being there, by the detector
    labels: float32 (N, 10), the probability of each digit, by the detector
    crops: float32 (N, 32, 32, 3), as ``crop`` returns them
    """

    boxes: NDArray[np.float32]
    found: NDArray[np.float32]
    labels: NDArray[np.float32]
    crops: NDArray[np.float32]


def candidates(greys: NDArray[np.uint8], detector: Run, settings: Settings) -> list[Candidates]:
    """Return the candidates of each image of ``greys``, uint8 (N, H, W)."""
    levels = [
        pyramid(
            grey,
            longest=settings.longest,
            small=settings.small,
            enlarged=settings.enlarged,
            tiny=settings.tiny,
            step=settings.step,
            least=settings.least,
        )
        for grey in greys
    ]
    parts: list[list[Candidates]] = [[] for _ in greys]
    for same in zip(*levels, strict=True):
        sizes = same[0].grey.shape
        for number, found in enumerate(at_level(np.stack([level.grey for level in same]), detector, settings)):
            if len(found.boxes):
                to_image = np.array([greys.shape[2] / sizes[1], greys.shape[1] / sizes[0]] * 2, np.float32)
                parts[number].append(found._replace(boxes=found.boxes * to_image))
    return [_strongest(some, settings.most) for some in parts]


def at_level(greys: NDArray[np.uint8], detector: Run, settings: Settings) -> list[Candidates]:
    """Return the candidates of each image, uint8 (N, H, W), of digits that are 13 to 68 pixels high."""
    height, width = greys.shape[1:]
    frames = np.stack(
        [framed(grey, settings.window, settings.floor, multiple=MULTIPLE, rim=settings.rim) for grey in greys]
    )
    output = detector(frames)
    image, row, column = np.nonzero(output[..., 0] > settings.candidate)
    cells = output[image, row, column]
    centres = np.stack([column, row], axis=1) * STRIDE + (STRIDE / 2 - settings.rim)
    boxes = np.concatenate([centres - cells[:, 1:3], centres + cells[:, 3:5]], axis=1).astype(np.float32)
    boxes = boxes.clip(0, [width, height, width, height]).astype(np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    sizes = sides.max(axis=1)
    # Some may be wholly outside the image.
    fits = (sides.min(axis=1) > 0) & (sizes >= settings.heights[0]) & (sizes <= settings.heights[1])
    found = []
    for number, grey in enumerate(greys):
        own = np.flatnonzero(fits & (image == number))
        own = own[np.argsort(-cells[own, 0], kind="stable")[: settings.most]]
        odds = np.exp(cells[own, 5:] - cells[own, 5:].max(axis=1, keepdims=True))
        labels = odds / odds.sum(axis=1, keepdims=True)
        found.append(Candidates(boxes[own], cells[own, 0], labels, crop(grey, boxes[own], settings.fill)))
    return found


def _strongest(parts: list[Candidates], most: int) -> Candidates:
    if not parts:
        return Candidates(*(np.zeros((0, *shape), np.float32) for shape in ((4,), (), (10,), (SIDE, SIDE, 3))))
    joined = Candidates(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    if len(joined.found) <= most:
        return joined
    kept = np.sort(np.argsort(-joined.found, kind="stable")[:most])
    return Candidates(*(each[kept] for each in joined))


def crop(grey: NDArray[np.uint8], boxes: NDArray[np.float32], fill: float) -> NDArray[np.float32]:
    """Return a picture of each box and what is around it, float32 (N, 32, 32, 3).

    Channels: grey levels with mean 0 and standard deviation 1; 1 inside the image; 1 inside the box.
    fill: how many of the 32 pixels the longer side of the box takes
    """
    height, width = grey.shape
    crops = np.zeros((len(boxes), SIDE, SIDE, 3), np.float32)
    places = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
        scale = max(right - left, bottom - top, 4) / fill
        x, y = (left + right) / 2 + places * scale - 0.5, (top + bottom) / 2 + places * scale - 0.5
        matrix = np.array([[scale, 0, x[0]], [0, scale, y[0]]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        levels = cv2.warpAffine(grey, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        across, down = (x > -0.6) & (x < width - 0.4), (y > -0.6) & (y < height - 0.4)
        inside = np.outer(down, across).astype(np.float32)
        count = max(1.0, float(inside.sum()))
        levels = (levels - float((levels * inside).sum()) / count) * inside
        crops[number, ..., 0] = levels / (np.sqrt(float((levels**2).sum()) / count) + 4)
        crops[number, ..., 1] = inside
        crops[number, ..., 2] = np.outer((y >= top - 0.5) & (y < bottom), (x >= left - 0.5) & (x < right))
    return crops
