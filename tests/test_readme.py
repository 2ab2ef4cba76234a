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


def percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


def interval(measured: dict[str, Any]) -> str:
    low, high = (100 * measured[f"accuracy_{end}"] for end in ("low", "high"))
    return f"{percent(measured['accuracy'])} ({low:.2f} to {high:.2f})"


def test_the_readme_tells_the_results_of_the_root() -> None:
    validation, test, unshifted = (result(f"metrics/{name}.json") for name in ("validation", "test", "unshifted"))
    assert not missing(
        "README.md",
        [
            f"| images | {validation['images']:,} | {test['images']:,} |",
            f"| errors | {validation['errors']} | {test['errors']} |",
            f"| accuracy (95 % interval) | {interval(validation)} | {interval(test)} |",
            f"| expected calibration error | {percent(validation['ece'])} | {percent(test['ece'])} |",
            f"without this averaging: {unshifted['errors']} errors",
            f"trained for {yaml.safe_load(head('params.yaml'))['train']['epochs']} epochs",
        ],
    )


def test_the_readme_tells_the_results_of_the_studies() -> None:
    ensemble, small = (result(f"studies/{path}.json") for path in ("ensemble/metrics", "small/metrics/test"))
    mean, deviation = (percent(ensemble[f"accuracy_{name}"]) for name in ("mean", "deviation"))
    facts = [
        f"[{mean} ± {deviation} each, {percent(ensemble['together']['accuracy'])} together]",
        f"[{percent(small['accuracy'])}]",
    ]
    assert not missing("README.md", facts)


def test_the_page_on_studies_tells_the_results_of_the_ensemble() -> None:
    ensemble = result("studies/ensemble/metrics.json")
    together, images = ensemble["together"], ensemble["together"]["images"]
    shifted, unshifted = (
        f"{images * (1 - each['accuracy_mean']):.1f} ± {images * each['accuracy_deviation']:.1f}"
        for each in (ensemble, ensemble["unshifted"])
    )
    facts = [
        f"{shifted} errors of {images:,} when averaged over shifted copies, {unshifted} without",
        f"models together make {together['errors']} errors",
    ]
    assert not missing("studies/README.md", facts)


def test_the_page_on_labels_tells_its_results() -> None:
    labels = result("studies/labels/metrics.json")
    share = percent(labels["doubtful"] / labels["images"])
    facts = [
        f"Of {labels['images']:,} labels, {labels['doubtful']} are doubtful: {share}.",
        f"The folds misread {labels['errors']} images",
    ]
    assert not missing("studies/labels/README.md", facts)


def test_the_page_on_the_sweep_tells_its_results() -> None:
    compared = result("studies/sweep/metrics.json")
    facts = [
        f"| {', '.join(map(str, each['errors']))} "
        f"| {percent(each['accuracy_mean'])} ± {percent(each['accuracy_deviation'])} "
        f"| {each['loss_mean']:.4f} ± {each['loss_deviation']:.4f} |"
        for each in (compared["start"], compared["best"])
    ]
    assert not missing("studies/sweep/README.md", facts)
