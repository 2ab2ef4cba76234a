"""The sections of params.yaml, all checked before a stage computes anything."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from digits.core import plain_yaml
from digits.core.errors import InputError

T = TypeVar("T")
DatasetName = Literal["mnist", "fashion-mnist", "kmnist"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Threads = Annotated[int, Field(ge=1, le=256)]
Share = Annotated[float, Field(ge=0, le=1)]
Pixels = Annotated[float, Field(gt=0, le=10_000)]
# The name of a Keras class with its arguments, such as {Dense: {units: 10}}.
KerasObject = Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)]


class Section(BaseModel):
    """Keys with their types and ranges; params.yaml must have all of them and no others."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Download(Section):
    dataset: Literal["mnist", "fashion-mnist", "kmnist", "folder"]
    path: Annotated[str, Field(min_length=1)]
    mirrors: dict[DatasetName, list[str]]
    offline: Literal["sample", "fail"]


class Preprocess(Section):
    seed: Seed
    validation: Annotated[int, Field(ge=200, le=59_000)]
    test: Annotated[int, Field(ge=200, le=59_000)]
    fit: Literal["digit", "resize"]
    polarity: Literal["auto", "light", "dark"]
    unreadable: Literal["skip", "fail"]


class Augment(Section):
    seed: Seed
    passes: Annotated[int, Field(ge=1, le=100)]
    rotation: Annotated[float, Field(ge=0, le=180)]
    zoom: Annotated[float, Field(ge=0, lt=1)]
    shift: Annotated[float, Field(ge=0, lt=1)]
    shear: Annotated[float, Field(ge=0, lt=90)]
    elastic_alpha: Annotated[float, Field(ge=0, le=1000)]
    elastic_sigma: Annotated[float, Field(gt=0, le=28)]


class Train(Section):
    seed: Seed
    threads: Threads
    network: Annotated[list[KerasObject], Field(min_length=1, max_length=200)]
    optimizer: KerasObject
    loss: KerasObject
    batch_size: Annotated[int, Field(ge=1, le=60_000)]
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    keep: Literal["last", "best"]
    calibrate: bool


class Evaluate(Section):
    shift: Annotated[int, Field(ge=0, le=14)]


class Plot(Section):
    examples: Annotated[int, Field(ge=1, le=5)]
    mistakes: Annotated[int, Field(ge=1, le=200)]
    dpi: Annotated[int, Field(ge=50, le=300)]


class Params(Section):
    """All sections. A study with a section of its own extends this class."""

    download: Download
    preprocess: Preprocess
    augment: Augment
    train: Train
    evaluate: Evaluate
    plot: Plot


def load(path: Path = Path("params.yaml"), recipe: str | None = None, schema: type[Params] = Params) -> Params:
    """Read and check every section of ``path``, after replacing the keys that ``recipe``, FILE:NAME, sets.

    Raises InputError, one line that names the key, its value and what is allowed.
    """
    content = read(path)
    if recipe is not None:
        file, colon, name = recipe.rpartition(":")
        if not colon:
            raise InputError(f"recipe {recipe!r}: should be FILE:NAME")
        recipes = read(Path(file))
        if not isinstance(recipes, dict) or not isinstance(recipes.get(name), dict):
            known = ", ".join(map(str, recipes)) if isinstance(recipes, dict) else "none"
            raise InputError(f"{file}: no recipe {name!r}; it has {known}")
        check(content, path, Params)
        content, path = _merged(content, recipes[name]), Path(recipe)
    return check(content, path, schema)


def load_recipes(file: Path) -> dict[str, Params]:
    """Read every recipe in ``file`` as ``load`` does, with the same errors."""
    return {name: load(recipe=f"{file}:{name}") for name in check(read(file), file, dict[str, dict[str, Any]])}


def read(path: Path) -> Any:
    """Return the content of a YAML file. Raises InputError if it cannot be read, or holds what JSON cannot express."""
    try:
        return plain_yaml.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run this in the root of the repository") from None
    except ValueError as error:
        raise InputError(f"{path}: not YAML with only plain values: {error}") from None


def check(content: Any, path: Path, schema: type[T]) -> T:
    """Return ``content``, which was read from ``path``, as an instance of ``schema``.

    Raises InputError, one line that names the key, its value and what is allowed.
    """
    try:
        # Via JSON, because strict mode accepts no dictionary for a nested section.
        return TypeAdapter(schema).validate_json(json.dumps(content))
    except ValidationError as error:
        raise InputError("; ".join(f"{path}: {line(details)}" for details in error.errors())) from None


def _merged(content: Any, recipe: dict[str, Any]) -> Any:
    if not isinstance(content, dict):
        return content
    both = {
        section: {**content[section], **keys}
        if isinstance(content.get(section), dict) and isinstance(keys, dict)
        else keys
        for section, keys in recipe.items()
    }
    return {**content, **both}


def line(details: Any) -> str:
    """Return one of a ValidationError's errors as a line that names the key, its value and what is allowed."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"]).lstrip(".")
    # A file may be a stranger's.
    key = key if key.isprintable() else repr(key)
    match details["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key; remove it or correct its spelling"
        case "missing":
            return f"{key}: missing key; add it"
    got = repr(details["input"])
    message = details["msg"].replace("Input should", "should")
    message = message.replace("an object", "a mapping").replace("a valid array", "a list")
    return f"{key or 'the whole file'}: {got if len(got) < 80 else got[:77] + '...'}: {message}"
