"""The digits read in an image, drawn over it."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from digits.report.basics import BLUE, NAMED, RIGHT, WRONG, Images, confidence, readable, show

COLUMNS = 10
# Digits above this probability are drawn in the colour of correct ones.
CONFIDENT = 0.9


class Digit(Protocol):
    """What is drawn of a digit that ``digits.reading`` returns."""

    @property
    def name(self) -> str: ...
    @property
    def probability(self) -> float: ...
    @property
    def box(self) -> tuple[int, int, int, int]: ...
    @property
    def image(self) -> Images: ...


class Sign(Protocol):
    """What is drawn of a sign between digits."""

    @property
    def box(self) -> tuple[int, int, int, int]: ...


def reading(
    image: NDArray[np.uint8],
    scale: float,
    read: Sequence[Digit],
    rejected: Sequence[Digit] = (),
    signs: Sequence[Sign] = (),
) -> Figure:
    """Draw ``image``, uint8 (H, W), shrunk by the factor ``scale``, with a box around each digit that was ``read``, a
    pale, dashed one around each that was ``rejected``, a dotted one around each of the ``signs`` between them, and
    below the image what the network saw of those read."""
    rows = -(-len(read) // COLUMNS)
    height, width = image.shape
    tall = min(8.0, 10 * height / width)
    drawn = Figure(figsize=(10, tall + 1.3 * rows), layout="constrained")
    parts: Any = drawn.subfigures(2, 1, height_ratios=(tall, max(1.3 * rows, 0.01)))
    axes = parts[0].subplots()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
    for digit in rejected:
        axes.add_patch(_box(digit.box, scale, WRONG, linestyle="--", alpha=0.5))
    for sign in signs:
        axes.add_patch(_box(sign.box, scale, BLUE, linestyle=":"))
    for digit in read:
        colour = RIGHT if digit.probability > CONFIDENT else WRONG
        axes.add_patch(_box(digit.box, scale, colour))
        x, y = (side / scale for side in digit.box[:2])
        axes.text(x, y, readable(digit.name), color=colour, fontsize=11, va="bottom", **NAMED)
    if not read:
        axes.set_title("no digit")
        return drawn
    places = parts[1].subplots(rows, COLUMNS, squeeze=False).ravel()
    for place, digit in zip(places, read, strict=False):
        show(place, digit.image)
        colour = RIGHT if digit.probability > CONFIDENT else WRONG
        caption = f"{readable(digit.name, 10)}\n{confidence(digit.probability)}"
        place.set_title(caption, fontsize=10, color=colour, **NAMED)
    for place in places[len(read) :]:
        place.axis("off")
    return drawn


def _box(box: tuple[int, int, int, int], scale: float, colour: str, **style: Any) -> Rectangle:
    x, y, width, height = (side / scale for side in box)
    return Rectangle((x, y), width, height, fill=False, edgecolor=colour, **style)
