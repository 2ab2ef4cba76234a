"""Train the classifier, which tells digits, letters, signs and anything else apart, on crops of the pages."""

from functools import partial
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digits.core import store
from digits.core.errors import run_main
from digits.core.params import Share
from digits.model import backend
from digits.model.backend import keras
from digits.reading.classes import CLASSES
from reader import architectures, data, training
from reader.data import CROPS, MODELS, SCALE
from reader.training import Batch, Channels, Training

# The channels of the grey levels of each view, and of where it is inside the image.
VIEWS = ((0, 1), (3, 4))


class Classifier(Training):
    channels: Channels
    wide_channels: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=3, max_length=3)]
    units: Annotated[int, Field(ge=1, le=1000)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    inverted_share: Share
    max_contrast_change: Annotated[float, Field(ge=0, lt=1)]
    max_noise: Annotated[float, Field(ge=0, le=10)]
    warped_share: Share
    label_smoothing: Share


def main() -> None:
    section = data.load_section("classifier", Classifier)
    arrays = store.load_arrays(CROPS, "crops", "crops", "labels")
    backend.use(section.parts)
    backend.make_deterministic(section.seed)
    model = architectures.classifier(section.channels, section.wide_channels, section.units, section.dropout)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=section.label_smoothing)
    batch = partial(_batch, arrays["crops"], arrays["labels"], section)
    state = training.fit(model, loss, batch, section, "classifier", CROPS)
    examples = (batch(step)[0] for step in range(section.calibration_batches))
    probabilities = architectures.as_probabilities(model)
    training.export(probabilities, MODELS / "classifier.onnx", (None, 32, 32, 5), examples)
    state.unlink()


def _batch(crops: NDArray[np.int8], labels: NDArray[np.int64], section: Classifier, step: int) -> Batch:
    random = np.random.default_rng([section.seed, step])
    chosen = random.integers(len(crops), size=section.batch_size)
    images = crops[chosen].astype(np.float32)
    signs = np.where(random.random(len(chosen)) < section.inverted_share, -1, 1)
    change = section.max_contrast_change
    factors = signs * random.uniform(1 - change, 1 + change, len(chosen)) / SCALE
    images[..., [levels for levels, _ in VIEWS]] *= factors[:, None, None, None]
    if random.random() < 0.5:
        strengths = random.uniform(0, section.max_noise, len(chosen))[:, None, None]
        for levels, inside in VIEWS:
            images[..., levels] += images[..., inside] * random.standard_normal(images.shape[:3]) * strengths
    for number in np.flatnonzero(random.random(len(chosen)) < section.warped_share):
        turn = random.normal(0, 0.06)
        matrix = np.eye(2) + random.normal(0, 1, (2, 2)) * [[0.05, 0.08], [0, 0.05]] + [[0, -turn], [turn, 0]]
        middle = (images.shape[1] - 1) / 2 * np.ones(2)
        shift = middle - matrix @ middle + random.normal(0, 0.6, 2)
        narrow = cv2.warpAffine(images[number, ..., :3], np.column_stack([matrix, shift]), images.shape[1:3])
        images[number, ..., :3] = narrow
    return images, np.eye(CLASSES, dtype=np.float32)[labels[chosen]]


if __name__ == "__main__":
    run_main(main)
