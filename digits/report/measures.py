"""Figures of the metrics on the test set."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from digits.core.store import CLASSES
from digits.report.basics import BLUE, Labels, percent

# The same for every run, so that the colours of two figures can be compared: from one image in a thousand, which is
# one of a digit of MNIST's test set, to one in five.
RANGE = (0.001, 0.2)
PERCENT = FuncFormatter(lambda value, _: percent(value))


def confusion(labels: Labels, predicted: Labels) -> Figure:
    """Draw how often images with each of ``labels`` (N,) were ``predicted`` (N,) as each digit.

    The colour is the fraction of the true digit's images, of the mistakes alone.
    """
    counts = np.zeros((CLASSES, CLASSES), int)
    np.add.at(counts, (labels, predicted), 1)
    right = np.eye(CLASSES, dtype=bool)
    wrong = counts * ~right
    # Avoids dividing by zero for a digit that does not occur.
    fractions = wrong / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    norm = LogNorm(*RANGE, clip=True)
    figure = Figure(figsize=(7.5, 6.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.where(right, 1.0, np.nan), cmap="gray", vmin=0, vmax=1.1)
    image = axes.imshow(np.ma.masked_equal(fractions, 0), cmap="YlOrRd", norm=norm)
    for true, digit in np.ndindex(counts.shape):
        if counts[true, digit]:
            dark = true != digit and norm(fractions[true, digit]) > 0.75
            axes.text(digit, true, f"{counts[true, digit]:,}", ha="center", va="center", color="w" if dark else "k")
    axes.set_xticks(np.arange(CLASSES - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(CLASSES - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, extend="both", label="fraction of the true digit's images", shrink=0.8)
    bar.ax.yaxis.set_major_locator(FixedLocator([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(PERCENT)
    axes.set(
        xticks=range(CLASSES),
        yticks=range(CLASSES),
        xlabel="predicted",
        ylabel="true",
        title=f"{wrong.sum():,} of {counts.sum():,} wrong",
    )
    return figure


def accuracy_by_digit(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw each digit's accuracy with its 95 % interval, and its number of errors."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    digits = [row["digit"] for row in rows]
    _intervals(axes, digits, rows)
    axes.set_xticks(digits, [f"{row['digit']}\n{row['errors']:,} errors" for row in rows])
    axes.set(xlabel="digit", ylabel="accuracy", title="Accuracy on each digit of the test set, with 95 % intervals")
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
    # The least that the highest of ten probabilities can be is 10 %.
    axes.set(xlim=(0.07, 1.03), ylim=(-0.03, 1.03), xlabel="probability of the prediction", ylabel="fraction correct")
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
