"""Smaller versions of the studies, run by real DVC on the offline sample."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from digits.core.files import read_json, read_table
from digits.data import datasets
from tests.repository import Repository, create

RECIPES = ["tf-dnn", "dense"]


def rewrite(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after the studies have run; tests that change it work on a copy."""
    names = ("recipes", "folds", "ensemble", "labels")
    repository = create(tmp_path_factory.mktemp("studies") / "repository", *(f"studies/{name}" for name in names))
    repository.set(train={"epochs": 1})
    recipes, folds, ensemble, labels = (repository.path / "studies" / name for name in names)
    (recipes / "README.md").unlink()
    for output in ("dvc.lock", "comparison.png", "curves.tsv", "metrics.json", "growth.tsv", "growth.png"):
        for folder in (recipes, folds, ensemble, labels):
            (folder / output).unlink(missing_ok=True)
    for path in labels.glob("doubtful.*"):
        path.unlink()

    pipeline = read(recipes / "dvc.yaml")
    pipeline["vars"] = [{"recipes": RECIPES}]
    rewrite(recipes / "dvc.yaml", pipeline)
    rewrite(
        recipes / "articles.yaml",
        [
            {**article, "recipes": kept}
            for article in read(recipes / "articles.yaml")
            if (kept := {name: claim for name, claim in article["recipes"].items() if name in RECIPES})
        ],
    )
    blocks = {name: block for name, block in read(recipes / "params.yaml").items() if name in RECIPES}
    for block in blocks.values():
        block["train"]["epochs"] = 1
    rewrite(recipes / "params.yaml", blocks)

    split = read(folds / "params.yaml")
    split["split"]["folds"]["numbers"] = [0, 1]
    split["recipe"] = {"file": "studies/folds/params.yaml", "name": "fewer-epochs"}
    split["fewer-epochs"] = {"augment": {"passes": 1}, "train": {"epochs": 1, "calibrate": False}}
    rewrite(folds / "params.yaml", split)

    pipeline = read(ensemble / "dvc.yaml")
    pipeline["vars"] = [{"members": ["seed-1"]}]
    rewrite(ensemble / "dvc.yaml", pipeline)
    rewrite(ensemble / "params.yaml", {"seed-1": {"train": {"seed": 1}}})

    repository.commit("start")
    repository.run("dvc", "repro")
    for name in names:
        repository.run("dvc", "--cd", f"studies/{name}", "repro")
    repository.commit("a run")
    return repository


def test_the_recipes_are_compared_with_each_other_and_the_default(studied: Repository) -> None:
    folder = studied.path / "studies" / "recipes"
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert [line.split()[1] for line in page.splitlines() if line.startswith("| ")][1:] == [*RECIPES, "default"]
    assert "of mnist-sample" in page
    for name in RECIPES:
        errors = read_json(folder / "runs" / name / "metrics" / "test.json", "evaluate")["errors"]
        assert any(line.startswith(f"| {name} |") and f"| {errors} |" in line for line in page.splitlines())
        assert (folder / "runs" / name / "plots" / "figures" / "augmentation.png").exists()
    assert [row["recipe"] for row in read_table(folder / "curves.tsv", "compare", {"recipe": str})] == RECIPES
    assert "tf-dnn" in studied.run("dvc", "--cd", "studies/recipes", "plots", "show", "curves.tsv", "--show-vega")


def test_comparisons_are_in_git_and_models_are_not(studied: Repository) -> None:
    tracked = studied.run("git", "ls-files", "studies").splitlines()
    assert {f"studies/recipes/{name}" for name in ("README.md", "comparison.png", "curves.tsv")} < set(tracked)
    assert "studies/folds/metrics.json" in tracked
    assert {f"studies/labels/{name}" for name in ("metrics.json", "doubtful.csv", "doubtful.png")} < set(tracked)
    assert not [path for path in tracked if path.endswith((".keras", ".npz"))]


def test_a_second_run_does_nothing(studied: Repository) -> None:
    for name in ("recipes", "folds", "ensemble", "labels"):
        assert "Running stage" not in studied.run("dvc", "--cd", f"studies/{name}", "repro")


def test_changing_one_recipe_does_not_affect_the_others(studied: Repository, tmp_path: Path) -> None:
    copy = studied.copy(tmp_path / "copy")
    file = copy.path / "studies" / "recipes" / "params.yaml"
    blocks = read(file)
    blocks["dense"]["train"]["epochs"] = 2
    rewrite(file, blocks)
    output = copy.run("dvc", "--cd", "studies/recipes", "repro", "--dry")
    ran = {stage for stage in ("augment@dense", "train@dense", "train@tf-dnn") if f"Running stage '{stage}'" in output}
    assert ran == {"train@dense"}


