"""dvc.yaml against what the stages import, read and write."""

import ast
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FILES = [ROOT / "dvc.yaml", *sorted(ROOT.glob("studies/*/dvc.yaml"))]
STAGES = yaml.safe_load(FILES[0].read_text(encoding="utf-8"))["stages"]
EVERY = [
    pytest.param(stage, id=f"{file.parent.name}-{name}")
    for file in FILES
    for name, stage in yaml.safe_load(file.read_text(encoding="utf-8"))["stages"].items()
]


def imported(path: Path) -> set[Path]:
    """Return ``path`` and every project file that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    modules = [name.name for name in names]
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    modules = [module, *(f"{module}.{name.name}" for name in names)]
                case ast.ImportFrom():
                    raise AssertionError(f"{file}: a relative import, which this test does not follow")
                case _:
                    continue
            waiting += [found_file for module in modules for found_file in files_of(module)]
    return found


def files_of(module: str) -> list[Path]:
    parts = module.split(".")
    candidates = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    paths = [path for base in candidates for path in (base.with_suffix(".py"), base / "__init__.py")]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("stage", EVERY)
def test_deps_name_every_project_module_that_the_stage_imports(stage: dict[str, Any]) -> None:
    module = re.search(r"python -m stages\.(\w+)", stage["cmd"])
    assert module
    needed = {path.relative_to(ROOT).as_posix() for path in imported(ROOT / "stages" / f"{module[1]}.py")}
    named = {dep for dep in stage["deps"] if dep.endswith(".py")}
    assert named == needed


@pytest.mark.parametrize("stage", EVERY)
def test_the_test_set_is_a_dependency_of_evaluate_alone(stage: dict[str, Any]) -> None:
    assert ("data/processed/test.npz" in stage["deps"]) == ("stages.evaluate" in stage["cmd"])
    assert not {"data", "data/processed"} & set(stage["deps"])


@pytest.mark.parametrize("stage", STAGES)
def test_the_committed_results_are_those_of_the_committed_code_and_parameters(stage: str) -> None:
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"][stage]
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    in_git = {path for kind in ("metrics", "plots") for out in STAGES[stage].get(kind, []) for path in out}
    outs = [out for out in locked["outs"] if out["path"] in in_git]
    assert len(outs) == len(in_git)
    for file in [dep for dep in locked["deps"] if dep["path"].endswith(".py")] + outs:
        assert hashlib.md5((ROOT / file["path"]).read_bytes()).hexdigest() == file["md5"], file["path"]
    assert locked["params"]["params.yaml"] == {stage: params[stage]}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_depends_on_its_own_section_of_the_parameters_alone(stage: str) -> None:
    assert STAGES[stage]["params"] == [stage]


@pytest.mark.parametrize("stage", ["download", "preprocess", "augment", "plot"])
def test_the_light_stages_do_without_tensorflow(stage: str) -> None:
    heavy = {"network.py", "training.py"}
    assert not heavy & {path.name for path in imported(ROOT / "stages" / f"{stage}.py")}
