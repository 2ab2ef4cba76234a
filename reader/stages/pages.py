"""Draw pages of the training set's digits, and pages without any."""

import multiprocessing
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import Field
from tqdm import tqdm

from digits.core import store
from digits.core.errors import run_main
from digits.core.files import replacing
from digits.core.params import Pixels, Section, Seed, Share
from reader import data
from reader.data import FONTS, PAGES
from reader.drawing import effects, pages
from reader.drawing.effects import Boxes, Grey
from reader.drawing.strokes import Hand
from reader.drawing.type import Fonts


def _one_of(names: Iterable[str]) -> Any:
    return Field(pattern=f"^({'|'.join(names)})$")


class Pages(Section):
    seed: Seed
    count: Annotated[int, Field(ge=1, le=1_000_000)]
    max_side: Annotated[int, Field(ge=64, le=1000)]
    digit_sizes: tuple[Pixels, Pixels]
    kinds: dict[Annotated[str, _one_of(pages.KINDS)], Share]
    effects: dict[Annotated[str, _one_of(("clean", *effects.NAMES))], Share]


def main() -> None:
    section = data.load_section("pages", Pages)
    training = store.load(Path("data/processed/train.npz"), "preprocess")
    print(f"{section.count} pages of digits from {training.name}")
    draw = partial(_draw, section)
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    with context.Pool(initializer=_begin, initargs=(training, section)) as pool:
        drawn = pool.imap(draw, range(section.count), chunksize=100)
        images, boxes = zip(*tqdm(drawn, total=section.count, unit="page", disable=None), strict=True)
    with replacing(PAGES) as file, file.open("wb") as opened:
        np.savez(
            opened,
            pixels=np.concatenate([image.ravel() for image in images]),
            shapes=np.array([image.shape for image in images], np.int32),
            boxes=np.concatenate(boxes),
            counts=np.array([len(page_boxes) for page_boxes in boxes], np.int32),
        )


_hand: Hand


def _begin(training: store.Dataset, section: Pages) -> None:
    global _hand
    # Each process draws on one core.
    cv2.setNumThreads(1)
    _hand = Hand(training, Fonts(FONTS))


def _draw(section: Pages, number: int) -> tuple[Grey, Boxes]:
    random = np.random.default_rng([section.seed, number])
    return pages.draw(_hand, section.kinds, section.effects, section.digit_sizes, section.max_side, random)


if __name__ == "__main__":
    run_main(main)
