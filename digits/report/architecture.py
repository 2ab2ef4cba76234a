"""The layers of a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

COLOURS = {
    "Conv2D": "#9ecae1",
    "Dense": "#fdae6b",
    "MaxPooling2D": "#c7e9c0",
    "AveragePooling2D": "#c7e9c0",
    "BatchNormalization": "#dadaeb",
    "Dropout": "#fcbba1",
}


def layers(rows: Sequence[Mapping[str, Any]]) -> Figure:
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
