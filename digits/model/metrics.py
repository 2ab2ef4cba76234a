"""Predictions → metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.core.store import CLASSES

Labels = NDArray[np.integer[Any]]
Probabilities = NDArray[np.floating[Any]]


def accuracy(errors: int, images: int) -> dict[str, float]:
    """Return the counts, the accuracy and its 95 % interval (E. B. Wilson, 1927), all from 0 to 1 but the counts."""
    from scipy.stats import binomtest

    interval = binomtest(images - errors, images).proportion_ci(0.95, method="wilson")
    return {
        "images": images,
        "errors": errors,
        "accuracy": (images - errors) / images,
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
    }


def classification(labels: Labels, probabilities: Probabilities) -> dict[str, Any]:
    """Measure ``probabilities`` (N, 10) against ``labels`` (N,): counts, accuracy with interval, loss in nats,
    macro F1 and expected calibration error."""
    from sklearn.metrics import f1_score, log_loss

    predicted = probabilities.argmax(axis=1)
    wrong = predicted != labels
    # In float32 a row's sum is off by 1e-7.
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    return {
        **accuracy(int(wrong.sum()), len(labels)),
        "loss": float(log_loss(labels, exact, labels=range(CLASSES))),
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "calibration_error": calibration_error(labels, probabilities),
    }


def by_digit(labels: Labels, probabilities: Probabilities) -> list[dict[str, float]]:
    """Return ``accuracy`` of each digit that occurs in ``labels`` (N,), read with ``probabilities`` (N, 10)."""
    wrong = probabilities.argmax(axis=1) != labels
    return [
        {"digit": int(digit), **accuracy(int(wrong[labels == digit].sum()), int((labels == digit).sum()))}
        for digit in np.unique(labels)
    ]


def reliability(labels: Labels, probabilities: Probabilities, bins: int = 15) -> list[dict[str, float]]:
    """Return, for each of ``bins`` equal ranges of a picture's highest probability that is not empty, its count, its
    mean probability and its accuracy, for ``labels`` (N,) and ``probabilities`` (N, 10).

    C. Guo et al., "On calibration of modern neural networks" (2017).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "images": int((index == part).sum()),
            "confidence": float(confidence[index == part].mean(dtype=np.float64)),
            "accuracy": float(right[index == part].mean()),
        }
        for part in np.unique(index)
    ]


def temperature(labels: Labels, probabilities: Probabilities) -> float:
    """Return what the logits of ``probabilities`` (N, 10), float32, must be divided by for the least loss on ``labels``
    (N,), from 0.05 to 20: above 1 where they are too sure of themselves, 1 where they make no error.

    C. Guo et al., "On calibration of modern neural networks" (2017).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    # Without an error to weigh against it, no confidence is too high.
    if (probabilities.argmax(axis=1) == labels).all():
        return 1.0
    # A probability may have been rounded to 0.
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)

    def loss(exponent: float) -> float:
        return -float(log_softmax(logits / np.exp(exponent), axis=1)[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation of ``values``, two or more that are a sample of more."""
    return float(np.mean(values)), float(np.std(values, ddof=1))


def calibration_error(labels: Labels, probabilities: Probabilities) -> float:
    """Return the expected calibration error, 0 to 1: how far confidence and accuracy lie apart, on average."""
    rows = reliability(labels, probabilities)
    return sum(row["images"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / len(labels)
