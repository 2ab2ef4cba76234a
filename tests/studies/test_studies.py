"""All studies but the search, small, by real DVC on the offline sample; and what they are computed with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from digits.core import params
from digits.core.errors import InputError
from digits.core.files import read_json, read_table
from digits.core.store import Dataset
from studies.stages import entries, labels, training
from studies.stages.ensemble import growth
from studies.stages.entries import Entry, Fold
from tests.repository import PARAMS, Repository

TINY: dict[str, Any] = {
    "augment": PARAMS["augment"] | {"passes": 1},
    "train": PARAMS["train"] | {"epochs": 1, "calibrate": False},
}
FLIPPED = [3, 17, 25]
PAGES = ("recipes", "folds", "labels", "ensemble", "accurate")


@pytest.fixture(scope="module")
def studied(finished: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = finished.copy(tmp_path_factory.mktemp("studies") / "repository")
    file = repository.path / "studies" / "params.yaml"
    still = TINY["augment"] | dict.fromkeys(("rotation", "zoom", "shift", "shear", "elastic_alpha"), 0)
    content = params.read(file) | {
        "recipes": {"dense": TINY | {"augment": still}},
        "seeds": {name: {"train": {"seed": seed}} for name, seed in (("seed-0", 0), ("seed-1", 1))},
        "lengths": {"epochs-1": {"train": {"epochs": 1}}},
        "distillation": TINY | {"teachers": ["seed-0", "seed-1"]},
        "distilled": {name: {"train": {"seed": seed}} for name, seed in (("accurate-0", 0), ("accurate-1", 1))},
        "folds": {str(number): TINY | {"fold": {"number": number, "of": 2, "seed": 0}} for number in range(2)},
    }
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    repository.run("dvc", "--cd", "studies", "repro", *PAGES)
    return repository


@pytest.mark.slow
def test_the_recipes_are_compared_with_each_other_and_the_default(studied: Repository) -> None:
    folder = studied.path / "studies"
    page = (folder / "recipes" / "README.md").read_text(encoding="utf-8")
    rows = {line.split()[1]: line for line in page.splitlines() if line.startswith("| ")}
    assert list(rows)[1:] == ["dense", "default"]
    test = read_json(folder / "runs" / "recipes" / "dense" / "test.json", "recipe-test")
    assert test["dataset"] == "mnist-sample"
    assert f"| {test['errors']} |" in rows["dense"]
    curves = read_table(folder / "recipes" / "curves.tsv", "recipes", {"recipe": str})
    assert [row["recipe"] for row in curves] == ["dense"]
    assert (folder / "recipes" / "tradeoff.png").read_bytes().startswith(b"\x89PNG")
    assert "dense" in studied.run("dvc", "--cd", "studies", "plots", "show", "recipes/curves.tsv", "--show-vega")


@pytest.mark.slow
def test_the_first_seed_is_the_roots_own_training_and_the_others_are_not(studied: Repository) -> None:
    folder = studied.path / "studies"
    assert (folder / "runs/seeds/seed-0/model.keras").read_bytes() == (studied.path / "models/model.keras").read_bytes()
    measured = read_json(folder / "ensemble" / "metrics.json", "ensemble")
    assert measured["member"]["seed-0"]["errors"] == studied.metrics("test")["errors"]
    assert measured["member"]["seed-0"]["loss"] != measured["member"]["seed-1"]["loss"]
    assert (folder / "ensemble" / "growth.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_distilled_network_learns_from_all_images_and_from_its_teachers(studied: Repository) -> None:
    runs = studied.path / "studies" / "runs"
    # All images of the sample but its test set.
    assert read_json(runs / "distilled" / "accurate-0" / "training.json", "distilled")["images"] == 4300
    first, second = (np.load(runs / "teachers" / f"seed-{seed}.npz")["probabilities"] for seed in range(2))
    assert first.shape == (1, 4300, 10)
    assert (first != second).any()
    measured = read_json(studied.path / "studies" / "accurate" / "metrics.json", "accurate")
    test = read_json(runs / "distilled" / "accurate-1" / "test.json", "distilled-test")
    assert measured["member"]["accurate-1"] == test
    assert measured["accuracy_mean"] < 1


@pytest.mark.slow
def test_folds_hold_out_each_image_once_and_judge_its_label(studied: Repository) -> None:
    folder = studied.path / "studies"
    folds = read_json(folder / "folds" / "metrics.json", "folds")
    audit = read_json(folder / "labels" / "metrics.json", "labels")
    # All images of the sample but its test set.
    assert folds["together"]["images"] == audit["images"] == 4300
    assert folds["together"]["errors"] == audit["errors"]
    rows = read_table(
        folder / "labels" / "doubtful.csv",
        "labels",
        {"set": str, "index": int, "image": int, "label": int, "doubtful": str},
    )
    assert len(rows) == max(50, audit["doubtful"])
    assert [row["doubtful"] for row in rows].count("yes") == audit["doubtful"] == sum(audit["class"].values())
    for part in ("train", "validation"):
        stored = np.load(studied.path / "data" / "processed" / f"{part}.npz")["labels"]
        assert all(stored[row["index"]] == row["label"] for row in rows if row["set"] == part)


@pytest.mark.slow
def test_another_run_does_nothing_and_a_changed_recipe_trains_nothing_else(studied: Repository) -> None:
    again = studied.run("dvc", "--cd", "studies", "repro", *PAGES)
    assert "Running stage" not in again
    file = studied.path / "studies" / "params.yaml"
    before = file.read_text()
    content = params.read(file)
    content["recipes"]["dense"] |= {"train": TINY["train"] | {"epochs": 2}}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    dry = studied.run("dvc", "--cd", "studies", "repro", "--dry", "recipes", "labels", "ensemble")
    file.write_text(before)
    assert {line.split("'")[1] for line in dry.splitlines() if line.startswith("Running")} == {
        "recipe@dense",
        "recipes",
    }


@pytest.mark.slow
def test_results_are_in_git_and_runs_are_not(studied: Repository) -> None:
    changed = studied.run("git", "status", "--short", "--untracked-files=all")
    assert "studies/recipes/README.md" in changed
    assert "runs" not in changed


@pytest.mark.slow
def test_an_unknown_entry_is_reported_in_one_line(studied: Repository) -> None:
    output = studied.run("python", "-m", "studies.stages.train", "recipes.lenet", code=1)
    assert output.splitlines() == [
        "error: studies/params.yaml: no entry 'recipes.lenet'; it has recipes.dense, seeds.seed-0, "
        "seeds.seed-1, lengths.epochs-1, distilled.accurate-0, distilled.accurate-1, folds.0, folds.1"
    ]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that writes the sections of studies/params.yaml, beside a valid params.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    groups = {"recipes": {"dense": TINY}, "seeds": {"seed-1": {"train": {"seed": 1}}}, "lengths": {}, "folds": {}}
    groups |= {"distillation": TINY | {"teachers": ["seed-1"]}, "distilled": {"a": {"train": {"seed": 1}}}}
    return lambda **sections: entries.FILE.write_text(yaml.safe_dump(groups | sections))


def test_the_keys_of_a_seed_replace_those_of_the_root_and_a_recipe_has_its_own(written: Any) -> None:
    written()
    seed, recipe = entries.load("seeds.seed-1"), entries.load("recipes.dense")
    assert seed.train.model_dump() == PARAMS["train"] | {"seed": 1}
    assert seed.augment.passes == PARAMS["augment"]["passes"]
    Path("params.yaml").unlink()
    assert entries.load("recipes.dense") == recipe == Entry.model_validate(TINY)


@pytest.mark.parametrize(
    ("name", "sections", "message"),
    [
        ("recipes.dense", {"recipes": {"dense": {}}}, r"recipes\.dense\.augment: missing key"),
        ("seeds.a", {"seeds": {"a": {"trian": {}}}}, r"seeds\.a\.trian: unknown key"),
        ("seeds.a", {"seeds": {"a": {"train": {"epochs": 0}}}}, r"seeds\.a\.train\.epochs: 0: should be"),
        ("folds.0", {"folds": {"0": TINY | {"fold": {"number": 2, "of": 2, "seed": 0}}}}, r"number should be less"),
        ("folds.0", {"folds": {"0": TINY | {"fold": {"number": 0, "of": 1, "seed": 0}}}}, r"fold\.of: 1: should be"),
    ],
)
def test_an_impossible_entry_is_reported(written: Any, name: str, sections: Any, message: str) -> None:
    written(**sections)
    with pytest.raises(InputError, match=rf"^studies/params\.yaml: .*{message}") as caught:
        entries.load(name)
    assert "\n" not in str(caught.value)


def test_an_image_is_held_out_once_folds_are_stratified_and_the_seed_decides(dataset: Dataset) -> None:
    parts = [training.split(dataset.labels, Fold(number=number, of=3, seed=0), "key") for number in range(3)]
    assert sorted(np.concatenate([held_out for _, held_out in parts])) == list(range(40))
    for kept, held_out in parts:
        assert sorted([*kept, *held_out]) == list(range(40))
        assert np.bincount(dataset.labels[held_out], minlength=10).min() >= 1
    other = training.split(dataset.labels, Fold(number=0, of=3, seed=1), "key")[1]
    assert other.tolist() != parts[0][1].tolist()
    with pytest.raises(InputError, match=r"^key: 5: should be at most 4"):
        training.split(dataset.labels, Fold(number=0, of=5, seed=0), "key")


def test_models_with_different_errors_make_fewer_together() -> None:
    labels_of_images = np.zeros(6, int)
    members = [np.eye(2)[[int(image in wrong) for image in range(6)]] for wrong in ([0, 1], [2], [3, 4, 5])]
    rows = growth(labels_of_images, members)
    assert [row["members"] for row in rows] == [1, 2, 3]
    assert (rows[0]["errors"], rows[0]["least"], rows[0]["most"]) == (2, 1, 3)
    assert rows[2]["errors"] == rows[2]["least"] == rows[2]["most"] == 0


def test_wrong_labels_come_first_and_the_right_ones_are_suggested(dataset: Dataset) -> None:
    wrong = dataset.labels.copy()
    wrong[FLIPPED] = (wrong[FLIPPED] + 1) % 10
    sure = np.linspace(0.9, 0.98, 40)
    sure[FLIPPED] = 0.99
    probabilities = np.repeat((1 - sure[:, None]) / 9, 10, axis=1).astype(np.float32)
    probabilities[np.arange(40), dataset.labels] = sure
    # No class is likely for it: it does not come before wrong labels.
    probabilities[0] = 0.1
    judged = labels.doubt(wrong, probabilities)
    assert sorted(judged.order[:3]) == FLIPPED == np.flatnonzero(judged.doubtful).tolist()
    assert judged.order[3] == 0
    np.testing.assert_array_equal(judged.suggested[FLIPPED], dataset.labels[FLIPPED])
    assert judged.scores[FLIPPED].max() < 0.1 < 0.9 < np.delete(judged.scores, [0, *FLIPPED]).min()
    assert sorted(judged.order) == list(range(40))
