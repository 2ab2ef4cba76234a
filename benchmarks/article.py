"""Run the first article's script as written, with Keras's ImageDataGenerator, and compare its time with ours.

    python -m benchmarks article     the script, the recipe quick, and the whole pipeline
    python -m benchmarks.article     only the script

The script's network, optimiser, batch size, epochs and ranges are those of the recipe flyai. Unlike that recipe, it
deforms each batch while it trains, and computes with as many threads as TensorFlow likes. It trains and validates on
the arrays of data/processed (made by dvc repro preprocess), as the recipes do.

Seconds are those of whole commands, including imports: of the script; of those that augment and train the recipe quick,
which write its metrics; and of dvc repro in a clone of the last commit, whose mirror is data/raw. Quick runs before and
after the script, with another seed each time, because a machine's speed drifts.
"""

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
from digits.core.files import read_json

RECIPES, RAW = Path("studies/recipes/params.yaml"), Path("data/raw/mnist")
# How often quick runs before the script, and again after it.
RUNS = 3


def main() -> None:
    """Train as the article's script does."""
    import keras

    article = params.load(recipe=f"{RECIPES}:flyai")
    data = [store.load(Path("data/processed", f"{part}.npz"), "preprocess") for part in ("train", "validation")]
    train, held_out = (
        (each.images[..., None].astype("float32") / 255, keras.utils.to_categorical(each.labels)) for each in data
    )
    model = keras.Sequential([keras.Input((store.SIDE, store.SIDE, 1))])
    for spec in article.train.network:
        model.add(_make(keras.layers, spec))
    optimizer, loss = _make(keras.optimizers, article.train.optimizer), _make(keras.losses, article.train.loss)
    model.compile(optimizer, loss, metrics=["accuracy"])
    generator = keras.src.legacy.preprocessing.image.ImageDataGenerator(
        rotation_range=article.augment.rotation,
        zoom_range=article.augment.zoom,
        width_shift_range=article.augment.shift,
        height_shift_range=article.augment.shift,
    )
    flow = generator.flow(*train, batch_size=article.train.batch_size)
    # One line for each epoch.
    model.fit(flow, epochs=article.train.epochs, validation_data=held_out, verbose=2)


def _make(module: Any, spec: dict[str, dict[str, Any]]) -> Any:
    ((name, arguments),) = spec.items()
    return getattr(module, name)(**arguments)


def compare() -> None:
    """Print the seconds of the script, of the recipe quick and of the whole pipeline, and ratios to the script's."""
    if not RAW.is_dir():
        raise InputError(f"{RAW}: no such folder; make it with: dvc repro preprocess")
    runs = [quick(seed) for seed in range(RUNS)]
    _tell("the article's script")
    script = processes.run_module("benchmarks.article", shown=True).seconds
    runs += [quick(seed) for seed in range(RUNS, 2 * RUNS)]
    _tell("dvc repro")
    whole = pipeline()
    seconds, accuracies = zip(*runs, strict=True)
    print(table(script, seconds, accuracies, whole))


def quick(seed: int) -> tuple[float, float]:
    """Augment and train the recipe quick with this seed: return the seconds, and the accuracy on the validation set."""
    recipe = params.check(params.read(RECIPES), RECIPES, dict[str, dict[str, Any]])["quick"]
    with tempfile.TemporaryDirectory() as folder:
        costs, _ = processes.train(recipe, seed, Path(folder))
        seconds = sum(cost.seconds for cost in costs)
        accuracy = float(read_json(Path(folder, "metrics", "validation.json"), "train")["accuracy"])
    _tell(f"quick with seed {seed}: {seconds:.1f} s, validation accuracy {accuracy:.2%}")
    return seconds, accuracy


def pipeline() -> float:
    """Return the seconds of dvc repro in a fresh clone, which has an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "digits")
        processes.run("git", "clone", "--quiet", ".", str(clone))
        os.environ["MNIST_MIRROR"] = str(RAW.resolve())
        return processes.run_module("dvc", "repro", folder=clone, shown=True).seconds


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
