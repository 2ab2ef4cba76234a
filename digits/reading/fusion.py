"""Decide which candidates are digits: those of the same digit, found at several sizes, are fused."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.reading.classes import LETTER, SIGN
from digits.reading.finding import Boxes, Candidates, areas, intersections
from digits.reading.settings import Settings


class Detections(NamedTuple):
    """What is seen as digits in one image, none of them twice.

    boxes: float32 (N, 4), left, top, right and bottom in the image's pixels
    scores: float32 (N,), how sure it is that there is a digit, 0 to 1
    class_probabilities: float32 (N, 10), the probability of each digit if there is one
    signs: float32 (N,), the classifier's probability that it is a sign, 0 to 1
    """

    boxes: Boxes
    scores: NDArray[np.float32]
    class_probabilities: NDArray[np.float32]
    signs: NDArray[np.float32]


def fuse(candidates: Candidates, classified: NDArray[np.float32], settings: Settings) -> Detections:
    """Fuse an image's candidates, by non-maximum suppression with weighted box fusion (R. Solovyev et al., 2021).

    classified: float32 (N, 13), the classifier's probability of each digit, of a letter, of a sign, and of none
    """
    boxes = candidates.boxes
    digit_probability = classified[:, :LETTER].sum(axis=1).clip(0, 1)
    scores = candidates.objectness**settings.objectness_exponent * digit_probability**settings.classifier_exponent
    probabilities = np.sqrt(np.maximum(classified[:, :LETTER] * candidates.class_probabilities, 1e-12))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > settings.min_candidate_score]
    fused: list[tuple[NDArray[np.float32], float, NDArray[np.float32], float]] = []
    free = np.ones(len(order), bool)
    area = areas(boxes)
    for place, best in enumerate(order):
        if not free[place]:
            continue
        common = intersections(boxes[order], boxes[[best]])[:, 0]
        iou = common / (area[order] + area[best] - common + 1e-6)
        inside = common / (np.minimum(area[order], area[best]) + 1e-6)
        voters = order[free & (iou > settings.fusion_iou) | (order == best)]
        free &= (iou <= settings.suppression_iou) & (inside <= settings.suppression_inside)
        weights = scores[voters] / scores[voters].sum()
        second = scores[voters[1]] if len(voters) > 1 else 0
        score = settings.best_score_weight * scores[best] + (1 - settings.best_score_weight) * second
        sign = float(weights @ classified[voters, SIGN])
        fused.append((weights @ boxes[voters], float(score), weights @ probabilities[voters], sign))
    if not fused:
        return Detections(*(np.zeros((0, *shape), np.float32) for shape in ((4,), (), (10,), ())))
    return Detections(*(np.array(column, np.float32) for column in zip(*fused, strict=True)))


def in_context(detections: Detections, settings: Settings) -> Detections:
    """Lower the score of each detection whose neighbours have low ones: what alone looks like a digit is a letter in a
    word."""
    boxes, scores = detections.boxes, detections.scores
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, _longer_sides(boxes)
    across, down = (centres[None, :, side] - centres[:, None, side] for side in (0, 1))
    # Neighbours in the same line count most, and those of about the same size.
    away = np.hypot(across, 2 * down) / (settings.context_reach * sizes[:, None])
    unlike = np.log2(sizes[None] / sizes[:, None])
    counted = np.exp(-(away**2) - 2 * unlike**2) * (scores > settings.min_context_score)
    np.fill_diagonal(counted, 0)
    # As if there were half a digit with the usual score beside it, so that a single neighbour counts less than several.
    usual = settings.usual_score
    mean = (counted @ scores + 0.5 * usual) / (counted.sum(axis=1) + 0.5)
    lowered = scores + settings.context_weight * np.minimum(0, mean - usual)
    return detections._replace(scores=np.maximum(lowered, 0).astype(np.float32))


def accept(detections: Detections, area: int, settings: Settings) -> NDArray[np.bool_]:
    """Return which detections are digits, bool (N,), in an image of this ``area`` in pixels."""
    accepted = detections.scores >= settings.min_score
    if accepted.any():
        sizes = _longer_sides(detections.boxes)
        accepted &= sizes > settings.min_relative_size * usual_size(sizes[accepted], detections.scores[accepted])
        limit = settings.min_best_score + settings.best_score_per_doubling * np.log2(area / sizes**2)
        accepted &= (accepted & (detections.scores >= limit)).any()
    return np.asarray(accepted, np.bool_)


def usual_size(sizes: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """Return the usual size: the median of ``sizes``, (N,), weighted by size and squared score."""
    order = np.argsort(sizes)
    weights = np.cumsum((scores**2 * sizes)[order])
    return float(sizes[order][np.searchsorted(weights, weights[-1] / 2)])


def touching(boxes: Boxes, distance: float) -> NDArray[np.bool_]:
    """Return which of ``boxes``, float32 (N, 4), another one touches, bool (N,).

    distance: how far away that may be, as a fraction of the box's longer side
    """
    limits = distance * _longer_sides(boxes)
    gaps = np.maximum(boxes[:, None, :2], boxes[None, :, :2]) - np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    close: NDArray[np.bool_] = np.all(gaps < limits[:, None, None], axis=2)
    np.fill_diagonal(close, val=False)
    return np.asarray(close.any(axis=1))


def _longer_sides(boxes: Boxes) -> NDArray[np.float32]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1), np.float32)
