"""The digits read in an image, drawn over it."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from digits.report.basics import NAMED, RIGHT, WRONG, Images, confidence, readable, show

COLUMNS = 10
# Digits above this probability are drawn in the colour of correct ones.
SURE = 0.9


class Digit(Protocol):
    """What is drawn of a digit: its name, probability, box and image, as ``digits.reading`` returns them."""

    @property
    def name(self) -> str: ...
    @property
    def probability(self) -> float: ...
    @property
    def box(self) -> tuple[int, int, int, int]: ...
    @property
    def image(self) -> Images: ...


def reading(image: NDArray[np.uint8], scale: float, read: Sequence[Digit], rejected: Sequence[Digit] = ()) -> Figure:
    """Draw ``image``, uint8 (H, W), shrunk by the factor ``scale``, with a box around each digit that was ``read``, a
    pale, dashed one around each that was ``rejected``, and below the image what the network saw of those read."""
    rows = -(-len(read) // COLUMNS)
    height, width = image.shape
    tall = min(8.0, 10 * height / width)
    drawn = Figure(figsize=(10, tall + 1.3 * rows), layout="constrained")
    parts: Any = drawn.subfigures(2, 1, height_ratios=(tall, max(1.3 * rows, 0.01)))
    axes = parts[0].subplots()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
    for each in rejected:
        axes.add_patch(_box(each, scale, WRONG, linestyle="--", alpha=0.5))
    for each in read:
        colour = RIGHT if each.probability > SURE else WRONG
        axes.add_patch(_box(each, scale, colour))
        x, y = (side / scale for side in each.box[:2])
        axes.text(x, y, readable(each.name), color=colour, fontsize=11, va="bottom", **NAMED)
    if not read:
        axes.set_title("no digit")
        return drawn
    places = parts[1].subplots(rows, COLUMNS, squeeze=False).ravel()
    for place, each in zip(places, read, strict=False):
        show(place, each.image)
        colour = RIGHT if each.probability > SURE else WRONG
        caption = f"{readable(each.name, 10)}\n{confidence(each.probability)}"
        place.set_title(caption, fontsize=10, color=colour, **NAMED)
    for place in places[len(read) :]:
        place.axis("off")
    return drawn


def _box(digit: Digit, scale: float, colour: str, **style: Any) -> Rectangle:
    x, y, width, height = (side / scale for side in digit.box)
    return Rectangle((x, y), width, height, fill=False, edgecolor=colour, **style)
