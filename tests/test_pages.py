"""The figures that the pages tell are those of the results in the last commit."""

import json
from typing import Any

import pytest
import yaml

from tests.repository import has_commit, head

pytestmark = pytest.mark.skipif(not has_commit(), reason="there is no commit")


def result(path: str) -> Any:
    return json.loads(head(path))


def missing(page: str, facts: list[str]) -> list[str]:
    """Return those of ``facts`` that ``page`` does not tell, however its lines are wrapped."""
    text = " ".join(head(page).decode().split())
    return [fact for fact in facts if fact not in text]


def interval(measured: dict[str, Any]) -> str:
    low, high = (100 * measured[f"accuracy_{end}"] for end in ("low", "high"))
    return f"{measured['accuracy']:.2%}".replace("%", " %") + f" ({low:.2f} to {high:.2f})"


def test_the_readme_tells_the_results_of_the_root() -> None:
    validation, test, unshifted = (result(f"metrics/{name}.json") for name in ("validation", "test", "unshifted"))
    assert not missing(
        "README.md",
        [
            f"| images | {validation['images']:,} | {test['images']:,} |",
            f"| errors | {validation['errors']} | {test['errors']} |",
            f"| accuracy (95 % interval) | {interval(validation)} | {interval(test)} |",
            f"| expected calibration error | {100 * validation['ece']:.2f} % | {100 * test['ece']:.2f} % |",
            f"without this averaging: {unshifted['errors']} errors",
            f"trained for {yaml.safe_load(head('params.yaml'))['train']['epochs']} epochs",
        ],
    )
