"""What all figures share."""

import unicodedata
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from digits.core.files import replacing

# The user's own matplotlibrc would give other figures.
matplotlib.rcdefaults()

Images = NDArray[np.uint8]
Labels = NDArray[np.integer[Any]]

# Two colours that look different to the colour-blind too: M. Okabe and K. Ito, "Color universal design" (2008).
BLUE, ORANGE = "#0072b2", "#d55e00"
RIGHT, WRONG = BLUE, ORANGE

# Each glyph comes from the first of these fonts that has it. Matplotlib brings the first one; the others, of which
# Matplotlib would warn if they were missing, come with many a Linux, Windows or macOS.
FONTS = [
    font
    for font in (
        "DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans JP", "Noto Sans CJK SC", "Noto Sans SC",
        "IPAexGothic", "IPAGothic", "WenQuanYi Zen Hei", "Droid Sans Fallback", "FreeSans", "Yu Gothic", "MS Gothic",
        "Microsoft YaHei", "Malgun Gothic", "Nirmala UI", "Leelawadee UI", "Segoe UI Symbol", "Hiragino Sans",
        "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS", "Unifont",
    )
    if font in font_manager.get_font_names()
]  # fmt: skip
# How a text with names of classes is drawn: a name may contain what Matplotlib would take for a formula.
NAMED: dict[str, Any] = {"family": FONTS, "parse_math": False}

# One error in 10,000 images. From here down to 0, which a logarithmic axis does not have, the axis is linear.
LINEAR_BELOW = 1e-4


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write ``figure``: as a JPEG if ``path`` is named so, or else as a PNG whose bytes depend on what it shows alone,
    not on the version of Matplotlib."""
    with replacing(path) as partial:
        if path.suffix.lower() in (".jpg", ".jpeg"):
            figure.savefig(partial, format="jpeg", dpi=dpi)
        else:
            figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})


def show(axes: Axes, image: Images) -> None:
    """Draw ``image``, uint8 (28, 28), white ink (255) on black (0), as black on white."""
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])


def readable(name: str, limit: int = 20) -> str:
    """Return ``name`` as a figure shows it: without its middle if its ``width`` is above ``limit``, and with the code
    point, such as U+304A, of a character that none of ``FONTS`` has."""
    shown = " ".join("".join(letter if _has_glyph(letter) else f" U+{ord(letter):04X} " for letter in name).split())
    cut, kept = shown, limit - 1
    # Names that begin alike, such as class 11 and class 12, differ at the end.
    while width(cut) > limit:
        cut, kept = f"{shown[: kept - kept // 2]}…{shown[len(shown) - kept // 2 :]}", kept - 1
    return cut


def width(text: str) -> int:
    """Return how many letters wide the longest line of ``text`` is; a Chinese or Japanese character counts as two."""
    return max(sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in line) for line in text.split("\n"))


def _has_glyph(character: str) -> bool:
    paths = (font_manager.findfont(font_manager.FontProperties(family=[font])) for font in FONTS)
    return any(font_manager.get_font(path).get_char_index(ord(character)) for path in paths)


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
    """Make ``axis`` logarithmic, with plain numbers as ticks, and linear near 0. Call it once everything is drawn."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("symlog", linthresh=LINEAR_BELOW)
    axis.axes.autoscale_view()
    low, high = sorted(axis.get_view_interval())
    # The part from 0 to LINEAR_BELOW is as long as a decade.
    span = high / low if low > LINEAR_BELOW else 10 * high / LINEAR_BELOW
    # As many ticks as fit beside each other; within a decade these would be too few, or none.
    steps = (1, 2, 5) if span < 100 else (1,)
    fixed = FixedLocator([0.0, *(step * 10.0**power for power in range(-4, 3) for step in steps)])
    axis.set_major_locator(fixed if span > 10 else MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value) if as_percent else plain(value)))
