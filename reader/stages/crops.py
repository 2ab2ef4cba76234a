"""Cut out what the detector takes for digits on the pages, rightly or wrongly."""

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from digits.core.files import replacing
from digits.core.job import run_stage
from digits.core.params import Pixels, Section, Seed, Share
from digits.reading import networks
from digits.reading.boxes import overlap
from digits.reading.finding import at_level, crop
from digits.reading.networks import Run
from digits.reading.settings import Settings
from reader import drawn, sections
from reader.drawn import CROPS, PAGES, SCALE

NONE = 10


class Crops(Section):
    seed: Seed
    pages: Annotated[int, Field(ge=1, le=1_000_000)]
    sizes: tuple[Pixels, Pixels]
    candidate: Share
    overlap: tuple[Share, Share]
    visible: tuple[Share, Share]
    shaken: Share
    shake: Share
    elsewhere: Share


def main(folder: Path) -> None:
    section, settings = sections.load("crops", Crops), sections.load("reading", Settings)
    pages = drawn.load(folder / PAGES)[: section.pages]
    detector = networks.load(folder / "models" / "detector.onnx", "detector")
    crops, parts = [], []
    for number, (page, digits) in enumerate(tqdm(pages, unit="page", disable=None)):
        random = np.random.default_rng([section.seed, number])
        some, named = _crops(page, digits, detector, section, settings, random)
        crops.append((some * np.array([SCALE, 1, 1], np.float32)).clip(-127, 127).astype(np.int8))
        parts.append(named)
    labels = np.concatenate(parts)
    print(f"{len(labels)} crops, {(labels == NONE).sum()} of them without a digit")
    with replacing(folder / CROPS) as file, file.open("wb") as opened:
        np.savez(opened, crops=np.concatenate(crops), labels=labels)


def _crops(
    page: NDArray[np.uint8],
    digits: NDArray[np.float32],
    detector: Run,
    section: Crops,
    settings: Settings,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    height, width = page.shape
    found = at_level(page[np.newaxis], detector, settings.model_copy(update={"candidate": section.candidate}))[0]
    true = digits[:, :4].clip(0, [width, height, width, height]).astype(np.float32)
    # A page may have no digit at all.
    overlaps = np.pad(overlap(found.boxes, true), ((0, 0), (0, 1)))
    best, share = overlaps.argmax(axis=1), overlaps.max(axis=1)
    label, visible = (np.append(digits[:, column], 0)[best] for column in (4, 5))
    none = (share < section.overlap[0]) | (visible < section.visible[0])
    kept = none | ((share >= section.overlap[1]) & (visible >= section.visible[1]))
    labels = np.where(none, NONE, label)[kept]
    more, named = [], []
    for box, digit in zip(true, digits, strict=True):
        size = max(box[2:] - box[:2])
        fits = section.sizes[0] <= size <= section.sizes[1]
        if digit[5] >= section.visible[1] and fits and random.random() < section.shaken:
            more.append(box + random.normal(0, section.shake, 4) * size)
            named.append(int(digit[4]))
    if random.random() < section.elsewhere:
        size, centre = random.uniform(*section.sizes), random.uniform((0, 0), (width, height))
        half = size / 2 * np.array([random.uniform(0.4, 1), 1])
        box = np.concatenate([centre - half, centre + half])
        if not len(true) or overlap(box[np.newaxis], true).max() < section.overlap[0] / 2:
            more.append(box)
            named.append(NONE)
    others = crop(page, np.array(more, np.float32).reshape(-1, 4), settings.fill)
    return np.concatenate([found.crops[kept], others]), np.array([*labels, *named], np.int64)


if __name__ == "__main__":
    run_stage(main)
