"""How images are read: what reader/params.yaml says and what was learned, as the reader's pipeline writes it."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from digits.core import params
from digits.core.params import Pixels, Section, Share

FILE = Path("reader", "params.yaml")
Lengths = Annotated[float, Field(gt=0, le=10)]


class Ink(Section):
    """How a digit's strokes are separated from the paper."""

    box_sizes: tuple[Pixels, Pixels]
    context: Share
    max_even_range: Annotated[int, Field(ge=0, le=255)]
    slope_penalty: Share
    blur: Share
    min_ink: Share
    min_piece_area: Share


class Lines(Section):
    """How digits are arranged in lines, and lines in words."""

    max_slant: Annotated[int, Field(ge=0, le=80)]
    max_line_distance: Lengths
    min_space: Lengths
    min_space_in_gaps: Lengths
    cell_gap: Lengths


class Signs(Section):
    """How signs between digits are found; lengths are fractions of the digits' height."""

    reach: Share
    overlap: Share
    min_area: Share


class Settings(Section):
    """The section ``reading`` of reader/params.yaml, which explains each key, and what was learned.

    calibration: the log odds that a digit is read correctly are a constant, plus these factors times the log odds of
        its score and of its most probable class
    """

    max_side: Pixels
    upscale_below: Pixels
    upscale_factor: Annotated[float, Field(ge=0.1, le=10)]
    upscale_to: Pixels
    pad_below: Pixels
    padding: Share
    min_margin: Share
    min_edge_contrast: Share
    scale_step: Annotated[float, Field(ge=1.05, le=4)]
    min_side: Annotated[float, Field(ge=1, le=10_000)]
    normalization_window: Annotated[int, Field(ge=3, le=999)]
    normalization_floor: Annotated[float, Field(gt=0, le=255)]
    frame_padding: Annotated[int, Field(ge=0, le=100)]
    candidate_sizes: tuple[Pixels, Pixels]
    lone_sizes: tuple[Pixels, Pixels]
    lone_objectness: Share
    min_filled: Share
    sure_alone: Share
    min_objectness: Share
    max_candidates: Annotated[int, Field(ge=1, le=100_000)]
    crop_box_side: Annotated[float, Field(gt=1, le=32)]
    wide_box_side: Annotated[float, Field(gt=1, le=32)]
    min_candidate_score: Share
    objectness_exponent: Share
    classifier_exponent: Share
    best_score_weight: Share
    suppression_iou: Share
    suppression_inside: Share
    fusion_iou: Share
    context_reach: Lengths
    min_context_score: Share
    usual_score: Share
    context_weight: Annotated[float, Field(ge=0, le=10)]
    min_relative_size: Share
    mnist_weight: Share
    touching_factor: Share
    touching_distance: Share
    min_score: Share
    min_best_score: Share
    max_sign: Share
    max_lean: Lengths
    best_score_per_doubling: Share
    min_certainty: Share
    enlarge_below: Pixels
    min_gain: Annotated[float, Field(ge=0, le=1000)]
    ink: Ink
    lines: Lines
    signs: Signs
    calibration: tuple[float, float, float] = (0.0, 1.0, 1.0)


def read_ink() -> Ink:
    """Return the section ``reading.ink`` of reader/params.yaml. Raises InputError if it is missing or malformed."""
    content: Any = params.read(FILE)
    for key in ("reading", "ink"):
        content = params.check(content, FILE, dict[str, Any]).get(key)
    return params.check(content, FILE, Ink)
