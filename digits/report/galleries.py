"""Images side by side: examples, augmentation, predictions, mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits.report.basics import NAMED, RIGHT, WRONG, Images, Labels, confidence, readable, show, width

COLUMNS = 10
# So that a figure of a thousand classes is drawn in seconds, and its images can still be found.
MOST = 100
LEGEND = "true → predicted, and the probability of the prediction"
# How many letters fit above an image: in a line at the usual size, and in a name at the smallest.
LINE, NAME = 9, 12


def of_each_class(labels: Labels, classes: int, count: int = 1, most: int = MOST) -> NDArray[np.intp]:
    """Return the indices of the first ``count`` images of each of so many ``classes`` in ``labels`` (N,): one of each,
    and again one of each, up to ``most``.

    A class with fewer images, or none, has fewer indices, or none.
    """
    found = [np.flatnonzero(labels == label)[:count] for label in range(classes)]
    return np.array([places[row] for row in range(count) for places in found if row < len(places)][:most])


def examples(images: Images, labels: Labels, classes: Sequence[str]) -> Figure:
    """Draw training images, uint8 (N, 28, 28), under the names in ``classes`` of their labels (N,)."""
    captions = [readable(classes[label], NAME) for label in labels]
    return _grid(images, captions, f"Training images{_part(labels, classes)} under their labels")


def predictions(
    images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], classes: Sequence[str]
) -> Figure:
    """Draw test images, uint8 (N, 28, 28), under their labels (N,) and what ``probabilities`` (N, classes) predict."""
    return _predictions(images, labels, probabilities, classes, f"Test images{_part(labels, classes)}: {LEGEND}")


def mistakes(
    images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], most: int, classes: Sequence[str]
) -> Figure:
    """Draw at most ``most`` of the test images that ``probabilities`` (N, classes) predict wrongly, the most confident
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
        (readable(classes[label], NAME), readable(classes[each], NAME))
        for label, each in zip(labels, predicted, strict=True)
    ]
    arrow = " → " if max(width(f"{true} → {each}") for true, each in pairs) <= LINE else "\n→ "
    captions = [
        f"{true}{arrow}{each}\n{confidence(probability)}"
        for (true, each), probability in zip(pairs, probabilities.max(axis=1), strict=True)
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
    size = 11 * min(1, LINE / max(map(width, captions)))
    places = figure.subplots(rows, COLUMNS, squeeze=False, subplot_kw={"anchor": "S"}).ravel()
    for axes in places:
        axes.axis("off")
    for axes, image, caption, colour in zip(places, images, captions, colours or ["black"] * len(images), strict=False):
        show(axes, image)
        axes.set_title(caption, fontsize=size, color=colour, pad=3, **NAMED)
    return figure
