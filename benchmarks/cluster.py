"""Compare the cluster with what it replaces on this machine: independent trainings, stages and reading images.

    python -m benchmarks.cluster                        all of them
    python -m benchmarks.cluster read --images 100000   one of them

trainings: the folds of studies/, and the recipe quick with five seeds, each from nothing but the root's outputs (made
by dvc repro), in a clone in a temporary folder: by the cluster and by DVC with undivided batches, by DVC with
batches in two parts
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

FOLDS, SEEDS = ["folds"], [f"recipe@seed{seed}" for seed in range(5)]
STAGES = 10
# Who runs the trainings, and into how many parts each divides its batches.
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
    for name, targets in (("folds", FOLDS), ("quick with five seeds", SEEDS)):
        seconds = []
        for by, parts in tqdm(RUNS, desc=name):
            clone = folder / f"{name}-{by}-{parts}"
            prepare(clone, parts)
            command = ["dvc", "--cd", "studies", "repro", *targets]
            if by == "cluster":
                command = ["cluster", "repro", *(f"studies:{target}" for target in targets)]
            seconds.append(processes.run_module(*command, folder=clone).seconds)
        cluster, one, two = seconds
        print(f"{name}: cluster {cluster:.0f} s, dvc repro {one:.0f} s ({one / cluster:.2f} times as long)", end="")
        print(f", with two parts {two:.0f} s ({two / cluster:.2f} times)")


def stages(folder: Path, _: int) -> None:
    first, all_of_them = (copies(folder / str(count), count) for count in (1, 1 + STAGES))
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


def prepare(clone: Path, parts: int) -> None:
    """Make a clone with the root's outputs, and trainings whose batches have so many parts."""
    processes.run("git", "clone", "--quiet", ".", str(clone))
    processes.run("dvc", "cache", "dir", "--local", str(Path(".dvc/cache").resolve()), folder=clone)
    processes.run("dvc", "checkout", "--quiet", folder=clone)
    file = clone / "studies" / "params.yaml"
    params: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    quick = params["recipes"]["quick"]
    params["recipes"] |= {f"seed{seed}": {**quick, "train": {**quick["train"], "seed": seed}} for seed in range(5)}
    for entry in (*params["recipes"].values(), *params["folds"].values()):
        entry["train"]["virtual_batch_size"] = entry["train"]["batch_size"] // parts
    file.write_text(yaml.safe_dump(params), encoding="utf-8")


def copies(clone: Path, count: int) -> float:
    """Return the seconds of a pipeline, in a clone, in which so many stages copy a file, one after another."""
    processes.run("git", "clone", "--quiet", ".", str(clone))
    stages, folder = dict[str, Any](), clone / "chain"
    for number in range(count):
        old, new = f"file{number}", f"file{number + 1}"
        stages[f"copy{number}"] = {"cmd": f"cp {old} {new}", "deps": [old], "outs": [new]}
    folder.mkdir()
    processes.run("dvc", "init", "--subdir", "--quiet", folder=folder)
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    (folder / "file0").write_text("content", encoding="utf-8")
    return processes.run_module("cluster", "repro", "chain", folder=clone).seconds


if __name__ == "__main__":
    run_main(main)
