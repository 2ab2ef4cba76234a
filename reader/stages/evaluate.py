"""Measure on pages of validation digits how many are read, and learn the probability that a reading is correct."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from digits.core import store
from digits.core.errors import run_main
from digits.core.files import write_json
from digits.core.params import Pixels, Section, Seed, Share
from digits.model import metrics
from digits.onnx import runtime
from digits.reading.classes import LETTER
from digits.reading.finding import iou, load_network
from digits.reading.reading import Digit, Reading
from digits.reading.recognizer import NETWORK, DigitRecognizer, Reader, log_odds
from digits.reading.settings import Settings
from digits.report import annotated, basics
from reader import data
from reader.data import FONTS, MODELS
from reader.drawing import effects, pages
from reader.drawing.effects import Boxes, Grey
from reader.drawing.strokes import Hand
from reader.drawing.type import Fonts

# What a bad photograph combines.
HOSTILE = ("texture", "squared", "pencil", "lamp", "shadow", "perspective", "blur", "noise", "jpeg")
# Each condition: the kind of page, how digits touch, and the effects.
CONDITIONS: dict[str, tuple[str, int | None, tuple[str, ...]]] = {
    "no effect": ("lines", 0, ()),
    **{name: ("lines", 0, (name,)) for name in effects.NAMES if name != "picture"},
    "all together": ("lines", 0, HOSTILE),
    "close": ("line", 1, ("texture", "noise")),
    "overlapping": ("line", 2, ("texture", "noise")),
    "amounts": ("amount", None, ("security", "pencil")),
    "cells": ("cells", None, ("texture", "lamp", "noise")),
    "one, with neighbours": ("one", None, ("texture", "noise")),
    "numbers with signs": ("number", None, ("texture", "noise")),
    "sums": ("sum", None, ("texture", "noise")),
    "notes": ("note", None, ("texture", "lamp", "noise")),
    "among words": ("mixed", 0, ("texture", "lamp", "noise")),
    "a letter": ("letter", 0, ("texture", "noise")),
    "text": ("text", 0, ("texture", "lamp", "noise")),
    "no digit": ("none", 0, ("texture", "lamp", "noise")),
    "no digit, on a picture": ("none", 0, ("picture", "noise")),
}
SHOWN = "lamp"
# Digits of which less is visible need not be read, but may be; a digit of at least the probability SURE counts as sure.
WHOLE, SURE = 0.9, 0.9
# In pixels per inch: so that the figures, which are full of noise, stay small.
GALLERY, PAGE = 75, 100


class Evaluate(Section):
    seed: Seed
    pages: Annotated[int, Field(ge=2, le=100_000)]
    max_side: Annotated[int, Field(ge=64, le=2000)]
    digit_sizes: tuple[Pixels, Pixels]
    min_iou: Share


class Outcome(NamedTuple):
    """How one page was read: the number of digits written on it, how many of them were read correctly, the digits that
    were read, and which of these are correct."""

    written: int
    read: int
    digits: list[Digit]
    correct: list[bool]


def main() -> None:
    section, reading = data.load_section("evaluate", Evaluate), data.load_section("reading", Settings)
    validation = store.load(Path("data/processed/validation.npz"), "preprocess")
    hand = Hand(validation, Fonts(FONTS))
    detector, classifier = (load_network(MODELS / f"{name}.onnx") for name in ("detector", "classifier"))
    infer, _ = runtime.load(NETWORK)
    drawn = {
        name: _draw(number, *condition, hand, section) for number, (name, condition) in enumerate(CONDITIONS.items())
    }

    # With these factors, probabilities are the scores that the calibration is learned from.
    plain = reading.model_copy(update={"calibration": (0.0, 1.0, 0.0)})
    recognizer = DigitRecognizer(infer, Reader(detector, classifier, plain))
    outcomes = [outcome for images in drawn.values() for outcome in _read(recognizer, images[::2], section.min_iou)]
    settings = reading.model_copy(update={"calibration": _calibration(outcomes)})
    write_json(MODELS / "reading.json", settings.model_dump())

    recognizer, measured = DigitRecognizer(infer, Reader(detector, classifier, settings)), {}
    for name, images in drawn.items():
        row = _measure(list(_read(recognizer, images[1::2], section.min_iou)))
        accuracy = f"{row['accuracy']:.2%} of {row['digits']:,} digits read; " if "accuracy" in row else ""
        print(f"{name}: {accuracy}{row['false']} read wrongly")
        measured[name] = row
    write_json(Path("reader/metrics.json"), {"dataset": validation.name, "pages": measured})
    samples = {name: images[1][0] for name, images in drawn.items()}
    titles = {
        name: f"{row['accuracy']:.1%}" if "accuracy" in row else f"{row['false']} read"
        for name, row in measured.items()
    }
    basics.save(_gallery(samples, titles), Path("reader/pages.png"), GALLERY)
    shown = recognizer.read(samples[SHOWN])
    figure = annotated.reading(samples[SHOWN], 1.0, shown.digits, shown.rejected)
    basics.save(figure, Path("reader/reading.png"), PAGE)


def _draw(
    number: int, kind: str, touching: int | None, names: tuple[str, ...], hand: Hand, section: Evaluate
) -> list[tuple[Grey, Boxes]]:
    drawn = []
    for page in range(section.pages):
        random = np.random.default_rng([section.seed, number, page])
        size = 2 * float(np.exp(random.uniform(*np.log(section.digit_sizes))))
        composed = pages.compose(kind, hand, size, 2 * section.max_side, random, touching)
        image, boxes = effects.photograph(composed, names, random)
        # Of a digit at the edge, no more can be read than is in the picture.
        boxes[:, :4] = boxes[:, :4].clip(0, [*image.shape[::-1]] * 2)
        drawn.append((image, boxes))
    return drawn


def _read(recognizer: DigitRecognizer, drawn: Sequence[tuple[Grey, Boxes]], min_iou: float) -> Iterator[Outcome]:
    readings = recognizer.read_all(image for image, _ in drawn)
    for (_, boxes), reading in zip(
        drawn, tqdm(readings, total=len(drawn), unit="page", leave=False, disable=None), strict=True
    ):
        if isinstance(reading, Reading):
            yield _outcome(boxes, reading, min_iou)


def _outcome(boxes: Boxes, reading: Reading, min_iou: float) -> Outcome:
    digits, boxes = reading.digits, boxes[boxes[:, 4] < LETTER]
    corners = np.array([digit.box for digit in digits], np.float32).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    ious = iou(boxes[:, :4], corners)
    whole, read, correct = boxes[:, 5] > WHOLE, 0, np.zeros(len(digits), bool)
    for number in np.flatnonzero(boxes[:, 5] > 0) if len(digits) else ():
        best = int(ious[number].argmax())
        if ious[number, best] >= min_iou and digits[best].digit == boxes[number, 4] and not correct[best]:
            correct[best] = True
            read += int(whole[number])
    return Outcome(int(whole.sum()), read, digits, correct.tolist())


def _calibration(outcomes: Sequence[Outcome]) -> tuple[float, float, float]:
    """Learn ``Settings.calibration`` by logistic regression, from readings whose probabilities are the scores."""
    correct = [right for outcome in outcomes for right in outcome.correct]
    if len(set(correct)) < 2:
        # There is nothing to learn from.
        return 0.0, 1.0, 1.0
    digits = [digit for outcome in outcomes for digit in outcome.digits]
    pairs = np.array([(digit.probability, digit.probabilities.max()) for digit in digits], np.float32)
    fitted = LogisticRegression(C=1e6).fit(log_odds(pairs).astype(np.float64), correct)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0]), float(fitted.coef_[0, 1])


def _measure(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    written, read = sum(outcome.written for outcome in outcomes), sum(outcome.read for outcome in outcomes)
    digits = [pair for outcome in outcomes for pair in zip(outcome.correct, outcome.digits, strict=True)]
    sure = [right for right, digit in digits if digit.probability >= SURE]
    row: dict[str, Any] = {"pages": len(outcomes)}
    if written:
        counted = metrics.accuracy(written - read, written)
        row |= {"digits": counted.pop("images"), **counted}
    return {**row, "false": sum(not right for right, _ in digits), "sure": len(sure), "sure_right": sum(sure)}


def _gallery(samples: Mapping[str, Grey], titles: Mapping[str, str]) -> Figure:
    """Draw a page of each condition under what was measured."""
    columns = 5
    rows = -(-len(samples) // columns)
    figure = Figure(figsize=(12, 2.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (name, image) in zip(grid, samples.items(), strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{name}: {titles[name]}", fontsize=9)
    return figure


if __name__ == "__main__":
    run_main(main)
