import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from digits.core.job import run_stage
from digits.core.params import Params
from tests.repository import PARAMS, ROOT


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


def test_a_stage_runs_once_at_a_time(here: Path) -> None:
    program = here / "stage.py"
    program.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from digits.core.job import run_stage\n"
        "def main(folder: Path) -> None:\n"
        "    print('runs', flush=True)\n"
        "    time.sleep(float(sys.stdin.readline()))\n"
        "if __name__ == '__main__':\n"
        "    run_stage(main)\n"
    )

    def start(*arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(program), *arguments]
        return subprocess.Popen(command, cwd=here, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    first = start()
    assert first.stdout
    assert first.stdout.readline() == "runs\n"
    second = start()
    _, told = second.communicate("0\n", timeout=60)
    assert told == f"error: {program}: process {first.pid} runs this stage already; wait until it ends, or stop it\n"
    assert second.returncode == 1
    # In another folder it is another stage.
    assert start("--folder", "other").communicate("0\n", timeout=60) == ("runs\n", "")
    # A killed one blocks nobody.
    first.kill()
    first.wait()
    assert start().communicate("0\n", timeout=60) == ("runs\n", "")
