"""Run a stage as a program: its function's arguments come from params.yaml and the command line."""

import argparse
import hashlib
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import zc.lockfile

from digits.core import params
from digits.core.errors import InputError, run_main
from digits.core.files import writing


def run_stage(stage: Callable[..., None]) -> None:
    """Call ``stage`` with the arguments that its signature names, and end the process as ``run_main`` does.

    params: params.yaml with some keys replaced by ``--recipe FILE:NAME``, checked as the class that annotates it
    recipes: for each name in ``--recipes FILE``, params.yaml with some keys replaced by that recipe
    processed: the folder of train.npz, validation.npz and test.npz
    augmented: the folder of the augmented copies of the training set
    folder: where data/, models/, metrics/ and plots/ of this pipeline are

    The command line has an option for each of them, and for no other.
    """
    names = inspect.signature(stage).parameters
    implied = {"params": "recipe", "augmented": "folder"}
    wanted = {*names, *(implied[name] for name in names if name in implied)}
    parser = argparse.ArgumentParser(description=inspect.getdoc(inspect.getmodule(stage)))
    options: dict[str, tuple[str, str]] = {
        "recipe": ("FILE:NAME", "replace keys of params.yaml by those under NAME in FILE"),
        "recipes": ("FILE", "the recipes to compare, each replacing keys of params.yaml"),
        "processed": ("FOLDER", "where train.npz, validation.npz and test.npz are; default: data/processed"),
        "augmented": ("FOLDER", "where the augmented training sets are; default: data/augmented in --folder"),
        "folder": ("FOLDER", "where this pipeline's data, models, metrics and plots are; default: the current folder"),
    }
    for option, (metavar, text) in options.items():
        if option in wanted:
            parser.add_argument(f"--{option}", metavar=metavar, help=text, required=option == "recipes")
    given = vars(parser.parse_args())
    folder = Path(given.get("folder") or ".")

    def main() -> None:
        values: dict[str, Callable[[], Any]] = {
            "params": lambda: params.load(recipe=given["recipe"], schema=names["params"].annotation),
            "recipes": lambda: params.load_recipes(Path(given["recipes"])),
            "processed": lambda: Path(given["processed"] or "data/processed"),
            "augmented": lambda: Path(given["augmented"] or folder / "data" / "augmented"),
            "folder": lambda: folder,
        }
        with _alone(inspect.getmodule(stage), folder):
            stage(**{name: values[name]() for name in names})

    run_main(main)


@contextmanager
def _alone(module: ModuleType | None, folder: Path) -> Iterator[None]:
    """Raise InputError if another process runs the same stage in this clone: it outlives a dvc that was killed, and
    would replace what this one writes."""
    file = (module and module.__file__) or ""
    name = hashlib.sha256(os.fsencode(f"{file}\n{folder.resolve()}")).hexdigest()[:16]
    path = Path(".dvc", "tmp", "stages", f"{name}.lock")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = zc.lockfile.LockFile(path)
    except zc.lockfile.LockError:
        pid = path.read_text(encoding="utf-8").strip()
        raise InputError(f"{file}: process {pid} runs this stage already; wait until it ends, or stop it") from None
    try:
        yield
    finally:
        # The file stays: if it were deleted, two processes could each lock a file of this name.
        lock.close()
