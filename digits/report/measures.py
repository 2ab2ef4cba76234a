"""What was measured on the test set."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from digits.core.store import CLASSES
from digits.report.basics import RIGHT, Labels


def confusion(labels: Labels, predicted: Labels) -> Figure:
    """Draw how often each of ``labels`` (N,) was read as which digit; the colour counts the mistakes alone."""
    counts = np.zeros((CLASSES, CLASSES), int)
    np.add.at(counts, (labels, predicted), 1)
    wrong = counts * ~np.eye(CLASSES, dtype=bool)
    figure = Figure(figsize=(6, 5.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Reds")
    for actual, digit in np.ndindex(counts.shape):
        if counts[actual, digit]:
            dark = wrong[actual, digit] > 0.6 * wrong.max()
            axes.text(digit, actual, str(counts[actual, digit]), ha="center", va="center", color="w" if dark else "k")
    axes.set(
        xticks=range(CLASSES),
        yticks=range(CLASSES),
        xlabel="read as",
        ylabel="is",
        title=f"{wrong.sum()} of {counts.sum()} read wrongly",
    )
    return figure


def accuracy_by_digit(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw each digit's accuracy with its 95 % interval, and its number of errors."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        interval = [row["accuracy_low"], row["accuracy_high"]]
        axes.plot([row["digit"]] * 2, interval, color=RIGHT, linewidth=6, alpha=0.3, solid_capstyle="butt")
        axes.plot(row["digit"], row["accuracy"], "o", color=RIGHT)
        axes.annotate(f"{row['errors']:.0f}", (row["digit"], row["accuracy"]), (8, 0), textcoords="offset points")
    axes.set(xticks=range(CLASSES), xlabel="digit", ylabel="accuracy", title="Accuracy with 95 % interval, and errors")
    axes.grid(axis="y", alpha=0.3)
    return figure


def reliability(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw how often a reading of so much confidence is right; a calibrated recogniser lies on the diagonal."""
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    points = [(row["confidence"], row["accuracy"], row["images"]) for row in rows]
    confidence, accuracy, images = zip(*points, strict=True)
    axes.scatter(confidence, accuracy, s=[20 + 20 * np.log10(count) for count in images], color=RIGHT)
    for x, y, count in points:
        axes.annotate(f"{count:.0f}", (x, y), textcoords="offset points", xytext=(-5, 7), ha="right", fontsize=8)
    axes.set(xlim=(0, 1.04), ylim=(0, 1.09), xlabel="probability of the reading", ylabel="part that is right")
    axes.set_title("Reliability, with the number of pictures")
    return figure
