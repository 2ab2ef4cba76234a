import sys
from pathlib import Path

import pytest
import yaml

from digits.core.job import run_stage
from digits.core.params import Params
from tests.repository import PARAMS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a params.yaml and a file of recipes."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    Path("recipes.yaml").write_text(yaml.safe_dump({"short": {"train": {"epochs": 1}}, "same": {}}))
    return tmp_path


def arguments(monkeypatch: pytest.MonkeyPatch, *given: str) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", *given])


def test_a_stage_gets_the_arguments_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(params: Params, processed: Path, augmented: Path, folder: Path) -> None:
        assert params.train.epochs == 1
        assert (processed, augmented) == (Path("data/processed"), Path("run/data/augmented"))
        assert folder == Path("run")

    arguments(monkeypatch, "--recipe", "recipes.yaml:short", "--folder", "run")
    run_stage(stage)


def test_a_stage_gets_all_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(recipes: dict[str, Params]) -> None:
        assert {name: recipe.train.epochs for name, recipe in recipes.items()} == {
            "short": 1, "same": PARAMS["train"]["epochs"]
        }  # fmt: skip

    arguments(monkeypatch, "--recipes", "recipes.yaml")
    run_stage(stage)


def test_an_option_that_the_stage_would_ignore_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stage(folder: Path) -> None:
        raise AssertionError

    arguments(monkeypatch, "--processed", "elsewhere")
    with pytest.raises(SystemExit) as ended:
        run_stage(stage)
    assert ended.value.code == 2
    assert "--processed" in capsys.readouterr().err
