"""Compare whole trainings on this machine: accuracy, time, speed and memory.

    python -m benchmarks                        our recipes and those of the articles
    python -m benchmarks quick:5 flyai default  some of them; quick with five seeds
    python -m benchmarks article                quick and the whole pipeline against an article's script as written

The recipes are those of studies/recipes/params.yaml, and "default", which is the root's params.yaml. Each is augmented,
trained and tested by the pipeline's own stages, in a temporary folder, on data/processed (made by dvc repro
preprocess). Seconds are those of the whole commands that augment and train, including imports.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import article, processes
from digits.core import params
from digits.core.errors import InputError, run_main
from digits.core.files import read_json

RECIPES = Path("studies/recipes/params.yaml")


class Row(NamedTuple):
    """One training: total seconds, images and operations per second during the epochs, peak bytes, test accuracy."""

    seconds: float
    images_per_second: float
    operations_per_second: float
    peak: int
    accuracy: float


def main() -> None:
    recipes = params.check(params.read(RECIPES), RECIPES, dict[str, dict[str, Any]]) | {"default": {}}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Train recipes and compare them.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME[:SEEDS]", default=["default", *recipes][:-1],
        help=f"default: all of {', '.join(recipes)}",
    )  # fmt: skip
    names = parser.parse_args().names
    if "article" in names:
        if len(names) > 1:
            raise InputError("article: give it alone")
        article.compare()
        return
    chosen = [name.partition(":") for name in names]
    for name, _, seeds in chosen:
        if name not in recipes:
            raise InputError(f"no recipe {name!r}; choose from {', '.join(recipes)}")
        if seeds and not (seeds.isdecimal() and int(seeds)):
            raise InputError(f"{name}:{seeds}: the number of seeds should be 1 or more")
    rate = processes.matmul_rate()
    print(f"matrix multiplication on this machine: {rate / 1e9:.0f} GFLOP/s")
    head = f"{'':20}{'seconds':>9}{'ratio':>7}{'accuracy, mean ± standard deviation':>37}{'images/s':>10}"
    print(f"{head}{'of matmul speed':>17}{'peak MB':>9}")
    first = None
    for name, _, seeds in chosen:
        rows = [measure(recipes[name], seed) for seed in range(int(seeds or 1))]
        seconds, speed, operations, peak, accuracy = (statistics.mean(column) for column in zip(*rows, strict=True))
        first = first or seconds
        deviation = f" ± {statistics.stdev(row.accuracy for row in rows):.2%} ({seeds} seeds)" if len(rows) > 1 else ""
        print(
            f"{name:20}{seconds:9.1f}{seconds / first:7.2f}{f'{accuracy:.2%}{deviation}':>37}{speed:10,.0f}"
            f"{operations / rate:17.0%}{peak / 1e6:9,.0f}",
            flush=True,
        )


def measure(recipe: dict[str, Any], seed: int) -> Row:
    """Augment, train and test one recipe with one seed."""
    with tempfile.TemporaryDirectory() as folder:
        costs, options = processes.train(recipe, seed, Path(folder))
        processes.run_module("stages.evaluate", *options)
        timing = read_json(Path(folder) / "metrics" / "timing.json", "train")
        test = read_json(Path(folder) / "metrics" / "test.json", "evaluate")
        network = params.load(recipe=options[1]).train.network
    return Row(
        sum(cost.seconds for cost in costs),
        timing["images_per_second"],
        timing["images_per_second"] * operations(network),
        max(cost.bytes for cost in costs),
        test["accuracy"],
    )


def operations(layers: list[dict[str, dict[str, Any]]]) -> int:
    """Return the floating-point operations per image of a training step, in the convolutions and dense layers.

    The forward pass, the weights' gradients and, except in the first layer, the inputs' gradients take equally many.
    """
    from digits.model import network

    forward = processes.operations(network.build(layers))
    return 3 * sum(forward) - forward[0]


if __name__ == "__main__":
    run_main(main)
