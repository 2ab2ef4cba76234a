"""Images with doubtful labels, side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits.report.basics import NAMED, WRONG, Images, readable, show

COLUMNS = 10
# Characters of a class's name that fit above an image, beside another name.
FITTING = 5


def gallery(images: Images, names: Sequence[tuple[str, str]], doubtful: NDArray[np.bool_], title: str) -> Figure:
    """Draw ``images``, uint8 (N, 28, 28), each under its rank and ``names``: that of its label, and the one suggested.

    doubtful: bool (N,): which of them stand out in colour
    """
    rows = -(-len(images) // COLUMNS)
    figure = Figure(figsize=(COLUMNS, 1.4 * rows + 0.7), layout="constrained")
    figure.suptitle(f"{title}\n(rank, label → suggestion; coloured: doubtful by confident learning)", fontsize=12)
    places = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in places:
        axes.axis("off")
    for rank, (axes, image, pair, stands_out) in enumerate(zip(places, images, names, doubtful, strict=False), 1):
        show(axes, image)
        caption = f"{rank}\n{' → '.join(readable(name, FITTING) for name in pair)}"
        axes.set_title(caption, fontsize=11, color=WRONG if stands_out else "black", pad=3, **NAMED)
    return figure
