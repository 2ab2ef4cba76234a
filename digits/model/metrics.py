"""Metrics of predictions.

SciPy's and scikit-learn's functions would give the same numbers, but to import them takes a second.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Probabilities = NDArray[np.floating[Any]]
# A normal variable is within so many standard deviations of its mean in 95 % of cases.
Z = 1.959963984540054
# More classes than this cannot be told apart in a figure; a browser that draws the matrix of a thousand hangs.
MAX_SHOWN = 30


def accuracy(errors: int, images: int) -> dict[str, float]:
    """Return the counts and the accuracy with its 95 % interval (E. B. Wilson, 1927), from 0 to 1."""
    right = (images - errors) / images
    twice = 2 * (images + Z**2)
    centre = (2 * images * right + Z**2) / twice
    half = Z / twice * math.sqrt(4 * images * right * (1 - right) + Z**2)
    return {
        "images": images,
        "errors": errors,
        "accuracy": right,
        "accuracy_low": centre - half if right > 0 else 0.0,
        "accuracy_high": centre + half if right < 1 else 1.0,
    }


def evaluate(probabilities: Probabilities, labels: Labels) -> dict[str, Any]:
    """Measure ``probabilities`` (N, classes) against ``labels`` (N,): what ``accuracy`` returns, the cross-entropy loss
    in nats, and ``ece``, the expected calibration error."""
    wrong = probabilities.argmax(axis=1) != labels
    # In float32 the sum of a row is off by up to 1e-7.
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    # As scikit-learn does, so that no image's loss is infinite; the same bits need math.log rather than NumPy's.
    eps = np.finfo(np.float64).eps
    true = np.clip(exact[np.arange(len(labels)), labels], eps, 1 - eps)
    return {
        **accuracy(int(wrong.sum()), len(labels)),
        "loss": -float(np.mean([math.log(probability) for probability in true])),
        "ece": calibration_error(probabilities, labels),
    }


def summary(measured: Mapping[str, float]) -> str:
    """Return what ``accuracy`` measured as a phrase."""
    return (
        f"{measured['errors']:,} errors in {measured['images']:,} images, accuracy {measured['accuracy']:.2%} "
        f"(95 % interval {measured['accuracy_low']:.2%} to {measured['accuracy_high']:.2%})"
    )


def by_class(probabilities: Probabilities, labels: Labels, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the name and the ``accuracy`` of each of ``classes`` that occurs in ``labels`` (N,), predicted with
    ``probabilities`` (N, classes)."""
    wrong = probabilities.argmax(axis=1) != labels
    return [
        {"class": classes[label], **accuracy(int(wrong[labels == label].sum()), int((labels == label).sum()))}
        for label in np.unique(labels)
    ]


def reliability(probabilities: Probabilities, labels: Labels, bins: int = 15) -> list[dict[str, float]]:
    """Return, for each non-empty bin of confidence, an image's highest probability, the mean confidence and what
    ``accuracy`` returns; ``bins`` of equal width, for ``labels`` (N,) and ``probabilities`` (N, classes).

    C. Guo et al., "On calibration of modern neural networks" (2017).
    """
    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidence[index == part].mean(dtype=np.float64)),
            **accuracy(int(wrong[index == part].sum()), int((index == part).sum())),
        }
        for part in np.unique(index)
    ]


def fit_temperature(probabilities: Probabilities, labels: Labels) -> float:
    """Return the temperature, 0.05 to 20, by which to divide the logits of ``probabilities``, float32 (N, classes), to
    minimise the loss on ``labels`` (N,): above 1 if they are overconfident, and 1 if they make no error.

    C. Guo et al., "On calibration of modern neural networks" (2017).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    # Without an error to weigh against, no confidence would be too high.
    if (probabilities.argmax(axis=1) == labels).all():
        return 1.0
    # A probability may have been rounded down to 0.
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)

    def loss(exponent: float) -> float:
        return -float(log_softmax(logits / np.exp(exponent), axis=1)[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def spread(accuracies: Sequence[float]) -> dict[str, float]:
    """Return the mean and the sample standard deviation of two or more ``accuracies``."""
    return {
        "accuracy_mean": float(np.mean(accuracies)),
        "accuracy_deviation": float(np.std(accuracies, ddof=1)),
    }


def describe_spread(measured: Mapping[str, float]) -> str:
    """Return what ``spread`` measured as a phrase."""
    mean, deviation = measured["accuracy_mean"], measured["accuracy_deviation"]
    return f"accuracy {mean:.2%} ± {deviation:.2%} (mean ± standard deviation)"


def calibration_error(probabilities: Probabilities, labels: Labels) -> float:
    """Return the expected calibration error, 0 to 1: the mean distance between confidence and accuracy."""
    rows = reliability(probabilities, labels)
    return sum(row["images"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / len(labels)


def confusion(predicted: Labels, labels: Labels, classes: Sequence[str]) -> list[dict[str, str]]:
    """Return the names of the ``actual`` and the ``predicted`` class of each image: of all ``classes``, or of the 30
    most often confused, and among equally confused ones of those with the most images.

    predicted, labels: (N,), indices of ``classes``
    """
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (labels, predicted), 1)
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    order = np.argsort(-(wrong * (counts.sum() + 1) + counts), axis=None, kind="stable")
    # This many pairs are of at least MAX_SHOWN classes.
    pairs = np.column_stack(np.unravel_index(order[: MAX_SHOWN**2], counts.shape))
    shown = list(dict.fromkeys(pairs.ravel().tolist()))[:MAX_SHOWN]
    kept = np.isin(labels, shown) & np.isin(predicted, shown)
    return [
        {"actual": classes[label], "predicted": classes[prediction]}
        for label, prediction in zip(labels[kept], predicted[kept], strict=True)
    ]
