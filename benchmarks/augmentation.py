"""Compare the speed of our augmentation, on one core, with that of Keras's ImageDataGenerator.

    python -m benchmarks.augmentation

Both deform the same images of data/processed/train.npz (made by dvc repro preprocess) by rotation, zoom and shift;
ours also shears them. They take turns, so that a machine whose speed drifts affects them equally; ratios are those of
the medians.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

# Before NumPy starts its threads.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import cv2
import numpy as np

from digits.core import params, store
from digits.core.errors import run_main
from digits.data.augmentation import augment

IMAGES, ROUNDS = 10_000, 7


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    from digits.model.backend import tf

    cv2.setNumThreads(1)
    section = params.load().augment
    images = store.load(Path("data/processed/train.npz"), "preprocess").images[:IMAGES]
    affine = section.model_copy(update={"elastic_alpha": 0.0})
    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=section.rotation,
        zoom_range=section.zoom,
        width_shift_range=section.shift,
        height_shift_range=section.shift,
        fill_mode="constant",
    )
    floats = images[..., np.newaxis].astype(np.float32)

    def keras() -> None:
        batches = generator.flow(floats, batch_size=256, shuffle=False)
        for _ in range(len(batches)):
            next(batches)

    variants: dict[str, Callable[[], object]] = {
        "ImageDataGenerator": keras,
        "affine": lambda: augment(images, affine, 0),
        "affine and elastic": lambda: augment(images, section, 0),
    }
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(ROUNDS + 1):
        for name, work in variants.items():
            start = time.perf_counter()
            work()
            # The first round is a warm-up.
            if number:
                rates[name].append(len(images) / (time.perf_counter() - start))
    baseline = statistics.median(rates["ImageDataGenerator"])
    print(f"{'':20}{'images/s':>12}{'ratio':>8}   (median of {ROUNDS} rounds of {len(images):,} images)")
    for name, values in rates.items():
        print(f"{name:20}{statistics.median(values):12,.0f}{statistics.median(values) / baseline:8.1f}")


if __name__ == "__main__":
    run_main(main)
