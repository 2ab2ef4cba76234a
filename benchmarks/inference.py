"""Compare ways to run a model: images per second in batches, the latency of a single image, and the errors.

    python -m benchmarks.inference [MODEL]

All compute on one thread, and take turns, so that a machine whose speed drifts affects them equally; ratios are those
of the medians, relative to Keras's predict. "Of matmul speed" compares the operations of the convolutions and dense
layers with those of a large matrix product. The images are those of data/processed/validation.npz (made by dvc repro
preprocess); with 8-bit integers, the ranges of the values are those of a thousand images of the training set.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import processes
from digits.core import store
from digits.core.errors import run_main

BATCH, ROUNDS, EXAMPLES = 1000, 15, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", metavar="MODEL", nargs="?", type=Path, default=Path("models/model.keras"))
    arguments = parser.parse_args()
    from digits.model import backend, network
    from digits.model.backend import tf
    from digits.onnx.export import SUFFIXES, export, open_exported

    backend.use(1)
    train, held_out = (
        store.load(Path("data/processed", f"{part}.npz"), "preprocess") for part in ("train", "validation")
    )
    model, task = network.load(arguments.model)
    compiled = tf.function(lambda images: model([images], training=False), reduce_retracing=True)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[Any], Any]] = {
            "Keras predict": lambda images: model.predict(images, batch_size=BATCH, verbose=0),
            "compiled function": lambda images: compiled(tf.constant(images)).numpy(),
        }
        for name, form in (("ONNX Runtime", "onnx"), ("TFLite", "tflite")):
            path = Path(folder) / f"model{SUFFIXES[form]}"
            export(model, path, form, task)
            ways[name] = open_exported(path, form, threads=1)
        small = Path(folder, "int8.onnx")
        quantize(Path(folder, "model.onnx"), small, train.images[:EXAMPLES])
        ways["ONNX Runtime, int8"] = open_exported(small, "onnx", threads=1)
        seconds: dict[tuple[str, int], list[float]] = {(name, count): [] for name in ways for count in (1, BATCH)}
        for number in range(ROUNDS + 1):
            for (name, count), taken in seconds.items():
                repeats = 20 if count == 1 else 1
                start = time.perf_counter()
                for _ in range(repeats):
                    ways[name](held_out.images[:count])
                # The first round compiles.
                if number:
                    taken.append((time.perf_counter() - start) / repeats)
        batches = np.array_split(held_out.images, -(-len(held_out.images) // BATCH))
        errors = {
            name: int((np.concatenate([way(batch) for batch in batches]).argmax(axis=1) != held_out.labels).sum())
            for name, way in ways.items()
        }
    medians = {key: statistics.median(taken) for key, taken in seconds.items()}
    operations, rate = sum(processes.operations(model)), processes.matmul_rate()
    print(f"{operations / 1e6:.1f} million operations per image; matrix multiplication: {rate / 1e9:.0f} GFLOP/s")
    head = f"{'':20}{'images/s':>12}{'ratio':>8}{'of matmul speed':>17}{'latency, 1 image':>18}{'ratio':>8}"
    print(f"{head}{f'errors of {len(held_out.labels):,}':>18}   (medians of {ROUNDS} rounds)")
    for name in ways:
        whole, one = medians[name, BATCH], medians[name, 1]
        print(
            f"{name:20}{BATCH / whole:12,.0f}{medians['Keras predict', BATCH] / whole:8.1f}"
            f"{BATCH / whole * operations / rate:17.0%}"
            f"{1000 * one:15.3f} ms{medians['Keras predict', 1] / one:8.0f}{errors[name]:18}"
        )


def quantize(path: Path, out: Path, images: NDArray[np.uint8]) -> None:
    """Write the ONNX file ``path`` as one that computes with 8-bit integers, in the ranges that ``images`` need."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_static

    from reader.training import Examples

    examples = Examples(onnx.load(path).graph.input[0].name, np.array_split(images, 10))
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(path, out, examples, per_channel=True, **kinds)


if __name__ == "__main__":
    run_main(main)
