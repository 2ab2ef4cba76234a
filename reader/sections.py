"""The sections of reader/params.yaml, each checked by the stage that reads it."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from digits.core import params
from digits.core.errors import InputError
from digits.core.params import KerasObject, Section, Seed, Threads

FILE = Path("reader/params.yaml")
S = TypeVar("S", bound=Section)
Channels = Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=5, max_length=5)]


class Trained(Section):
    """What both networks are trained with."""

    seed: Seed
    threads: Threads
    steps: Annotated[int, Field(ge=10, le=1_000_000)]
    batch_size: Annotated[int, Field(ge=1, le=1000)]
    examples: Annotated[int, Field(ge=1, le=1000)]
    optimizer: KerasObject


def load(name: str, schema: type[S]) -> S:
    """Return the section ``name``. Raises InputError, one line that names the key, its value and what is allowed."""
    content = params.read(FILE)
    if not isinstance(content, dict) or name not in content:
        raise InputError(f"{FILE}: {name}: missing key; add it")
    return params.check(content[name], Path(f"{FILE}: {name}"), schema)
