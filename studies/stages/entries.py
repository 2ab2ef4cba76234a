"""The trainings that studies/params.yaml names: its recipes, seeds, lengths, folds and distillations."""

import argparse
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from digits.core import params
from digits.core.errors import InputError
from digits.core.params import Augment, Section, Seed, Train
from digits.core.store import Dataset

FILE = Path("studies/params.yaml")
RUNS = Path("studies/runs")
COPIES, TEACHERS = RUNS / "copies", RUNS / "teachers"
PROCESSED = Path("data/processed")


class Fold(Section):
    """A fold of the images: its number, counted from 0, of how many, and the seed of the split."""

    number: Annotated[int, Field(ge=0)]
    of: Annotated[int, Field(ge=2)]
    seed: Seed

    @model_validator(mode="after")
    def _exists(self) -> "Fold":
        if self.number >= self.of:
            raise PydanticCustomError("number", "number should be less than of")
        return self


class Entry(Section):
    """A recipe. If it has a fold, it is trained without the images of that fold, and measured on them."""

    augment: Augment
    train: Train
    fold: Fold | None = None


class Distillation(Section):
    """A network that learns what its ``teachers``, names of seeds, see in each augmented copy of all images."""

    teachers: Annotated[list[str], Field(min_length=1)]
    augment: Augment
    train: Train


class Groups(BaseModel):
    """The entries of each group by their names. The file has other sections, too."""

    recipes: dict[str, dict[str, Any]]
    seeds: dict[str, dict[str, dict[str, Any]]]
    lengths: dict[str, dict[str, dict[str, Any]]]
    distilled: dict[str, dict[str, dict[str, Any]]]
    folds: dict[str, dict[str, Any]]


def groups() -> dict[str, dict[str, Any]]:
    """Return the entries of studies/params.yaml by group and name, as they are written."""
    return params.check(params.read(FILE), FILE, Groups).model_dump()


def distillation() -> Distillation:
    """Return the section distillation of studies/params.yaml."""

    class File(BaseModel):
        distillation: Distillation

    return params.check(params.read(FILE), FILE, File).distillation


def load(name: str) -> Entry:
    """Return the entry with this ``name``, such as recipes.quick.

    The keys of a seed or length replace those of the root's params.yaml; those of a distilled network, the section
    distillation's.
    Raises InputError, one line that names the key, its value and what is allowed.
    """
    group, _, key = name.partition(".")
    known = groups()
    if key not in known.get(group, {}):
        names = ", ".join(f"{group}.{key}" for group, entries in known.items() for key in entries)
        raise InputError(f"{FILE}: no entry {name!r}; it has {names}")
    entry = known[group][key]
    if group in ("seeds", "lengths", "distilled"):
        whole = distillation() if group == "distilled" else params.load()
        root = whole.model_dump(include={"augment", "train"})
        entry = root | {section: root.get(section, {}) | keys for section, keys in entry.items()}
    return params.check({group: {key: entry}}, FILE, dict[str, dict[str, Entry]])[group][key]


def joined(train: Dataset, validation: Dataset) -> Dataset:
    """Return the training images, followed by the validation images."""
    images = np.concatenate([train.images, validation.images])
    labels = np.concatenate([train.labels, validation.labels])
    return train._replace(images=images, labels=labels)


def refuse_choices(name: str, train: Train, why: str) -> None:
    """Raise InputError, which says ``why``, if the training would choose an epoch or a temperature."""
    if train.keep != "last":
        raise InputError(f"{name}.train.keep: should be last: {why}")
    if train.calibrate:
        raise InputError(f"{name}.train.calibrate: should be false: {why}")


def named(description: str | None) -> tuple[str, Entry, Path]:
    """Return the name that is the program's argument, its entry, and the folder of its results."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("name", metavar="GROUP.NAME", help=f"an entry of {FILE}, such as recipes.quick")
    name = parser.parse_args().name
    return name, load(name), RUNS.joinpath(*name.split(".", 1))
