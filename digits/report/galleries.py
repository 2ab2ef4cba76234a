"""Images side by side: examples, augmentation, predictions, mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits.core.store import CLASSES
from digits.report.basics import RIGHT, WRONG, Images, Labels, confidence, show

COLUMNS = 10
LEGEND = "true → predicted, and the probability of the prediction"


def of_each_digit(labels: Labels, count: int = 1) -> NDArray[np.intp]:
    """Return the indices of the first ``count`` images of each digit in ``labels`` (N,): 0 to 9, and again 0 to 9.

    A digit with fewer images, or none, has fewer indices, or none.
    """
    found = [np.flatnonzero(labels == digit)[:count] for digit in range(CLASSES)]
    return np.array([places[row] for row in range(count) for places in found if row < len(places)])


def examples(images: Images, labels: Labels) -> Figure:
    """Draw training images, uint8 (N, 28, 28), under their labels (N,)."""
    return _grid(images, [str(label) for label in labels], "Training images under their labels")


def predictions(images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]]) -> Figure:
    """Draw test images, uint8 (N, 28, 28), under their labels (N,) and what ``probabilities`` (N, 10) predict."""
    return _predictions(images, labels, probabilities, f"Test images: {LEGEND}")


def mistakes(images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], most: int) -> Figure:
    """Draw at most ``most`` of the test images that ``probabilities`` (N, 10) predict wrongly, the most confident
    first."""
    highest = probabilities.max(axis=1)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    count = f"{len(wrong):,} of {len(labels):,} test images wrong"
    if not len(wrong):
        figure = Figure(figsize=(5, 1))
        figure.text(0.5, 0.5, count, ha="center", va="center")
        return figure
    shown = wrong[np.argsort(-highest[wrong], kind="stable")][:most]
    order = "the most confident first" if len(shown) == len(wrong) else f"the {len(shown)} most confident"
    return _predictions(images[shown], labels[shown], probabilities[shown], f"{count}, {order}\n({LEGEND})")


def augmentation(originals: Images, augmented: Images) -> Figure:
    """Draw training images, uint8 (N, 28, 28), and below each one an augmented copy of it."""
    figure = Figure(figsize=(COLUMNS, 2.5), layout="constrained")
    figure.suptitle("Training images, and below each one an augmented copy", fontsize=12)
    places = figure.subplots(2, len(originals), squeeze=False)
    for row, name, images in zip(places, ("original", "augmented"), (originals, augmented), strict=True):
        for axes, image in zip(row, images, strict=True):
            show(axes, image)
        row[0].set_ylabel(name, fontsize=11)
    return figure


def _predictions(images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], title: str) -> Figure:
    predicted = probabilities.argmax(axis=1)
    captions = [
        f"{label} → {digit}\n{confidence(probability)}"
        for label, digit, probability in zip(labels, predicted, probabilities.max(axis=1), strict=True)
    ]
    return _grid(images, captions, title, np.where(predicted == labels, RIGHT, WRONG).tolist())


def _grid(images: Images, captions: Sequence[str], title: str, colours: Sequence[str] | None = None) -> Figure:
    """Draw ``images``, uint8 (N, 28, 28), in rows, each image under its caption."""
    rows = -(-len(images) // COLUMNS)
    lines = captions[0].count("\n") + 1
    # The figure has its full width however few the images: the title would not fit otherwise.
    height = rows * (1 + 0.2 * lines) + 0.2 * (title.count("\n") + 1) + 0.1
    figure = Figure(figsize=(COLUMNS, height), layout="constrained")
    figure.suptitle(title, fontsize=12)
    places = figure.subplots(rows, COLUMNS, squeeze=False, subplot_kw={"anchor": "S"}).ravel()
    for axes in places:
        axes.axis("off")
    for axes, image, caption, colour in zip(places, images, captions, colours or ["black"] * len(images), strict=False):
        show(axes, image)
        axes.set_title(caption, fontsize=11, color=colour, pad=3)
    return figure
