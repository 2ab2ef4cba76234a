"""Run the first article's script as written, with Keras's ImageDataGenerator, and compare its time with ours.

    python -m benchmarks article     the script, the recipe quick, and the whole pipeline
    python -m benchmarks.article     only the script

The script's network, optimiser, batch size, epochs and ranges are those of the recipe flyai. Unlike that recipe, it
deforms each batch while it trains, and computes with as many threads as TensorFlow likes. It trains and validates on
the arrays of data/processed (made by dvc repro preprocess), as the recipes do.

Seconds are those of whole commands, including imports: of the script; of the one that augments, trains and validates
the recipe quick; and of dvc repro in a clone of the last commit, whose mirror is data/raw. Quick runs before and after
the script, with another seed each time, because a machine's speed drifts.
"""

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import processes
from digits.core import params, store
from digits.core.errors import InputError, run_main

RAW = Path("data/raw/mnist")
# How often quick runs before the script, and again after it.
RUNS = 3


def main() -> None:
    """Train as the article's script does."""
    import keras

    article = params.read(Path("studies/params.yaml"))["recipes"]["flyai"]
    ranges, training = article["augment"], article["train"]
    data = [store.load(Path("data/processed", f"{part}.npz"), "preprocess") for part in ("train", "validation")]
    train, held_out = (
        (part.images[..., None].astype("float32") / 255, keras.utils.to_categorical(part.labels)) for part in data
    )
    model = keras.Sequential([keras.Input((store.SIDE, store.SIDE, 1))])
    for spec in training["network"]:
        model.add(_make(keras.layers, spec))
    optimizer, loss = _make(keras.optimizers, training["optimizer"]), _make(keras.losses, training["loss"])
    model.compile(optimizer, loss, metrics=["accuracy"])
    generator = keras.src.legacy.preprocessing.image.ImageDataGenerator(
        rotation_range=ranges["rotation"],
        zoom_range=ranges["zoom"],
        width_shift_range=ranges["shift"],
        height_shift_range=ranges["shift"],
    )
    flow = generator.flow(*train, batch_size=training["batch_size"])
    # One line for each epoch.
    model.fit(flow, epochs=training["epochs"], validation_data=held_out, verbose=2)


def _make(module: Any, spec: dict[str, dict[str, Any]]) -> Any:
    ((name, arguments),) = spec.items()
    return getattr(module, name)(**arguments)


def compare() -> None:
    """Print the seconds of the script, of the recipe quick and of the whole pipeline, and ratios to the script's."""
    if not RAW.is_dir():
        raise InputError(f"{RAW}: no such folder; make it with: dvc repro preprocess")
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "digits")
        processes.clone(clone)
        runs = [quick(clone, seed) for seed in range(RUNS)]
        _tell("the article's script")
        script = processes.run_module("benchmarks.article", shown=True).seconds
        runs += [quick(clone, seed) for seed in range(RUNS, 2 * RUNS)]
    _tell("dvc repro")
    # In a fresh clone, which has an empty cache.
    with tempfile.TemporaryDirectory() as folder:
        processes.run("git", "clone", "--quiet", ".", folder)
        os.environ["MNIST_MIRROR"] = str(RAW.resolve())
        whole = processes.run_module("dvc", "repro", folder=Path(folder), shown=True).seconds
    seconds, accuracies = zip(*runs, strict=True)
    print(table(script, seconds, accuracies, whole))


def quick(clone: Path, seed: int) -> tuple[float, float]:
    """Train the recipe quick with this seed: return the seconds, and the accuracy on the validation set."""
    cost, results = processes.train(clone, "quick", seed)
    accuracy = json.loads((results / "validation.json").read_text(encoding="utf-8"))["accuracy"]
    _tell(f"quick with seed {seed}: {cost.seconds:.1f} s, validation accuracy {accuracy:.2%}")
    return cost.seconds, accuracy


def table(script: float, seconds: Sequence[float], accuracies: Sequence[float], whole: float) -> str:
    """Return the table of the script's seconds, those of each run of quick with its accuracy, and the pipeline's."""
    note = (
        f"±{statistics.stdev(seconds):.1f}, {len(seconds)} runs, validation accuracy {statistics.mean(accuracies):.2%}"
    )
    rows = [("the article's script", script, ""), ("quick", statistics.mean(seconds), note), ("dvc repro", whole, "")]
    lines = [f"{'':22}{'seconds':>9}{'ratio':>9}"]
    for name, taken, more in rows:
        ratio = f"{taken / script:.2f}" if taken >= script else f"1/{script / taken:.1f}"
        lines.append(f"{name:22}{taken:9.1f}{ratio:>9}   {more}".rstrip())
    return "\n".join(lines)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_main(main)