def test_the_folds_are_averaged(studied: Repository) -> None:
    measured = read_json(studied.path / "studies" / "folds" / "metrics.json", "average")
    assert measured["dataset"] == "mnist-sample"
    assert set(measured["fold"]) == {"0", "1"}
    # All images of the sample but its test set, each held out once.
    assert measured["together"]["images"] == 4300
    accuracies = [fold["accuracy"] for fold in measured["fold"].values()]
    assert measured["accuracy_mean"] == pytest.approx(sum(accuracies) / 2)


def test_the_labels_are_judged_by_the_folds(studied: Repository) -> None:
    folder = studied.path / "studies" / "labels"
    measured = read_json(folder / "metrics.json", "audit")
    folds = read_json(studied.path / "studies" / "folds" / "metrics.json", "average")
    assert measured["dataset"] == "mnist-sample"
    assert (measured["images"], measured["errors"]) == (4300, folds["together"]["errors"])
    rows = read_table(folder / "doubtful.csv", "audit", {"image": int, "label": int})
    assert len(rows) == max(50, measured["doubtful"])
    labels = datasets.read(studied.path / "data" / "raw" / "mnist-sample")[0].labels
    assert [row["label"] for row in rows] == [labels[row["image"]] for row in rows]


def test_missing_predictions_of_the_folds_are_reported(studied: Repository, tmp_path: Path) -> None:
    copy = studied.copy(tmp_path / "copy")
    (copy.path / "studies" / "folds" / "predictions.npz").unlink()
    output = copy.run("dvc", "--cd", "studies/labels", "repro", code=255)
    (error,) = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    assert "predictions.npz" in error
    assert "Traceback" not in output


def test_the_ensemble_has_the_roots_model_and_others(studied: Repository) -> None:
    measured = read_json(studied.path / "studies" / "ensemble" / "metrics.json", "ensemble")
    assert measured["dataset"] == "mnist-sample"
    assert measured["member"]["default"]["errors"] == studied.metrics("test")["errors"]
    assert measured["member"]["default"]["loss"] != measured["member"]["seed-1"]["loss"]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([], "folds.numbers: "),
        ([0], "folds.numbers: "),
        ([0, 2], "folds.numbers: "),
        (list(range(1000)), "folds.numbers: "),
        (4, "'dvc.yaml': expected list"),
    ],
)
def test_an_impossible_number_of_folds_is_reported(
    studied: Repository, tmp_path: Path, numbers: Any, message: str
) -> None:
    copy = studied.copy(tmp_path / "copy")
    file = copy.path / "studies" / "folds" / "params.yaml"
    content = read(file)
    content["split"]["folds"]["numbers"] = numbers
    rewrite(file, content)
    output = copy.run("dvc", "--cd", "studies/folds", "repro", "fold", code=255)
    assert message in output
    assert "Traceback" not in output


def test_an_unknown_recipe_is_reported(studied: Repository) -> None:
    output = studied.run("dvc", "--cd", "studies/recipes", "repro", "train@lenet", code=255)
    assert "train@lenet" in output
    assert "Traceback" not in output
    output = studied.run("python", "-m", "stages.train", "--recipe", "studies/recipes/params.yaml:lenet", code=1)
    (error,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert error == "error: studies/recipes/params.yaml: no recipe 'lenet'; it has tf-dnn, dense"


def test_an_unknown_recipe_for_the_folds_is_reported(studied: Repository, tmp_path: Path) -> None:
    copy = studied.copy(tmp_path / "copy")
    file = copy.path / "studies" / "folds" / "params.yaml"
    rewrite(file, read(file) | {"recipe": {"file": "studies/recipes/params.yaml", "name": "lenet"}})
    output = copy.run("dvc", "--cd", "studies/folds", "repro", code=255)
    assert "lenet" in output
    assert "Traceback" not in output


def test_running_a_fold_again_leaves_dvc_lock_unchanged(studied: Repository, tmp_path: Path) -> None:
    copy = studied.copy(tmp_path / "copy")
    copy.run("dvc", "--cd", "studies/folds", "repro", "--force", "--single-item", "train@0")
    copy.run("dvc", "--cd", "studies/folds", "repro")
    assert copy.run("git", "status", "--short", "studies/folds") == ""
