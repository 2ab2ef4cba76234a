"""The parameters of a sweep."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from digits.core.params import Params, Section, Seed

# They are the same for all trials: one that trains for longer, or had a luckier seed, is not better.
FIXED = ("train.seed", "train.threads", "train.epochs")


def _searchable(path: str) -> str:
    if path in FIXED or path.split(".")[0] not in ("augment", "train"):
        message = "should be a key of augment or train, but not {fixed}"
        raise PydanticCustomError("fixed", message, {"fixed": ", ".join(FIXED)})
    return path


def _possible(domain: dict[str, list[Any]]) -> dict[str, list[Any]]:
    ((kind, values),) = domain.items()
    ends = [value for value in values if isinstance(value, int if kind == "integer" else int | float)]
    rising = len(ends) == len(values) == 2 and ends[0] < ends[1] and bool not in map(type, ends)
    if kind != "choice" and not (rising and (kind != "loguniform" or ends[0] > 0)):
        message = "should be two {kind}, the smaller one first"
        kinds = {"integer": "integers", "loguniform": "numbers above 0"}
        raise PydanticCustomError("range", message, {"kind": kinds.get(kind, "numbers")})
    return domain


def _several(folds: int) -> int:
    if folds == 1:
        raise PydanticCustomError("folds", "should be 0, or 2 or more")
    return folds


Domain = Annotated[
    dict[
        Literal["uniform", "loguniform", "integer", "choice"],
        Annotated[list[bool | int | float | str], Field(min_length=2)],
    ],
    Field(min_length=1, max_length=1),
    AfterValidator(_possible),
]


class Recipe(Section):
    """Keys of params.yaml under ``name`` in ``file``."""

    file: str
    name: str


class Sweep(Section):
    recipe: Recipe
    space: Annotated[dict[Annotated[str, AfterValidator(_searchable)], Domain], Field(min_length=1)]
    judge: Literal["loss", "accuracy"]
    folds: Annotated[int, Field(ge=0, le=20), AfterValidator(_several)]
    trials: Annotated[int, Field(ge=1, le=10_000)]
    grace_period: Annotated[int, Field(ge=1)]
    reduction_factor: Annotated[int, Field(ge=2)]
    parallel: Annotated[int, Field(ge=1, le=256)]
    seed: Seed


class Compare(Section):
    seeds: Annotated[list[Seed], Field(min_length=2)]


class SweepParams(Params):
    """The root's sections and those of this study."""

    sweep: Sweep
    compare: Compare


def keys(path: str) -> list[str | int]:
    """Return the keys of a ``path`` such as train.network[0].Dense.units."""
    return [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
