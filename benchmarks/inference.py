"""Compare ways to run the model: images per second in batches, and the latency of a single image.

    python -m benchmarks.inference [MODEL]

ONNX Runtime and TFLite run on one thread. All take turns, so that a machine whose speed drifts affects them equally;
ratios are those of the medians, relative to Keras's predict.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from digits.core.errors import run_main

BATCH, ROUNDS = 1000, 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", metavar="MODEL", nargs="?", type=Path, default=Path("models/model.keras"))
    arguments = parser.parse_args()
    from digits.model import network
    from digits.model.backend import tf
    from digits.model.export import SUFFIXES, export, open_exported

    model, _ = network.load(arguments.model)
    compiled = tf.function(lambda images: model([images], training=False), reduce_retracing=True)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[Any], Any]] = {
            "Keras predict": lambda images: model.predict(images, batch_size=BATCH, verbose=0),
            "compiled function": lambda images: compiled(tf.constant(images)).numpy(),
        }
        for name, form in (("ONNX Runtime", "onnx"), ("TFLite", "tflite")):
            path = Path(folder) / f"model{SUFFIXES[form]}"
            export(model, path, form)
            ways[name] = open_exported(path, form, threads=1)
        images = np.random.default_rng(0).integers(0, 256, (BATCH, 28, 28), dtype=np.uint8)
        seconds: dict[tuple[str, int], list[float]] = {(name, count): [] for name in ways for count in (1, BATCH)}
        for number in range(ROUNDS + 1):
            for (name, count), taken in seconds.items():
                some = images[:count]
                repeats = 20 if count == 1 else 1
                start = time.perf_counter()
                for _ in range(repeats):
                    ways[name](some)
                # The first round compiles.
                if number:
                    taken.append((time.perf_counter() - start) / repeats)
    medians = {key: statistics.median(taken) for key, taken in seconds.items()}
    print(f"{'':20}{'images/s':>12}{'ratio':>8}{'latency, 1 image':>18}{'ratio':>8}   (medians of {ROUNDS} rounds)")
    for name in ways:
        whole, one = medians[name, BATCH], medians[name, 1]
        print(
            f"{name:20}{BATCH / whole:12,.0f}{medians['Keras predict', BATCH] / whole:8.1f}"
            f"{1000 * one:15.3f} ms{medians['Keras predict', 1] / one:8.0f}"
        )


if __name__ == "__main__":
    run_main(main)
