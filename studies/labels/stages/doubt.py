"""Which labels are doubtful, by confident learning: C. Northcutt et al., "Confident learning: estimating uncertainty in
dataset labels" (2021)."""

from typing import Any, NamedTuple

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Probabilities = NDArray[np.floating[Any]]


class Doubt(NamedTuple):
    """How doubtful the labels of N images are.

    doubtful: bool (N,): whether another class is at least as probable as it is, on average, for that class's own images
    suggested: int (N,): the most probable class besides the label
    scores: (N,): 0 if the suggestion is certain, 0.5 if it is as probable as the label, 1 if the label is certain
    order: int (N,): the indices of the images, those with doubtful labels before the others, each by score
    """

    doubtful: NDArray[np.bool_]
    suggested: NDArray[np.intp]
    scores: NDArray[np.float64]
    order: NDArray[np.intp]


def doubt(labels: Labels, probabilities: Probabilities) -> Doubt:
    """Judge ``labels`` (N,) by ``probabilities`` (N, classes) of models that did not train on the image."""
    wide, exact = labels.astype(np.int64), probabilities.astype(np.float64)
    doubtful = find_label_issues(wide, exact, filter_by="confident_learning", n_jobs=1)
    scores = get_label_quality_scores(wide, exact, method="normalized_margin")
    others = exact.copy()
    others[np.arange(len(wide)), wide] = -1
    return Doubt(doubtful, others.argmax(axis=1), scores, np.lexsort((scores, ~doubtful)))
