"""Images side by side: examples, augmentation, predictions, mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits.report.basics import RIGHT, WRONG, Images, Labels, show


def grid(images: Images, titles: Sequence[str], columns: int = 10, colours: Sequence[str] | None = None) -> Figure:
    """Draw ``images``, uint8 (N, 28, 28), in rows of ``columns``, each under its title."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(title.count("\n") + 1 for title in titles)
    figure = Figure(figsize=(columns, rows * (1 + 0.17 * lines)), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in places:
        axes.axis("off")
    for axes, image, title, colour in zip(places, images, titles, colours or ["black"] * len(images), strict=False):
        show(axes, image)
        axes.set_title(title, fontsize=9, color=colour, pad=3)
    return figure


def examples(images: Images, labels: Labels) -> Figure:
    """Draw pictures under their labels."""
    return grid(images, [str(label) for label in labels])


def predictions(images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]]) -> Figure:
    """Draw pictures, uint8 (N, 28, 28), under their label and what was read by ``probabilities`` (N, 10)."""
    read = probabilities.argmax(axis=1)
    titles = [
        f"is {label}, read {digit}\n{_percent(probability)}"
        for label, digit, probability in zip(labels, read, probabilities.max(axis=1), strict=True)
    ]
    return grid(images, titles, colours=np.where(read == labels, RIGHT, WRONG).tolist())


def _percent(probability: float) -> str:
    # Nothing that a network says is certain.
    return f"{probability:.1%}" if probability < 0.9995 else "> 99.9%"


def mistakes(images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]], most: int) -> Figure:
    """Draw at most ``most`` of the wrong readings by ``probabilities`` (N, 10), the most confident first."""
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    if not len(wrong):
        figure = Figure(figsize=(5, 1))
        figure.text(0.5, 0.5, "no mistakes", ha="center", va="center")
        return figure
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    figure = predictions(images[shown], labels[shown], probabilities[shown])
    figure.suptitle(f"{len(shown)} of {len(wrong)} mistakes, the most confident first", fontsize=11)
    return figure


def augmentation(originals: Images, augmented: Images) -> Figure:
    """Draw pictures, uint8 (N, 28, 28), and below each one what augmentation made of it."""
    figure = Figure(figsize=(len(originals), 2.2), layout="constrained")
    places = figure.subplots(2, len(originals), squeeze=False)
    for row, name, images in zip(places, ("original", "augmented"), (originals, augmented), strict=True):
        for axes, image in zip(row, images, strict=True):
            show(axes, image)
        row[0].set_ylabel(name)
    return figure
