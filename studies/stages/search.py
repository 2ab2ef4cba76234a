"""Search for better parameters of a recipe."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from digits.core import params, store
from digits.core.errors import InputError, run_main
from digits.core.files import write_table, write_text
from digits.core.store import Dataset
from digits.model import checkpoint, network
from studies.stages import entries, training, trials
from studies.stages.entries import FILE, PROCESSED, Entry, Fold
from studies.stages.trials import Measured, Search, Values

PARTS = [PROCESSED / f"{part}.npz" for part in ("train", "validation")]
FOLDER = FILE.parent / "search"


def main() -> None:
    search = trials.load()
    recipe = entries.load(f"recipes.{search.recipe}").model_dump()
    dataset = store.load(PARTS[0], "preprocess")
    own = own_values(recipe, search, len(dataset.task.classes))
    most = search.folds or recipe["train"]["epochs"]
    folds = [Fold(number=number, of=search.folds, seed=search.seed) for number in range(search.folds)]
    for fold in folds[:1]:
        training.split(dataset.labels, fold, f"{FILE}: search.folds")
    rows = trials.run(
        storage({"recipe": recipe, "search": search.model_dump(exclude={"parallel"})}),
        search,
        most,
        [own] + [{}] * (search.trials - 1),
        partial(steps, recipe, folds),
    )
    ended = [row for row in rows if row["ended"]]
    if not ended:
        raise InputError(f"no trial was trained to its end; trial 1: {rows[0]['error']}")
    best = (min if search.judge == "loss" else max)(ended, key=lambda row: float(row[search.judge]))
    for row in rows:
        row["outcome"] = row["error"] or ("best" if row is best else "ended" if row["ended"] else "stopped")
    columns = ("steps", "seconds", "loss", "accuracy", "outcome")
    table = [{"trial": row["trial"], **row["values"], **{key: row[key] for key in columns}} for row in rows]
    write_table(FOLDER / "trials.tsv", table)
    content = replaced(recipe, best["values"]).model_dump(exclude={"fold"})
    write_text(FOLDER / "best.yaml", yaml.safe_dump({"best": content}, sort_keys=False))
    print(f"best: trial {best['trial']}, {trials.summary(best)}")


def storage(content: dict[str, Any]) -> Path:
    """Return where the trials are kept: a file of its own for each set of equal trials."""
    return checkpoint.path(content, PARTS, ["digits", "studies"]).with_suffix(".journal")


def steps(recipe: dict[str, Any], folds: Sequence[Fold], values: Values) -> Iterator[Measured]:
    """Train ``recipe`` with ``values`` at their paths and yield the measures on the validation set after each epoch, or
    if there are ``folds`` of the training set, their means so far after each fold."""
    entry = replaced(recipe, values)
    if not folds:
        yield from epochs(entry, PARTS[0], store.load(PARTS[1], "preprocess"), range(1, entry.train.epochs + 1))
    dataset, done = store.load(PARTS[0], "preprocess"), list[Measured]()
    for fold in folds:
        with tempfile.TemporaryDirectory() as folder:
            kept, held_out = training.split(dataset.labels, fold, "search.folds")
            train = Path(folder, "train.npz")
            store.save(train, dataset.part(kept))
            done += epochs(entry, train, dataset.part(held_out), [entry.train.epochs])
        yield {key: mean(measured[key] for measured in done) for key in done[0]}


def epochs(entry: Entry, train: Path, held_out: Dataset, epochs: Iterable[int]) -> Iterator[Measured]:
    """Train ``entry`` on ``train`` by one thread and yield the measures on ``held_out`` after each of ``epochs``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {"curves": folder / "training.tsv", "state": folder / "state.npz"}
        for trained in training.train(entry, train, held_out, folder, epochs, threads=1, **files):
            yield {key: trained.measured[key] for key in ("loss", "accuracy", "errors")}


def own_values(recipe: dict[str, Any], search: Search, classes: int) -> Values:
    """Return the values that ``recipe`` has for all of ``search.space``.

    Raises InputError, one line that names the key, if it lacks a value or has one outside the range, or if an end of a
    range or a choice is impossible in a network for so many ``classes``.
    """
    own: Values = {}
    for path, domain in search.space.items():
        key = f"{FILE}: search.space.{path}"
        ((kind, values),) = domain.items()
        try:
            own[path] = _at(recipe, keys(path))
        except (KeyError, IndexError, TypeError):
            raise InputError(f"{key}: {search.recipe} has no such key; correct it, or add it to the recipe") from None
        number = kind != "choice" and isinstance(own[path], int | float)
        if not (values[0] <= own[path] <= values[1] if number else own[path] in values):
            raise InputError(f"{key}.{kind}: {values}: should include {own[path]!r}, with which {search.recipe} starts")
        for value in values:
            try:
                train = replaced(recipe, {path: float(value) if kind.endswith("uniform") else value}).train
                network.build(train.network, classes)
                network.make_optimizer(train.optimizer, 1000)
                network.make_loss(train.loss)
            except InputError as error:
                raise InputError(f"{key}.{kind}: {value!r}: {error}") from None
    return own


def replaced(recipe: dict[str, Any], values: Mapping[str, Any]) -> Entry:
    """Return ``recipe``, checked, with ``values`` at their paths. Raises InputError if one of them is impossible."""
    content = deepcopy(recipe)
    for path, value in values.items():
        *parents, last = keys(path)
        _at(content, parents)[last] = value
    return params.check(content, FILE, Entry)


def keys(path: str) -> list[str | int]:
    """Return the keys of a ``path`` such as train.network[0].Dense.units."""
    return [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]


def _at(content: Any, keys: Sequence[str | int]) -> Any:
    for key in keys:
        content = content[key]
    return content


if __name__ == "__main__":
    run_main(main)
