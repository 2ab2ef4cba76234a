"""Compare the cluster with what it replaces on this machine: independent trainings, stages and reading images.

    python -m benchmarks.cluster                        all of them
    python -m benchmarks.cluster read --images 100000   one of them

trainings: the folds of studies/folds, and the recipe quick with five seeds, each from nothing but the root's outputs
(made by dvc repro), in a clone in a temporary folder: by the cluster and by DVC with one thread each, by DVC with two
stages: what a stage costs, beside what it does
read: images of the training set, as PNG files of 28x28 pixels, by one process of digits read and by the cluster
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from tqdm import tqdm

from benchmarks import processes
from digits.core import store
from digits.core.errors import InputError, run_main

FOLDS, SEEDS, CHAIN = "studies/folds", "seeds", "chain"
STAGES = 10
# Who runs the trainings, with how many threads each.
RUNS = (("cluster", 1), ("dvc", 1), ("dvc", 2))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description="Compare the cluster with DVC.")
    parts = {"trainings": trainings, "stages": stages, "read": read}
    parser.add_argument(
        "parts", nargs="*", metavar="PART", default=[*parts], help=f"default: all of {', '.join(parts)}"
    )
    parser.add_argument("--images", type=int, default=20_000, help="to read; default: 20000")
    given = parser.parse_args()
    if unknown := {*given.parts} - {*parts}:
        raise InputError(f"no part {unknown.pop()!r}; choose from {', '.join(parts)}")
    for part in given.parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[part](Path(folder), given.images)


def trainings(folder: Path, _: int) -> None:
    for name in (FOLDS, SEEDS):
        seconds = [run(folder / f"{name}-{by}-{threads}", name, by, threads) for by, threads in tqdm(RUNS, desc=name)]
        cluster, one, two = seconds
        print(f"{name}: cluster {cluster:.0f} s, dvc repro {one:.0f} s ({one / cluster:.2f} times as long)", end="")
        print(f", with two threads {two:.0f} s ({two / cluster:.2f} times)")


def stages(folder: Path, _: int) -> None:
    first, all_of_them = (run(folder / str(count), CHAIN, "cluster", count) for count in (0, STAGES))
    print(f"one stage that copies a file: {first:.1f} s; each further one: {(all_of_them - first) / STAGES:.2f} s")


def read(folder: Path, count: int) -> None:
    images = store.load(Path("data/processed/train.npz"), "preprocess").images
    for number in tqdm(range(count), desc="images"):
        file = folder / "images" / f"{number // 1000}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number % len(images)]).save(file)
    digits = processes.run_module("digits", "read", str(folder / "images"), "--json").seconds
    cluster = processes.run_module("cluster", "read", str(folder / "images"), "--out", str(folder / "out")).seconds
    print(f"{count} images: digits read {count / digits:.0f} a second, ", end="")
    print(f"cluster read {count / cluster:.0f} ({digits / cluster:.2f} times as many)")


def run(clone: Path, name: str, by: str, count: int) -> float:
    """Return the seconds of the pipeline in the folder ``name`` of a clone made by ``prepare``."""
    prepare(clone, count)
    command = ["cluster", "repro", name] if by == "cluster" else ["dvc", "--cd", name, "repro"]
    return processes.run_module(*command, folder=clone).seconds


def prepare(clone: Path, count: int) -> None:
    """Make a clone with the root's outputs, trainings with ``count`` threads, and a chain of ``count`` + 1 stages."""
    processes.run("git", "clone", "--quiet", ".", str(clone))
    processes.run("dvc", "cache", "dir", "--local", str(Path(".dvc/cache").resolve()), folder=clone)
    processes.run("dvc", "checkout", "--quiet", folder=clone)
    path = clone / "studies/recipes/params.yaml"
    recipes: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    recipes["quick"]["train"]["threads"] = count
    path.write_text(yaml.safe_dump(recipes), encoding="utf-8")
    seeds = {
        f"seed{seed}": {**recipes["quick"], "train": {**recipes["quick"]["train"], "seed": seed}} for seed in range(5)
    }
    write(clone / SEEDS, seeds, {name: training(name) for name in seeds})
    write(clone / CHAIN, {}, {f"copy{number}": copying(number) for number in range(count + 1)})
    (clone / CHAIN / "file0").write_text("content", encoding="utf-8")


def write(folder: Path, params: dict[str, Any], stages: dict[str, Any]) -> None:
    folder.mkdir()
    # A cache of its own: results of one run must not help the next one.
    processes.run("dvc", "init", "--subdir", "--quiet", folder=folder)
    for name, content in (("params.yaml", params), ("dvc.yaml", {"stages": stages})):
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")


def training(name: str) -> dict[str, Any]:
    arguments = f"--recipe {SEEDS}/params.yaml:{name} --folder {SEEDS}/{name}"
    return {
        "cmd": [f"cd .. && python -m stages.{stage} {arguments}" for stage in ("augment", "train")],
        "params": [f"{name}.augment", f"{name}.train"],
        "deps": ["../digits/core", "../digits/data", "../digits/model", "../stages", "../data/processed"],
        "outs": [f"{name}/models/model.keras"],
    }


def copying(number: int) -> dict[str, Any]:
    return {"cmd": f"cp file{number} file{number + 1}", "deps": [f"file{number}"], "outs": [f"file{number + 1}"]}


if __name__ == "__main__":
    run_main(main)
