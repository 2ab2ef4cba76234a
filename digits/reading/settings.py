"""How images are read: what reader/params.yaml says and what was learned, as the reader's pipeline writes it."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from digits.core import params
from digits.core.params import Pixels, Section, Share

FILE = Path("reader", "params.yaml")


class Ink(Section):
    """How a digit's strokes are separated from the paper."""

    sizes: tuple[Pixels, Pixels]
    around: Share
    even: Annotated[int, Field(ge=0, le=255)]
    level: Share
    blur: Share
    darkest: Share
    smallest: Share


class Lines(Section):
    """How digits are arranged in lines, and lines in words."""

    steepest: Annotated[int, Field(ge=0, le=80)]
    apart: Annotated[float, Field(gt=0, le=10)]
    space: Annotated[float, Field(gt=0, le=10)]
    larger: Annotated[float, Field(gt=0, le=10)]
    cell: Annotated[float, Field(gt=0, le=10)]


class Settings(Section):
    """The section ``reading`` of reader/params.yaml, which tells what each one does, and what was learned.

    calibration: the logarithmic odds that a digit is read rightly are a constant, plus these factors times those of
        there being a digit and of its label
    """

    longest: Pixels
    small: Pixels
    enlarged: Annotated[float, Field(ge=0.1, le=10)]
    tiny: Pixels
    cut: Pixels
    margin: Share
    edge: Share
    step: Annotated[float, Field(ge=1.05, le=4)]
    least: Annotated[float, Field(ge=1, le=10_000)]
    window: Annotated[int, Field(ge=3, le=999)]
    floor: Annotated[float, Field(gt=0, le=255)]
    rim: Annotated[int, Field(ge=0, le=100)]
    heights: tuple[Pixels, Pixels]
    candidate: Share
    most: Annotated[int, Field(ge=1, le=100_000)]
    fill: Annotated[float, Field(gt=1, le=32)]
    considered: Share
    found: Share
    sorted: Share
    alone: Share
    overlap: Share
    inside: Share
    agreement: Share
    smallest: Share
    vote: Share
    touching: Share
    near: Share
    accepted: Share
    surest: Share
    emptier: Share
    ink: Ink
    lines: Lines
    calibration: tuple[float, float, float] = (0.0, 1.0, 1.0)


def read_ink() -> Ink:
    """Return the section ``reading.ink`` of reader/params.yaml. Raises InputError if it is missing or malformed."""
    content: Any = params.read(FILE)
    for key in ("reading", "ink"):
        content = params.check(content, FILE, dict[str, Any]).get(key)
    return params.check(content, FILE, Ink)
