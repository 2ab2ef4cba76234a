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
    """Draw the layers, each with its class, details, output shape and number of parameters, from the input down."""
    figure = Figure(figsize=(7.5, 0.38 * len(rows) + 0.9))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 7.5), ylim=(-len(rows) - 0.9, 1))
    axes.axis("off")
    columns = (
        ("layer", 0.4, "left"), ("details", 2.5, "left"), ("output", 5.1, "center"), ("parameters", 7.1, "right")
    )  # fmt: skip
    for column, x, align in columns:
        axes.text(x, 0.3, column, ha=align, va="center", fontsize=10, color="dimgrey")
    for number, row in enumerate(rows):
        y = -number - 0.4
        colour = COLOURS.get(row["layer"], "#eeeeee")
        box = FancyBboxPatch((0.3, y - 0.33), 6.9, 0.66, "round,pad=0,rounding_size=0.12", fc=colour, ec="#888888")
        axes.add_patch(box)
        for column, x, align in columns:
            value = row[column]
            text = value if isinstance(value, str) else f"{value:,}" if value else ""
            axes.text(x, y, text, ha=align, va="center", fontsize=10.5)
    total = sum(row["parameters"] for row in rows)
    axes.text(7.1, -len(rows) - 0.45, f"{total:,} in total", ha="right", va="center", fontsize=10.5, weight="bold")
    return figure
