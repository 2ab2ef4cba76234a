"""Figures for people who would rather look than read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from digits.files import replacing
from digits.store import CLASSES

Images = NDArray[np.uint8]
Labels = NDArray[np.integer[Any]]

RIGHT, WRONG = "tab:blue", "tab:red"
COLOURS = {
    "Conv2D": "#9ecae1",
    "Dense": "#fdae6b",
    "MaxPooling2D": "#c7e9c0",
    "AveragePooling2D": "#c7e9c0",
    "BatchNormalization": "#dadaeb",
    "Dropout": "#fcbba1",
}


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write ``figure`` as a PNG whose bytes depend on the picture alone, not on the version of Matplotlib."""
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})


def pictures(images: Images, titles: Sequence[str], columns: int = 10, colours: Sequence[str] | None = None) -> Figure:
    """Draw ``images``, uint8 (N, 28, 28), in rows of ``columns``, each under its title."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(title.count("\n") + 1 for title in titles)
    figure = Figure(figsize=(columns, rows * (1 + 0.17 * lines)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, image, title, colour in zip(grid, images, titles, colours or ["black"] * len(images), strict=False):
        _picture(axes, image)
        axes.set_title(title, fontsize=9, color=colour, pad=3)
    return figure


def _picture(axes: Axes, image: Images) -> None:
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])


def examples(images: Images, labels: Labels) -> Figure:
    """Draw pictures under their labels."""
    return pictures(images, [str(label) for label in labels])


def predictions(images: Images, labels: Labels, probabilities: NDArray[np.floating[Any]]) -> Figure:
    """Draw pictures, uint8 (N, 28, 28), under their label and what was read by ``probabilities`` (N, 10)."""
    read = probabilities.argmax(axis=1)
    titles = [
        f"is {label}, read {digit}\n{_percent(probability)}"
        for label, digit, probability in zip(labels, read, probabilities.max(axis=1), strict=True)
    ]
    return pictures(images, titles, colours=np.where(read == labels, RIGHT, WRONG).tolist())


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
    grid = figure.subplots(2, len(originals), squeeze=False)
    for row, name, images in zip(grid, ("original", "augmented"), (originals, augmented), strict=True):
        for axes, image in zip(row, images, strict=True):
            _picture(axes, image)
        row[0].set_ylabel(name)
    return figure


def curves(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss and accuracy of training and validation by epoch."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for column, label in ((name, "training (augmented)"), (f"val_{name}", "validation")):
            axes.plot(epochs, [row[column] for row in rows], marker=".", label=label)
        axes.set(xlabel="epoch", ylabel=name, title=name.capitalize())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    # What matters happens far below the first epochs' loss and above their accuracy.
    figure.axes[0].set_yscale("log")
    lowest = 1 - 3 * (1 - float(np.median([row["val_accuracy"] for row in rows])))
    lowest = max(0.0, min(lowest, 0.99))
    figure.axes[1].set_ylim(lowest, 1)
    figure.axes[1].set_title(f"Accuracy above {lowest:.3f}")
    return figure


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


def network(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the layers, each with its class, output shape and number of parameters, from the input down."""
    figure = Figure(figsize=(6.5, 0.42 * len(rows) + 0.9))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 6.5), ylim=(-len(rows) - 0.9, 1))
    axes.axis("off")
    for x, heading, align in ((0.5, "layer", "left"), (3.7, "output", "center"), (6.0, "parameters", "right")):
        axes.text(x, 0.3, heading, ha=align, va="center", fontsize=9, color="grey")
    for number, row in enumerate(rows):
        name, parameters = row["layer"], row["parameters"]
        y = -number - 0.4
        box = FancyBboxPatch(
            (0.4, y - 0.33), 5.7, 0.66, "round,pad=0,rounding_size=0.12", facecolor=COLOURS.get(name, "#eeeeee"),
            edgecolor="#888888",
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(0.5, y, name, va="center", fontsize=10)
        axes.text(3.7, y, row["output"], ha="center", va="center", fontsize=10)
        axes.text(6.0, y, f"{parameters:,}" if parameters else "", ha="right", va="center", fontsize=10)
    total = sum(row["parameters"] for row in rows)
    axes.text(6.0, -len(rows) - 0.45, f"{total:,} in all", ha="right", va="center", fontsize=10, weight="bold")
    return figure


def reading(picture: NDArray[np.uint8], read: Sequence[tuple[int, float, Sequence[float], Images]]) -> Figure:
    """Draw a picture, uint8 (H, W), with a box around each digit read in it, and below it what the network saw.

    read: of each digit its value, its probability, its box (x, y, width, height) in the picture's pixels, its 28×28.
    """
    columns = 10
    rows = -(-len(read) // columns)
    height, width = picture.shape
    tall = min(8.0, 10 * height / width)
    drawn = Figure(figsize=(10, tall + 1.3 * rows), layout="constrained")
    parts: Any = drawn.subfigures(2, 1, height_ratios=(tall, max(1.3 * rows, 0.01)))
    axes = parts[0].subplots()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
    for digit, _, (x, y, wide, high), _ in read:
        axes.add_patch(Rectangle((x, y), wide, high, fill=False, edgecolor=WRONG))
        axes.text(x, y, str(digit), color=WRONG, fontsize=11, va="bottom", clip_on=True)
    if not read:
        axes.set_title("no digit")
        return drawn
    places = parts[1].subplots(rows, columns, squeeze=False).ravel()
    for place, (digit, probability, _, image) in zip(places, read, strict=False):
        _picture(place, image)
        place.set_title(f"{digit}\n{probability:.1%}", fontsize=9, color=RIGHT if probability > 0.9 else WRONG)
    for place in places[len(read) :]:
        place.axis("off")
    return drawn


def photographs(samples: Mapping[str, NDArray[np.uint8]], accuracies: Mapping[str, float]) -> Figure:
    """Draw a photograph, uint8 (H, W, 3), of each name, under the part of the digits that is read in such as it."""
    columns = 4
    drawn = Figure(figsize=(12, 2.6 * -(-len(samples) // columns)), layout="constrained")
    grid = drawn.subplots(-(-len(samples) // columns), columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (name, picture) in zip(grid, samples.items(), strict=False):
        axes.imshow(picture)
        axes.set_title(f"{name}: {accuracies[name]:.1%}", fontsize=10)
    return drawn
