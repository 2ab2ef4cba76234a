"""What all figures share."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits.core.files import replacing

Images = NDArray[np.uint8]
Labels = NDArray[np.integer[Any]]

RIGHT, WRONG = "tab:blue", "tab:red"


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write ``figure`` as a PNG whose bytes depend on what it shows alone, not on the version of Matplotlib."""
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})


def show(axes: Axes, image: Images) -> None:
    """Draw ``image``, uint8 (28, 28), white ink (255) on black (0), as black on white."""
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])
