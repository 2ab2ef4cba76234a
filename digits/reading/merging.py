"""Decide which candidates are digits: those that agree at several sizes vote together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.reading.boxes import areas, shared
from digits.reading.finding import Candidates
from digits.reading.settings import Settings


class Merged(NamedTuple):
    """Places that are seen as digits, none of them twice.

    boxes: float32 (N, 4), left, top, right and bottom in the image's pixels
    scores: float32 (N,), how sure it is that there is a digit, 0 to 1
    labels: float32 (N, 10), the probability of each digit if there is one
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.float32]


def merge(candidates: Candidates, classified: NDArray[np.float32], settings: Settings) -> Merged:
    """Merge an image's candidates; ``classified``, float32 (N, 11), has the probabilities of the digits and of none."""
    boxes = candidates.boxes
    # Networks that are very sure say 0 and 1, the latter sometimes rounded up.
    scores = candidates.found**settings.found * (1 - classified[:, 10]).clip(0) ** settings.sorted
    labels = np.sqrt(np.maximum(classified[:, :10] * candidates.labels, 1e-12))
    labels /= labels.sum(axis=1, keepdims=True)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > settings.considered]
    merged: list[tuple[NDArray[np.float32], float, NDArray[np.float32]]] = []
    free = np.ones(len(order), bool)
    covered = areas(boxes)
    for place, best in enumerate(order):
        if not free[place]:
            continue
        common = shared(boxes[order], boxes[[best]])[:, 0]
        union = common / (covered[order] + covered[best] - common + 1e-6)
        within = common / (np.minimum(covered[order], covered[best]) + 1e-6)
        voters = order[free & (union > settings.agreement) | (order == best)]
        free &= (union <= settings.overlap) & (within <= settings.inside)
        weights = scores[voters] / scores[voters].sum()
        second = scores[voters[1]] if len(voters) > 1 else 0
        score = settings.alone * scores[best] + (1 - settings.alone) * second
        merged.append((weights @ boxes[voters], float(score), weights @ labels[voters]))
    if not merged:
        return Merged(*(np.zeros((0, *shape), np.float32) for shape in ((4,), (), (10,))))
    return Merged(*(np.array(each, np.float32) for each in zip(*merged, strict=True)))


def longer_sides(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the longer side of each of ``boxes``, float32 (N, 4): float32 (N,), in pixels."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1), np.float32)


def usual_size(merged: Merged) -> float:
    """Return the size of the digits, in pixels, that those more certain and larger agree on."""
    sizes = longer_sides(merged.boxes)
    order = np.argsort(sizes)
    weights = np.cumsum((merged.scores**2 * sizes)[order])
    return float(sizes[order][np.searchsorted(weights, weights[-1] / 2)])


def touching(boxes: NDArray[np.float32], near: float) -> NDArray[np.bool_]:
    """Return for each of ``boxes``, float32 (N, 4), whether another one touches it.

    near: how far away that may be, as a fraction of its longer side
    """
    rim = near * longer_sides(boxes)
    gaps = np.maximum(boxes[:, None, :2], boxes[None, :, :2]) - np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    close: NDArray[np.bool_] = np.all(gaps < rim[:, None, None], axis=2)
    np.fill_diagonal(close, val=False)
    return np.asarray(close.any(axis=1))
