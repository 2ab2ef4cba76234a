"""How much boxes overlap; each is left, top, right and bottom in pixels."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]


def areas(boxes: Boxes) -> NDArray[np.float32]:
    """Return the area of each box, float32 (N,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), np.float32)


def shared(boxes: Boxes, others: Boxes) -> NDArray[np.float32]:
    """Return the area that each of ``boxes``, (N, 4), shares with each of ``others``, (M, 4): float32 (N, M)."""
    low, high = np.maximum(boxes[:, None, :2], others[None, :, :2]), np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray((high - low).clip(0).prod(axis=2), np.float32)


def overlap(boxes: Boxes, others: Boxes) -> NDArray[np.float32]:
    """Return the intersection over union of each of ``boxes`` with each of ``others``, float32 (N, M), 0 to 1."""
    both = shared(boxes, others)
    return np.asarray(both / (areas(boxes)[:, None] + areas(others)[None] - both + 1e-6), np.float32)
