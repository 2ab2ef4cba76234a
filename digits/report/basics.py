"""What all figures share."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from digits.core.files import replacing

Images = NDArray[np.uint8]
Labels = NDArray[np.integer[Any]]

# Two colours that look different to the colour-blind too: M. Okabe and K. Ito, "Color universal design" (2008).
BLUE, ORANGE = "#0072b2", "#d55e00"
RIGHT, WRONG = BLUE, ORANGE

# A logarithmic axis is linear from here down to 0, which would otherwise have no place: one error in 10,000 images.
LEAST = 1e-4


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write ``figure`` as a PNG whose bytes depend on what it shows alone, not on the version of Matplotlib."""
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})


def show(axes: Axes, image: Images) -> None:
    """Draw ``image``, uint8 (28, 28), white ink (255) on black (0), as black on white."""
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])


def percent(fraction: float) -> str:
    """Return ``fraction`` as a percentage with no more decimals than it needs, such as 0.5 %."""
    return f"{plain(100 * fraction)} %"


def plain(number: float) -> str:
    """Return ``number``, rounded to six significant digits, without an exponent."""
    return np.format_float_positional(number, precision=6, fractional=False, trim="-")


def confidence(probability: float) -> str:
    """Return ``probability`` as a percentage; nothing that a network says is certain."""
    return f"{100 * probability:.1f} %" if probability < 0.9995 else "> 99.9 %"


def logarithmic(axis: XAxis | YAxis, as_percent: bool = False) -> None:
    """Make ``axis`` logarithmic down to ``LEAST``, with plain numbers as ticks. Call it once everything is drawn."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("symlog", linthresh=LEAST)
    axis.axes.autoscale_view()
    low, high = sorted(axis.get_view_interval())
    # The part from 0 to LEAST is as long as a decade.
    span = high / low if low > LEAST else 10 * high / LEAST
    # As many ticks as fit beside each other; within a decade these would be too few, or none.
    steps = (1, 2, 5) if span < 100 else (1,)
    fixed = FixedLocator([0.0, *(step * 10.0**power for power in range(-4, 3) for step in steps)])
    axis.set_major_locator(fixed if span > 10 else MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value) if as_percent else plain(value)))
