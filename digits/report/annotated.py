"""What was read of an image, drawn over it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from digits.report.basics import RIGHT, WRONG, Images, show


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
        show(place, image)
        place.set_title(f"{digit}\n{probability:.1%}", fontsize=9, color=RIGHT if probability > 0.9 else WRONG)
    for place in places[len(read) :]:
        place.axis("off")
    return drawn
