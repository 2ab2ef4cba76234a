"""Figures of the metrics on the test set."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from digits.report.basics import BLUE, NAMED, Labels, percent, readable, width

# The same for every run, so that the colours of two figures can be compared: from one image in a thousand, which is
# one of a digit of MNIST's test set, to one in five.
COLOUR_RANGE = (0.001, 0.2)
# More classes cannot be told apart.
MAX_CLASSES = 30
PERCENT = FuncFormatter(lambda value, _: percent(value))


def confusion(labels: Labels, predicted: Labels, classes: Sequence[str], shown: Sequence[int]) -> Figure:
    """Draw how many images with each of ``labels`` (N,) were ``predicted`` (N,) as each label, of the ``shown`` ones.

    The colour of a mistake is its fraction of the true class's images.
    """
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (labels, predicted), 1)
    wrong = counts * ~np.eye(len(classes), dtype=bool)
    title = f"{wrong.sum():,} of {counts.sum():,} wrong"
    # Avoids dividing by zero for a class that does not occur.
    fractions = wrong / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if len(shown) < len(classes):
        title += f"\nthe {len(shown)} of {len(classes):,} classes that are confused most often"
    counts, fractions = (matrix[np.ix_(shown, shown)] for matrix in (counts, fractions))
    names = [readable(classes[label]) for label in shown]
    # In inches; ten letters are about one inch wide.
    side, longest = 6.4 + 0.33 * max(0, len(shown) - 10), max(map(width, names))
    upright = (longest + 1) * len(shown) <= 10 * side
    side += 0 if upright else 0.08 * longest
    norm = LogNorm(*COLOUR_RANGE, clip=True)
    figure = Figure(figsize=(side + 1.1, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.where(np.eye(len(shown)), 1.0, np.nan), cmap="gray", vmin=0, vmax=1.1)
    image = axes.imshow(np.ma.masked_equal(fractions, 0), cmap="YlOrRd", norm=norm)
    size = 10 if len(shown) <= 10 else 8
    for row, column in np.argwhere(counts):
        dark = row != column and norm(fractions[row, column]) > 0.75
        number = f"{counts[row, column]:,}"
        axes.text(column, row, number, ha="center", va="center", color="w" if dark else "k", fontsize=size)
    axes.set_xticks(np.arange(len(shown) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(shown) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, extend="both", label="fraction of the true class's images", shrink=0.8)
    bar.ax.yaxis.set_major_locator(FixedLocator([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(PERCENT)
    axes.set_xticks(range(len(shown)), names, rotation=0 if upright else 90, **NAMED)
    axes.set_yticks(range(len(shown)), names, **NAMED)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    return figure


def accuracy_by_class(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the accuracy of each class, or of the 30 with the lowest, with 95 % intervals and numbers of errors."""
    shown = rows if len(rows) <= MAX_CLASSES else sorted(rows, key=lambda row: float(row["accuracy"]))[:MAX_CLASSES]
    title = "Accuracy on each class of the test set"
    if len(shown) < len(rows):
        title = f"The {len(shown)} of {len(rows):,} classes with the lowest accuracy on the test set"
    labels = [f"{readable(row['class'])}\n{row['errors']:,} errors" for row in shown]
    longest = max(map(width, labels))
    upright = (longest + 1) * len(shown) <= 100
    if not upright:
        labels = [label.replace("\n", ": ") for label in labels]
        longest = max(map(width, labels))
    figure = Figure(figsize=(8, 4.2 if upright else 3.6 + 0.08 * longest), layout="constrained")
    axes = figure.subplots()
    places = range(len(shown))
    _intervals(axes, places, shown)
    axes.set_xticks(places, labels, rotation=0 if upright else 90, **NAMED)
    axes.set(xlim=(-0.45, len(shown) - 0.55), xlabel="class", ylabel="accuracy")
    axes.set(title=f"{title}, with 95 % intervals")
    axes.yaxis.set_major_formatter(PERCENT)
    axes.grid(axis="y", alpha=0.3)
    return figure


def reliability(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw how often predictions of a certain confidence are correct, with 95 % intervals; a calibrated model lies on
    the diagonal."""
    figure = Figure(figsize=(7.5, 5.6), layout="constrained")
    axes = figure.subplots()
    confidence = [row["confidence"] for row in rows]
    _intervals(axes, confidence, rows)
    axes.plot([0, 1], [0, 1], color="dimgrey", linestyle="--", linewidth=1, label="perfect calibration")
    # The least that the highest of ten probabilities can be is 10 %, and of more classes, less.
    axes.set(xlim=(min(0.1, *confidence) - 0.03, 1.03), ylim=(-0.03, 1.03))
    axes.set(xlabel="probability of the prediction", ylabel="fraction correct")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PERCENT)
    counts = axes.secondary_xaxis("top")
    counts.set_xticks(confidence, [f"{row['images']:,}" for row in rows], fontsize=9)
    counts.set_xlabel("number of test images")
    figure.suptitle("How often predictions of each probability are correct", fontsize=12)
    # Outside, since points may lie anywhere.
    figure.legend(loc="outside lower center", ncols=3)
    axes.grid(alpha=0.3)
    return figure


def _intervals(axes: Axes, places: Sequence[float], rows: Sequence[Mapping[str, float]]) -> None:
    low, high = ([row[f"accuracy_{end}"] for row in rows] for end in ("low", "high"))
    axes.vlines(places, low, high, color=BLUE, alpha=0.35, linewidth=5, label="95 % interval")
    axes.plot(places, [row["accuracy"] for row in rows], "o", color=BLUE, label="measured")
