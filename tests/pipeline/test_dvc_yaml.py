"""Each dvc.yaml lists what its stages import, and only evaluate reads the test set."""

import ast
import os
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.repository import PARAMS, ROOT

# Own images are prepared as the reader prepares what it reads.
SHARED: dict[str, list[Any]] = {
    "preprocess": [{"reader/params.yaml": ["reading.ink"]}],
}
PIPELINES = [ROOT, ROOT / "reader", ROOT / "studies"]


def stages(pipeline: Path) -> dict[str, Any]:
    """Return the definitions of the stages; that of several stages is under "do"."""
    content = YAML(typ="safe").load(pipeline / "dvc.yaml")
    return {name: stage.get("do", stage) for name, stage in content["stages"].items()}


STAGES = [
    pytest.param(pipeline, stage, id=f"{pipeline.name if pipeline != ROOT else 'root'}-{name}")
    for pipeline in PIPELINES
    for name, stage in stages(pipeline).items()
]


def imported(path: Path) -> set[Path]:
    """Return ``path`` and every project file that it imports, directly or indirectly.

    Imports within functions do not count: they are of what only other programs use, such as TensorFlow, with which
    ``Recognizer`` reads a .keras file.
    """
    files: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in files:
            continue
        files.add(file)
        nodes: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
        while nodes:
            node = nodes.pop()
            match node:
                case ast.FunctionDef():
                    continue
                case ast.Import(names=names):
                    modules = [name.name for name in names]
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    modules = [module, *(f"{module}.{name.name}" for name in names)]
                    # digits/__init__.py imports it on demand.
                    if (module, names[0].name) == ("digits", "Recognizer"):
                        modules.append("digits.reading.recognizer")
                case ast.ImportFrom():
                    raise AssertionError(f"{file}: this test does not follow relative imports")
                case _:
                    nodes += ast.iter_child_nodes(node)
                    continue
            waiting += [file for module in modules for file in files_of(module)]
    return files


def files_of(module: str) -> list[Path]:
    path = ROOT.joinpath(*module.split("."))
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]


def dependency(file: Path, pipeline: Path) -> str | None:
    """Return what dvc.yaml lists for the project file: nothing for plumbing, its package in the root's pipeline, and
    elsewhere the file itself, unless its package is a folder of that pipeline's repository."""
    parts = file.relative_to(ROOT).parts
    match parts:
        case (*_, "__init__.py") | ("digits", "core", _) | ("digits", _):
            return None
        case ("digits", package, _) if pipeline == ROOT:
            return f"digits/{package}"
        case ("reader", "drawing", _):
            return "reader/drawing"
    return "/".join(parts)


def dependencies(pipeline: Path, stage: dict[str, Any]) -> set[str]:
    """Return the dependencies of ``stage`` relative to the root."""
    return {os.path.relpath(pipeline / path, ROOT).replace(os.sep, "/") for path in stage["deps"]}


@pytest.mark.parametrize(("pipeline", "stage"), STAGES)
def test_deps_are_exactly_the_code_that_determines_the_bytes(pipeline: Path, stage: dict[str, Any]) -> None:
    module = re.search(r"python -m (\S+)", stage["cmd"])
    assert module
    files = imported(ROOT / f"{module[1].replace('.', '/')}.py")
    code = {path for path in dependencies(pipeline, stage) if re.search(r"\.py$|^digits/\w+$|/drawing$", path)}
    assert code == {path for file in files if (path := dependency(file, pipeline))}


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("core", set()),
        ("data", {"core"}),
        ("model", {"core"}),
        ("report", {"core"}),
        ("onnx", {"core", "model"}),
        ("reading", {"core", "model", "onnx"}),
        ("web", {"core", "model", "onnx", "reading"}),
    ],
)
def test_imports_within_digits_go_in_one_direction(package: str, allowed: set[str]) -> None:
    files = [file for path in (ROOT / "digits" / package).glob("*.py") for file in imported(path)]
    packages = {file.parent.name for file in files if file.parent.parent == ROOT / "digits"}
    assert packages <= {package, *allowed}


@pytest.mark.parametrize(("pipeline", "stage"), STAGES)
def test_only_evaluate_depends_on_the_test_set(pipeline: Path, stage: dict[str, Any]) -> None:
    evaluates = re.search(r"-m (studies\.)?stages\.evaluate\b", stage["cmd"]) is not None
    assert ("data/processed/test.npz" in dependencies(pipeline, stage)) == evaluates
    assert not {"data", "data/processed"} & dependencies(pipeline, stage)


@pytest.mark.parametrize("name", stages(ROOT))
def test_each_stage_depends_only_on_its_own_section_of_the_parameters(name: str) -> None:
    own: list[Any] = [section for section in PARAMS if section == name]
    assert stages(ROOT)[name].get("params", []) == own + SHARED.get(name, [])


@pytest.mark.parametrize("stage", ["download", "preprocess", "augment", "plot", "charts"])
def test_these_stages_do_not_import_tensorflow(stage: str) -> None:
    assert ROOT / "digits" / "model" / "backend.py" not in imported(ROOT / "stages" / f"{stage}.py")
