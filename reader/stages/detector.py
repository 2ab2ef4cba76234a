"""Train the detector of digits, on random windows of the pages."""

from functools import partial
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digits.core.errors import run_main
from digits.core.params import Pixels, Share
from digits.model import backend
from digits.reading.classes import LETTER
from digits.reading.normalization import STRIDE, normalized
from reader import architectures, data, training
from reader.architectures import UNIT
from reader.data import MODELS, PAGES, Pages
from reader.training import Batch, Channels, Training


class Detector(Training):
    window: Annotated[int, Field(ge=64, le=512, multiple_of=16)]
    channels: Channels
    normalization_window: Annotated[int, Field(ge=3, le=999)]
    normalization_floor: Annotated[float, Field(gt=0, le=255)]
    digit_sizes: tuple[Pixels, Pixels]
    ignored_sizes: tuple[Pixels, Pixels]
    visible_fractions: tuple[Share, Share]
    inverted_share: Share
    box_weight: Annotated[float, Field(ge=0, le=100)]
    class_weight: Annotated[float, Field(ge=0, le=100)]


def main() -> None:
    section, pages = data.load_section("detector", Detector), data.load_pages()
    backend.use(section.parts)
    backend.make_deterministic(section.seed)
    model = architectures.detector(section.channels)
    loss = architectures.detector_loss(section.box_weight, section.class_weight)
    state = training.fit(model, loss, partial(_batch, pages, section), section, "detector", PAGES)
    examples = (_batch(pages, section, step)[0] for step in range(section.calibration_batches))
    training.export(architectures.as_peaks(model), MODELS / "detector.onnx", (None, None, None, 2), examples)
    state.unlink()


def _batch(pages: Pages, section: Detector, step: int) -> Batch:
    random = np.random.default_rng([section.seed, step])
    chosen = [pages[int(number)] for number in random.integers(len(pages), size=section.batch_size)]
    windows, targets = zip(*(_sample(page, boxes, section, random) for page, boxes in chosen), strict=True)
    return np.stack(windows), np.stack(targets)


def _sample(
    page: NDArray[np.uint8], boxes: NDArray[np.float32], section: Detector, random: np.random.Generator
) -> Batch:
    """Return a random window of a page, float32 (window, window, 2), and its targets as in ``detector_loss``."""
    window = np.zeros((section.window, section.window, 2), np.float32)
    top, left = (
        int(random.integers(min(0, section.window - side), max(0, section.window - side) + 1)) for side in page.shape
    )
    part = page[max(0, -top) :, max(0, -left) :][: section.window, : section.window]
    y, x, sign = max(0, top), max(0, left), -1 if random.random() < section.inverted_share else 1
    inside = window[y : y + part.shape[0], x : x + part.shape[1]]
    inside[..., 0] = sign * normalized(part, section.normalization_window, section.normalization_floor)
    inside[..., 1] = 1
    shifted = boxes + np.array([left, top, left, top, 0, 0])
    return window, _targets(shifted, (x, y, x + part.shape[1], y + part.shape[0]), section)


def _targets(boxes: NDArray[np.float64], inside: tuple[int, int, int, int], section: Detector) -> NDArray[np.float32]:
    """Return the targets of ``boxes``, as in ``Page`` but in pixels of the window, of which the page covers ``inside``:
    left, top, right and bottom."""
    side = section.window // STRIDE
    heat, weight, near = (np.full((side, side), value, np.float32) for value in (0, 1, 0))
    details, nearest = np.zeros((side, side, 5), np.float32), np.full((side, side), np.inf)
    y, x = (np.mgrid[0:side, 0:side] + 0.5).astype(np.float32) * STRIDE
    for left, top, right, bottom, label, visible in boxes[boxes[:, 4] < LETTER].tolist():
        width, height = max(1.0, right - left), max(1.0, bottom - top)
        across = max(0.0, min(right, inside[2]) - max(left, inside[0])) / width
        down = max(0.0, min(bottom, inside[3]) - max(top, inside[1])) / height
        visible, size = min(visible, across * down), max(width, height)
        if visible <= section.visible_fractions[0] or not section.ignored_sizes[0] <= size <= section.ignored_sizes[1]:
            continue
        dx, dy = x - (left + right) / 2, y - (top + bottom) / 2
        if visible < section.visible_fractions[1] or not section.digit_sizes[0] <= size <= section.digit_sizes[1]:
            weight[(abs(dx) < max(6, 0.35 * width)) & (abs(dy) < max(6, 0.35 * height))] = 0
            continue
        spread = [max(0.4 * STRIDE, 0.13 * length) for length in (width, height)]
        np.maximum(heat, np.exp(-0.5 * ((dx / spread[0]) ** 2 + (dy / spread[1]) ** 2)), out=heat)
        distance = dx**2 + dy**2
        own = (abs(dx) <= 1.5 * STRIDE) & (abs(dy) <= 1.5 * STRIDE) & (distance < nearest)
        nearest[own], near[own] = distance[own], 1
        sides = [side / UNIT for side in (x - left, y - top, right - x, bottom - y)]
        details[own] = np.stack([*sides, np.full_like(x, label)], axis=-1)[own]
        row, column = (
            min(side - 1, max(0, int(middle // STRIDE))) for middle in ((top + bottom) / 2, (left + right) / 2)
        )
        heat[row, column] = 1
    # A digit counts even where one that does not is near it.
    weight[heat == 1] = 1
    return np.concatenate([np.stack([heat, weight, near], axis=-1), details], axis=-1)


if __name__ == "__main__":
    run_main(main)
