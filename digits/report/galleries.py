"""Images side by side: examples, augmentation, predictions, mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits.report.basics import NAMED, RIGHT, WRONG, Images, Labels, confidence, readable, show, width

COLUMNS = 10
# More take long to draw, and are hard to find in the figure.
MAX_IMAGES = 100
LEGEND = "true → predicted, and the probability of the prediction"
# How many letters fit above an image: in a line at the usual size, and in a name at the smallest.
LETTERS_PER_LINE, LETTERS_PER_NAME = 9, 12


def of_each_class(labels: Labels, classes: int, count: int = 1, limit: int = MAX_IMAGES) -> NDArray[np.intp]:
    """Return the indices of the first ``count`` images of each class in ``labels`` (N,), or of all if there are fewer:
    one of each class, and again one of each, up to ``limit``."""
    firsts = [np.flatnonzero(labels == label)[:count] for label in range(classes)]
    return np.array([indices[row] for row in range(count) for indices in firsts if row < len(indices)][:limit])


def examples(images: Images, labels: Labels, classes: Sequence[str]) -> Figure:
    """Draw training images, uint8 (N, 28, 28), under the names in ``classes`` of their labels (N,)."""
    captions = [readable(classes[label], LETTERS_PER_NAME) for label in labels]
    return _grid(images, captions, f"Training images{_part(labels, classes)} under their labels")


def predictions(
    images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], classes: Sequence[str]
) -> Figure:
    """Draw test images, uint8 (N, 28, 28), under their labels (N,) and what ``probabilities`` (N, classes) predict."""
    return _predictions(images, labels, probabilities, classes, f"Test images{_part(labels, classes)}: {LEGEND}")


def mistakes(
    images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], limit: int, classes: Sequence[str]
) -> Figure:
    """Draw at most ``limit`` of the test images that ``probabilities`` (N, classes) predict wrongly, the most confident
    first."""
    highest = probabilities.max(axis=1)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    count = f"{len(wrong):,} of {len(labels):,} test images wrong"
    if not len(wrong):
        figure = Figure(figsize=(5, 1))
        figure.text(0.5, 0.5, count, ha="center", va="center")
        return figure
    shown = wrong[np.argsort(-highest[wrong], kind="stable")][:limit]
    order = "the most confident first" if len(shown) == len(wrong) else f"the {len(shown)} most confident"
    title = f"{count}, {order}\n({LEGEND})"
    return _predictions(images[shown], labels[shown], probabilities[shown], classes, title)


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


def _part(labels: Labels, classes: Sequence[str]) -> str:
    shown = len(np.unique(labels))
    return "" if shown == len(classes) else f" of {shown} of {len(classes):,} classes"


def _predictions(
    images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], classes: Sequence[str], title: str
) -> Figure:
    predicted = probabilities.argmax(axis=1)
    pairs = [
        tuple(readable(classes[label], LETTERS_PER_NAME) for label in pair)
        for pair in zip(labels, predicted, strict=True)
    ]
    arrow = " → " if max(width(" → ".join(pair)) for pair in pairs) <= LETTERS_PER_LINE else "\n→ "
    captions = [
        f"{arrow.join(pair)}\n{confidence(probability)}"
        for pair, probability in zip(pairs, probabilities.max(axis=1), strict=True)
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
    size = 11 * min(1, LETTERS_PER_LINE / max(map(width, captions)))
    places = figure.subplots(rows, COLUMNS, squeeze=False, subplot_kw={"anchor": "S"}).ravel()
    for axes in places:
        axes.axis("off")
    for axes, image, caption, colour in zip(places, images, captions, colours or ["black"] * len(images), strict=False):
        show(axes, image)
        axes.set_title(caption, fontsize=size, color=colour, pad=3, **NAMED)
    return figure
