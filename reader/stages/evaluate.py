"""Measure on pages of validation digits how many are read, and learn how probable a reading is to be right."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from digits.core import store
from digits.core.files import write_json
from digits.core.job import run_stage
from digits.core.params import Pixels, Section, Seed, Share
from digits.model import metrics, runtime
from digits.reading import networks
from digits.reading.boxes import overlap
from digits.reading.reading import Digit, Reading
from digits.reading.recognizer import NETWORK, Reader, Recognizer, log_odds
from digits.reading.settings import Settings
from digits.report import annotated, basics
from reader import sections
from reader.drawing import effects, pages
from reader.drawing.effects import Boxes, Grey
from reader.drawing.strokes import Hand

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
    "among words": ("mixed", 0, ("texture", "lamp", "noise")),
    "a letter": ("letter", 0, ("texture", "noise")),
    "text": ("text", 0, ("texture", "lamp", "noise")),
    "no digit": ("none", 0, ("texture", "lamp", "noise")),
    "no digit, on a picture": ("none", 0, ("picture", "noise")),
}
SHOWN = "lamp"
# Digits of which less is visible need not be read, but may be; probabilities from SURE on count as sure.
WHOLE, SURE = 0.9, 0.9
# In pixels per inch: so that the figures, which are full of noise, stay small.
GALLERY, PAGE = 75, 100


class Evaluate(Section):
    seed: Seed
    pages: Annotated[int, Field(ge=2, le=100_000)]
    side: Annotated[int, Field(ge=64, le=2000)]
    words: Annotated[int, Field(ge=1, le=100_000)]
    sizes: tuple[Pixels, Pixels]
    overlap: Share


class Outcome(NamedTuple):
    """How one page was read: the number of digits written, how many of them were read rightly, the digits that were
    read, and whether each of these is right."""

    written: int
    found: int
    digits: list[Digit]
    correct: list[bool]


def main(processed: Path, folder: Path) -> None:
    section, reading = sections.load("evaluate", Evaluate), sections.load("reading", Settings)
    models = folder / "models"
    validation = store.load(processed / "validation.npz", "preprocess")
    hand = Hand(validation, section.words, section.seed)
    nets = [networks.load(models / f"{name}.onnx", name) for name in ("detector", "classifier")]
    infer, _ = runtime.load(NETWORK)
    drawn = {
        name: _draw(number, *condition, hand, section) for number, (name, condition) in enumerate(CONDITIONS.items())
    }

    # With these factors, probabilities are the scores that the calibration is learned from.
    plain = reading.model_copy(update={"calibration": (0.0, 1.0, 0.0)})
    recognizer = Recognizer(infer, Reader(nets[0], nets[1], plain))
    outcomes = [each for some in drawn.values() for each in _read(recognizer, some[::2], section.overlap)]
    settings = reading.model_copy(update={"calibration": _calibration(outcomes)})
    write_json(models / "reading.json", settings.model_dump())

    recognizer, measured = Recognizer(infer, Reader(nets[0], nets[1], settings)), {}
    for name, some in drawn.items():
        measured[name] = _measure(list(_read(recognizer, some[1::2], section.overlap)))
        row = measured[name]
        told = f"{row['accuracy']:.2%} of {row['digits']:,} digits read; " if "accuracy" in row else ""
        print(f"{name}: {told}{row['false']} read wrongly")
    write_json(folder / "metrics.json", {"dataset": validation.name, "pages": measured})
    samples = {name: some[1][0] for name, some in drawn.items()}
    titles = {
        name: f"{row['accuracy']:.1%}" if "accuracy" in row else f"{row['false']} read"
        for name, row in measured.items()
    }
    basics.save(_gallery(samples, titles), folder / "pages.png", GALLERY)
    shown = recognizer.read(samples[SHOWN])
    basics.save(annotated.reading(samples[SHOWN], 1.0, shown.digits, shown.rejected), folder / "reading.png", PAGE)


def _draw(
    number: int, kind: str, touching: int | None, names: tuple[str, ...], hand: Hand, section: Evaluate
) -> list[tuple[Grey, Boxes]]:
    drawn = []
    for page in range(section.pages):
        random = np.random.default_rng([section.seed, number, page])
        size = 2 * float(np.exp(random.uniform(*np.log(section.sizes))))
        composed = pages.compose(kind, hand, size, 2 * section.side, random, touching)
        image, boxes = effects.photograph(composed, names, random)
        # Of a digit that the margin cuts, no more can be read than is in the picture.
        boxes[:, :4] = boxes[:, :4].clip(0, [*image.shape[::-1]] * 2)
        drawn.append((image, boxes))
    return drawn


def _read(recognizer: Recognizer, drawn: Sequence[tuple[Grey, Boxes]], least: float) -> Iterator[Outcome]:
    readings = recognizer.read_all(image for image, _ in drawn)
    for (_, boxes), reading in zip(
        drawn, tqdm(readings, total=len(drawn), unit="page", leave=False, disable=None), strict=True
    ):
        if isinstance(reading, Reading):
            yield _outcome(boxes, reading, least)


def _outcome(boxes: Boxes, reading: Reading, least: float) -> Outcome:
    digits = reading.digits
    read = np.array([each.box for each in digits], np.float32).reshape(-1, 4)
    read[:, 2:] += read[:, :2]
    shares = overlap(boxes[:, :4], read)
    whole, found, correct = boxes[:, 5] > WHOLE, 0, np.zeros(len(digits), bool)
    for number in np.flatnonzero(boxes[:, 5] > 0) if len(digits) else ():
        best = int(shares[number].argmax())
        if shares[number, best] >= least and digits[best].digit == boxes[number, 4] and not correct[best]:
            correct[best] = True
            found += int(whole[number])
    return Outcome(int(whole.sum()), found, digits, correct.tolist())


def _calibration(outcomes: Sequence[Outcome]) -> tuple[float, float, float]:
    correct = [each for one in outcomes for each in one.correct]
    if len(set(correct)) < 2:
        # There is nothing to learn from.
        return 0.0, 1.0, 1.0
    read = [(each.probability, each.probabilities.max()) for one in outcomes for each in one.digits]
    fitted = LogisticRegression(C=1e6).fit(log_odds(np.array(read, np.float32)).astype(np.float64), correct)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0]), float(fitted.coef_[0, 1])


def _measure(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    written, found = sum(one.written for one in outcomes), sum(one.found for one in outcomes)
    read = [each for one in outcomes for each in zip(one.correct, one.digits, strict=True)]
    sure = [right for right, digit in read if digit.probability >= SURE]
    row: dict[str, Any] = {"pages": len(outcomes)}
    if written:
        counted = metrics.accuracy(written - found, written)
        row |= {"digits": counted.pop("images"), **counted}
    return {**row, "false": sum(not right for right, _ in read), "sure": len(sure), "sure_right": sum(sure)}


def _gallery(samples: Mapping[str, Grey], titles: Mapping[str, str]) -> Figure:
    """Draw a page of each condition under what was measured."""
    columns = 5
    rows = -(-len(samples) // columns)
    drawn = Figure(figsize=(12, 2.4 * rows), layout="constrained")
    grid = drawn.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (name, image) in zip(grid, samples.items(), strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{name}: {titles[name]}", fontsize=9)
    return drawn


if __name__ == "__main__":
    run_stage(main)
