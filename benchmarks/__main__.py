"""Compare whole trainings on this machine: accuracy, time, speed and memory.

    python -m benchmarks                        our recipes and those of the articles
    python -m benchmarks quick:5 flyai default  some of them; quick with five seeds
    python -m benchmarks article                quick and the whole pipeline against an article's script as written

The recipes are those of studies/params.yaml, and "default", which is the root's params.yaml. Each is trained and tested
by the stages of studies/, in a clone of the last commit, on data/processed (made by dvc repro preprocess). Seconds are
those of the whole command that augments, trains and validates, including imports.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import article, processes
from digits.core import params
from digits.core.errors import InputError, run_main


class Row(NamedTuple):
    """One training: total seconds, images and operations per second during the epochs, peak bytes, test accuracy."""

    seconds: float
    images_per_second: float
    operations_per_second: float
    peak: int
    accuracy: float


def main() -> None:
    recipes = ["default", *params.read(Path("studies/params.yaml"))["recipes"]]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Train recipes and compare them.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME[:SEEDS]", default=recipes,
        help=f"article, or some of {', '.join(recipes)}; default: all of these",
    )  # fmt: skip
    names = parser.parse_args().names
    if names == ["article"]:
        article.compare()
        return
    runs = [name.partition(":") for name in names]
    for name, colon, seeds in runs:
        if name not in recipes:
            raise InputError(f"no recipe {name!r}; choose from {', '.join(recipes)}")
        if colon and not (seeds.isdecimal() and int(seeds)):
            raise InputError(f"{name}:{seeds}: the number of seeds should be 1 or more")
    rate = processes.matmul_rate()
    print(f"matrix multiplication on this machine: {rate / 1e9:.0f} GFLOP/s")
    head = f"{'':20}{'seconds':>9}{'ratio':>7}{'accuracy, mean ± standard deviation':>37}{'images/s':>10}"
    print(f"{head}{'of matmul speed':>17}{'peak MB':>9}")
    first = None
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "digits")
        processes.clone(clone)
        for name, _, seeds in runs:
            rows = [measure(clone, name, seed) for seed in range(int(seeds or 1))]
            seconds, speed, operations, peak, accuracy = (statistics.mean(column) for column in zip(*rows, strict=True))
            first = first or seconds
            deviation = f" ± {statistics.stdev(row.accuracy for row in rows):.2%} ({seeds} seeds)" if rows[1:] else ""
            print(
                f"{name:20}{seconds:9.1f}{seconds / first:7.2f}{f'{accuracy:.2%}{deviation}':>37}{speed:10,.0f}"
                f"{operations / rate:17.0%}{peak / 1e6:9,.0f}",
                flush=True,
            )


def measure(clone: Path, recipe: str, seed: int) -> Row:
    """Train and test one recipe with one seed."""
    cost, results = processes.train(clone, recipe, seed)
    processes.run_module("studies.stages.evaluate", ".".join(results.parts[-2:]), folder=clone)
    speed, test = (json.loads((results / f"{name}.json").read_text(encoding="utf-8")) for name in ("timing", "test"))
    images_per_second = speed["images_per_second"]
    operations_per_second = images_per_second * training_operations(results / "model.keras")
    return Row(cost.seconds, images_per_second, operations_per_second, cost.bytes, test["accuracy"])


def training_operations(path: Path) -> int:
    """Return the floating-point operations per image of a training step, in the convolutions and dense layers.

    The forward pass, the weights' gradients and, except in the first layer, the inputs' gradients take equally many.
    """
    from digits.model import network

    model: Any = network.load(path)[0]
    forward = processes.operations(model)
    return 3 * sum(forward) - forward[0]


if __name__ == "__main__":
    run_main(main)
