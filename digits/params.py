"""The sections of params.yaml, checked as a whole before a stage computes anything."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digits.errors import InputError

Seed = Annotated[int, Field(ge=0, lt=2**32)]
# A name of Keras's with its arguments, such as {Dense: {units: 10}}.
KerasObject = Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)]


class Section(BaseModel):
    """Keys with their types and ranges; params.yaml has all of them and no other."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Download(Section):
    dataset: Literal["mnist", "fashion-mnist", "kmnist"]
    mirrors: dict[str, list[str]]
    offline: Literal["sample", "fail"]


class Preprocess(Section):
    seed: Seed
    validation: Annotated[int, Field(ge=200, le=59_000)]


class Augment(Section):
    seed: Seed
    passes: Annotated[int, Field(ge=1, le=1000)]
    rotation: Annotated[float, Field(ge=0, le=180)]
    zoom: Annotated[float, Field(ge=0, lt=1)]
    shift: Annotated[float, Field(ge=0, lt=1)]
    shear: Annotated[float, Field(ge=0, lt=90)]
    elastic_alpha: Annotated[float, Field(ge=0)]
    elastic_sigma: Annotated[float, Field(gt=0, le=28)]


class Train(Section):
    seed: Seed
    network: Annotated[list[KerasObject], Field(min_length=1)]
    optimizer: KerasObject
    loss: KerasObject
    batch_size: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    keep: Literal["last", "best"]


class Evaluate(Section):
    shift: Annotated[int, Field(ge=0, le=14)]


class Plot(Section):
    examples: Annotated[int, Field(ge=1, le=100)]
    mistakes: Annotated[int, Field(ge=1, le=1000)]
    dpi: Annotated[int, Field(ge=50, le=600)]


class Params(Section):
    download: Download
    preprocess: Preprocess
    augment: Augment
    train: Train
    evaluate: Evaluate
    plot: Plot


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers, as DVC reads them: PyYAML takes 1e-3, which ``dvc exp run -S`` may write, for a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check every section of ``path``.

    Raises InputError, one line that names the key, its value and what is allowed.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run from the top of the repository") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        # By way of JSON, in which strict sections may lie within each other.
        return Params.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise InputError("; ".join(f"{path}: {_line(details)}" for details in error.errors())) from None


def _line(details: Any) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"]).lstrip(".")
    match details["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key; remove it or correct its spelling"
        case "missing":
            return f"{key}: missing key; add it"
    got = repr(details["input"])
    message = details["msg"].removeprefix("Input should be ")
    return f"{key or 'the whole file'}: {got if len(got) < 80 else got[:77] + '...'} should be {message}"
