"""The sections of params.yaml, all checked before a stage computes anything."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from digits.core.errors import InputError

T = TypeVar("T")
DatasetName = Literal["mnist", "fashion-mnist", "kmnist"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
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


class Batches(Section):
    """Batches, and the equal parts of them that are normalised by themselves."""

    batch_size: Annotated[int, Field(ge=2, le=60_000)]
    virtual_batch_size: Annotated[int, Field(ge=2, le=60_000)]

    @field_validator("virtual_batch_size")
    @classmethod
    def _divides(cls, size: int, others: ValidationInfo) -> int:
        if others.data.get("batch_size", size) % size:
            raise PydanticCustomError("parts", "should divide batch_size, {batch_size}", others.data)
        return size

    @property
    def parts(self) -> int:
        """The number of parts of a batch."""
        return self.batch_size // self.virtual_batch_size


class Train(Batches):
    seed: Seed
    network: Annotated[list[KerasObject], Field(min_length=1, max_length=200)]
    optimizer: KerasObject
    loss: KerasObject
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    keep: Literal["last", "best"]
    calibrate: bool


class Plot(Section):
    examples: Annotated[int, Field(ge=1, le=5)]
    mistakes: Annotated[int, Field(ge=1, le=200)]
    dpi: Annotated[int, Field(ge=50, le=300)]


class Params(Section):
    """All sections."""

    download: Download
    preprocess: Preprocess
    augment: Augment
    train: Train
    plot: Plot


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check every section of ``path``.

    Raises InputError, one line that names the key, its value and what is allowed.
    """
    return check(read(path), path, Params)


def read(path: Path) -> Any:
    """Return the content of a YAML file, as DVC reads it: YAML 1.2.

    Raises InputError if it cannot be read, or has values that JSON cannot express, such as dates and infinity.
    """
    # Here, because reading images does not need it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        json.dumps(content, allow_nan=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run this in the root of the repository") from None
    except (YAMLError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not YAML with only plain values: {' '.join(str(error).split())}") from None
    return content


def check(content: Any, path: Path, schema: type[T]) -> T:
    """Return ``content``, which was read from ``path``, as an instance of ``schema``.

    Raises InputError, one line that names the key, its value and what is allowed.
    """
    try:
        # Via JSON, because strict mode accepts no dictionary for a nested section.
        return TypeAdapter(schema).validate_json(json.dumps(content))
    except ValidationError as error:
        raise InputError("; ".join(f"{path}: {line(details)}" for details in error.errors())) from None


def line(details: Any) -> str:
    """Return one of a ValidationError's errors as a line that names the key, its value and what is allowed."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"]).lstrip(".")
    # In a network from elsewhere it may be anything.
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
