"""The parameters of a cross-validation."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from digits.core.params import Params, Section, Seed


def _from_zero(numbers: list[int]) -> list[int]:
    if len(numbers) < 2:
        raise PydanticCustomError("count", "should be two or more, as in [0, 1, 2, 3]")
    if numbers != list(range(len(numbers))):
        raise PydanticCustomError("count", "should count from 0, as in [0, 1, 2, 3]")
    return numbers


class Folds(Section):
    """The seed of the split, and the numbers of the folds, counted from 0."""

    seed: Seed
    numbers: Annotated[list[int], AfterValidator(_from_zero)]


class FoldsParams(Params):
    """The root's sections and the section of this study."""

    folds: Folds
