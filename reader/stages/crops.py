"""Cut out what the detector takes for digits on the pages, rightly or wrongly, for the classifier."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from digits.core.errors import run_main
from digits.core.files import replacing
from digits.core.params import Pixels, Section, Seed, Share
from digits.reading.classes import LETTER, NONE
from digits.reading.finding import Network, candidates_at_level, crop, iou, load_network
from digits.reading.settings import Settings
from reader import data
from reader.data import CROPS, MODELS, SCALE


class Crops(Section):
    seed: Seed
    pages: Annotated[int, Field(ge=1, le=1_000_000)]
    digit_sizes: tuple[Pixels, Pixels]
    min_objectness: Share
    iou_limits: tuple[Share, Share]
    visible_fractions: tuple[Share, Share]
    jittered_share: Share
    others_share: Share
    jitter: Share
    background_share: Share


def main() -> None:
    section, settings = data.load_section("crops", Crops), data.load_section("reading", Settings)
    pages = data.load_pages()[: section.pages]
    detector = load_network(MODELS / "detector.onnx")
    crops, labels = [], []
    for number, (page, characters) in enumerate(tqdm(pages, unit="page", disable=None)):
        random = np.random.default_rng([section.seed, number])
        page_crops, page_labels = _crops(page, characters, detector, section, settings, random)
        crops.append((page_crops * np.array([SCALE, 1, 1, SCALE, 1], np.float32)).clip(-127, 127).astype(np.int8))
        labels.append(page_labels)
    joined = np.concatenate(labels)
    print(f"{len(joined)} crops, {(joined > 9).sum()} of them of no digit")
    with replacing(CROPS) as file, file.open("wb") as opened:
        np.savez(opened, crops=np.concatenate(crops), labels=joined)


def _crops(
    page: NDArray[np.uint8],
    characters: NDArray[np.float32],
    detector: Network,
    section: Crops,
    settings: Settings,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the crops of a page, float32 (N, 32, 32, 5), and their labels.

    characters: float32 (M, 6), the page's characters as in ``reader.drawing.effects.Page``
    """
    height, width = page.shape
    settings = settings.model_copy(update={"min_objectness": section.min_objectness})
    (candidates,) = candidates_at_level(page[np.newaxis], detector, settings)
    true = characters[:, :4].clip(0, [width, height, width, height]).astype(np.float32)
    # A page may have no digit at all.
    ious = np.pad(iou(candidates.boxes, true), ((0, 0), (0, 1)))
    nearest, best = ious.argmax(axis=1), ious.max(axis=1)
    label, visible = (np.append(characters[:, column], 0)[nearest] for column in (4, 5))
    none = (best < section.iou_limits[0]) | (visible < section.visible_fractions[0])
    kept = none | ((best >= section.iou_limits[1]) & (visible >= section.visible_fractions[1]))
    labels = np.where(none, NONE, label)[kept]
    more_boxes, more_labels = [], []
    for box, character in zip(true, characters, strict=True):
        size = max(box[2:] - box[:2])
        fits = section.digit_sizes[0] <= size <= section.digit_sizes[1]
        share = section.jittered_share if character[4] < LETTER else section.others_share
        if character[5] >= section.visible_fractions[1] and fits and random.random() < share:
            more_boxes.append(box + random.normal(0, section.jitter, 4) * size)
            more_labels.append(int(character[4]))
    if random.random() < section.background_share:
        size, centre = random.uniform(*section.digit_sizes), random.uniform((0, 0), (width, height))
        half = size / 2 * np.array([random.uniform(0.4, 1), 1])
        box = np.concatenate([centre - half, centre + half])
        if not len(true) or iou(box[np.newaxis], true).max() < section.iou_limits[0] / 2:
            more_boxes.append(box)
            more_labels.append(NONE)
    more = crop(page, np.array(more_boxes, np.float32).reshape(-1, 4), settings.crop_box_side, settings.wide_box_side)
    return np.concatenate([candidates.crops[kept], more]), np.array([*labels, *more_labels], np.int64)


if __name__ == "__main__":
    run_main(main)
