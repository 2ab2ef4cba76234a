"""Which classes are taken for each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]

# More classes than this cannot be told apart in a figure; a browser that draws the matrix of a thousand hangs.
MOST = 30


def matrix(labels: Labels, predicted: Labels, classes: int) -> NDArray[np.int_]:
    """Return how many images with each of ``labels`` (N,) were ``predicted`` (N,) as each class, (classes, classes)."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def most_confused(counts: NDArray[np.int_]) -> list[int]:
    """Return, in order, the ``MOST`` labels that are taken for each other most often in what ``matrix`` returned, and
    then those of the most images."""
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    order = np.argsort(-(wrong * (counts.sum() + 1) + counts), axis=None, kind="stable")
    # So many pairs are of at least MOST labels.
    pairs = np.column_stack(np.unravel_index(order[: MOST**2], counts.shape))
    return sorted(list(dict.fromkeys(pairs.ravel().tolist()))[:MOST])
