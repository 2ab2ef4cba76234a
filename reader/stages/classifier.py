"""Train the network that tells the ten digits from what is none, on crops of the pages."""

from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digits.core import store
from digits.core.job import run_stage
from digits.core.params import Share
from digits.model import backend
from digits.model.backend import keras
from digits.model.training import make_deterministic
from reader import networks, sections, training
from reader.drawn import CROPS, SCALE
from reader.sections import Channels, Trained
from reader.training import Batch


class Classifier(Trained):
    channels: Channels
    units: Annotated[int, Field(ge=1, le=1000)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    flipped: Share
    contrast: Annotated[float, Field(ge=0, lt=1)]
    noise: Annotated[float, Field(ge=0, le=10)]
    warped: Share
    smoothing: Share


def main(folder: Path) -> None:
    section = sections.load("classifier", Classifier)
    arrays = store.load_arrays(folder / CROPS, "crops", "crops", "labels")
    backend.use(section.threads)
    make_deterministic(section.seed)
    model = networks.classifier(section.channels, section.units, section.dropout)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=section.smoothing)
    batch = partial(_batch, arrays["crops"], arrays["labels"], section)
    state = training.fit(model, loss, batch, section, folder, "classifier", folder / CROPS)
    examples = (batch(step)[0] for step in range(section.examples))
    file = folder / "models" / "classifier.onnx"
    training.export(networks.as_probabilities(model), file, (None, 32, 32, 3), examples)
    state.unlink()


def _batch(crops: NDArray[np.int8], labels: NDArray[np.int64], section: Classifier, step: int) -> Batch:
    random = np.random.default_rng([section.seed, step])
    chosen = random.integers(len(crops), size=section.batch_size)
    images = crops[chosen].astype(np.float32)
    signs = np.where(random.random(len(chosen)) < section.flipped, -1, 1)
    factors = signs * random.uniform(1 - section.contrast, 1 + section.contrast, len(chosen)) / SCALE
    images[..., 0] *= factors[:, None, None]
    if random.random() < 0.5:
        strengths = random.uniform(0, section.noise, len(chosen))[:, None, None]
        images[..., 0] += images[..., 1] * random.standard_normal(images.shape[:3]) * strengths
    for number in np.flatnonzero(random.random(len(chosen)) < section.warped):
        turn = random.normal(0, 0.06)
        matrix = np.eye(2) + random.normal(0, 1, (2, 2)) * [[0.05, 0.08], [0, 0.05]] + [[0, -turn], [turn, 0]]
        middle = (images.shape[1] - 1) / 2 * np.ones(2)
        shift = middle - matrix @ middle + random.normal(0, 0.6, 2)
        images[number] = cv2.warpAffine(images[number], np.column_stack([matrix, shift]), images.shape[1:3])
    return images, np.eye(11, dtype=np.float32)[labels[chosen]]


if __name__ == "__main__":
    run_stage(main)
