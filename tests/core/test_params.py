import copy
from pathlib import Path

import pytest
import yaml

from digits.core import params
from digits.core.errors import InputError
from tests.repository import PARAMS, ROOT


def load_with(tmp_path: Path, section: str, **changes: object) -> params.Params:
    content = copy.deepcopy(PARAMS)
    content[section].update(changes)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return params.load(path)


def test_the_parameters_of_the_repository_are_valid() -> None:
    params.load(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("section", "key", "value", "allowed"),
    [
        ("train", "epochs", 0, "greater than or equal to 1"),
        ("train", "epochs", "ten", "a valid integer"),
        ("train", "epochs", 2.5, "a valid integer"),
        ("train", "epochs", True, "a valid integer"),
        ("train", "keep", "first", "'last' or 'best'"),
        ("train", "network", [], "at least 1 item"),
        ("train", "optimizer", "Adam", "a mapping"),
        ("augment", "rotation", -5, "greater than or equal to 0"),
        ("augment", "zoom", 1, "less than 1"),
        ("augment", "elastic_alpha", float("nan"), "a finite number"),
        ("preprocess", "validation", 60_000, "less than or equal to 59000"),
        ("download", "dataset", "minst", "'mnist', 'fashion-mnist', 'kmnist' or 'folder'"),
        ("train", "optimizer", {}, "at least 1 item"),
        ("augment", "elastic_alpha", 1e300, "less than or equal to 1000"),
        ("evaluate", "shift", -1, "greater than or equal to 0"),
    ],
)
def test_a_bad_value_is_reported_with_its_key_and_what_is_allowed(
    tmp_path: Path, section: str, key: str, value: object, allowed: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_with(tmp_path, section, **{key: value})
    message = str(caught.value)
    assert f"{section}.{key}: " in message
    assert allowed in message
    assert "\n" not in message


def test_an_unknown_key_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.epoch: unknown key"):
        load_with(tmp_path, "train", epoch=3)


def test_mirrors_of_an_unknown_dataset_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"download\.mirrors\.minst.*: 'minst'"):
        load_with(tmp_path, "download", mirrors={"minst": []})


def test_a_recipe_replaces_the_keys_that_it_names(root: Path, tmp_path: Path) -> None:
    recipes = tmp_path / "recipes.yaml"
    recipes.write_text(yaml.safe_dump({"upright": {"augment": {"rotation": 0}}, "bad": {"train": 1}}))
    loaded = params.load(root, f"{recipes}:upright")
    assert loaded.augment.rotation == 0
    assert loaded.augment.shear == PARAMS["augment"]["shear"]
    assert loaded.train == params.load(root).train
    with pytest.raises(InputError, match=r"recipes\.yaml: no recipe 'other'; it has bad, upright"):
        params.load(root, f"{recipes}:other")
    with pytest.raises(InputError, match=r"recipes\.yaml:bad: train: 1: should be a mapping"):
        params.load(root, f"{recipes}:bad")


def test_an_error_in_params_yaml_is_not_blamed_on_the_recipe(tmp_path: Path) -> None:
    root, recipes = tmp_path / "params.yaml", tmp_path / "recipes.yaml"
    root.write_text(yaml.safe_dump({**PARAMS, "plot": {**PARAMS["plot"], "dpi": 1}}))
    recipes.write_text(yaml.safe_dump({"upright": {"augment": {"rotation": 0}}}))
    with pytest.raises(InputError, match=r"params\.yaml: plot\.dpi: 1: "):
        params.load(root, f"{recipes}:upright")


def test_a_missing_key_is_reported(tmp_path: Path) -> None:
    content = copy.deepcopy(PARAMS)
    del content["augment"]["shear"]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"augment\.shear: missing key"):
        params.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train: [",
        "just a text",
        "- 1",
        "train:\n\tepochs: 3",
        "a: 2020-01-01",
        "a: &a [*a]",
        "a: 2020-13-45",
        "? !!binary aaaa\n: 1",
    ],
)
def test_a_file_that_is_not_a_mapping_is_reported_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"params\.yaml: ") as caught:
        params.load(path)
    assert "\n" not in str(caught.value)


def test_the_error_for_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run this in the root of the repository"):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize(("text", "value"), [("1e-05", 1e-5), ("2E+1", 20.0), ("5e0", 5.0)])
def test_numbers_with_an_exponent_are_numbers_as_in_dvc(root: Path, text: str, value: float) -> None:
    root.write_text(root.read_text(encoding="utf-8").replace("rotation: 12", f"rotation: {text}"))
    assert params.load(root).augment.rotation == value
