"""dvc.yaml against what the stages import, read and write."""

import ast
import hashlib
import json
import os
import re
import subprocess
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repository import ROOT

FILES = [ROOT / "dvc.yaml", *sorted(ROOT.glob("studies/*/dvc.yaml"))]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


STAGES = read(FILES[0])["stages"]
EVERY = [
    # A stage that is made for each item of a list says what it does under "do".
    pytest.param(file.parent, stage.get("do", stage), id=f"{file.parent.name}-{name}")
    for file in FILES
    for name, stage in read(file)["stages"].items()
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
                    # Which digits/__init__.py fetches when it is asked for.
                    if (module, names[0].name) == ("digits", "Recognizer"):
                        modules.append("digits.reading.recognizer")
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


def room(path: Path) -> str | None:
    """Return what a dependency calls the project file ``path``: its room, or a stage of the root by itself."""
    parts = path.relative_to(ROOT).parts
    match parts:
        case ("digits", "__init__.py"):  # It only fetches what it is asked for by name, from a room.
            return None
        case ("digits", name, _):
            return f"digits/{name}"
        case ("studies", name, "stages", _):
            return f"studies/{name}/stages"
    return "/".join(parts)


def named(folder: Path, stage: dict[str, Any]) -> set[str]:
    """Return the dependencies of ``stage`` relative to the root."""
    return {os.path.relpath(folder / dep, ROOT).replace(os.sep, "/") for dep in stage["deps"]}


@pytest.mark.parametrize(("folder", "stage"), EVERY)
def test_deps_are_the_rooms_that_the_stage_imports(folder: Path, stage: dict[str, Any]) -> None:
    module = re.search(r"python -m (\S+)", stage["cmd"])
    assert module
    files = imported(ROOT / f"{module[1].replace('.', '/')}.py")
    code = {dep for dep in named(folder, stage) if re.match(r"digits/|stages/|studies/\w+/stages", dep)}
    assert code == {name for file in files if (name := room(file))}


@pytest.mark.parametrize("path", [ROOT / dep for dep in sorted({*STAGES["train"]["deps"], *STAGES["plot"]["deps"]})])
def test_python_leaves_no_bytecode_in_a_room(path: Path) -> None:
    # The .dvcignore of a study does not reach the rooms, which lie outside its DVC repository.
    if path.is_dir() and path.parent.name == "digits":
        assert (path / "__pycache__").is_file()


@pytest.mark.parametrize(("folder", "stage"), EVERY)
def test_the_test_set_is_a_dependency_of_evaluate_alone(folder: Path, stage: dict[str, Any]) -> None:
    assert ("data/processed/test.npz" in named(folder, stage)) == ("stages.evaluate" in stage["cmd"])
    assert not {"data", "data/processed"} & named(folder, stage)


def has_commit() -> bool:
    command = ["git", "rev-parse", "--verify", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def head(path: str) -> bytes:
    """Return the content of ``path`` in the last commit: a run of one's own may have changed the working tree."""
    return subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, check=True).stdout


def tree(path: str) -> dict[str, bytes]:
    """Return the files below ``path`` in the last commit."""
    command = ["git", "ls-tree", "-r", "--name-only", "HEAD", f"{path}/"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name.removeprefix(f"{path}/"): head(name) for name in names}


def md5(path: str, ignored: set[str]) -> str:
    """Return the hash that DVC has of ``path``, a file or a folder without what is ``ignored``, in the last commit."""
    if files := {name: content for name, content in tree(path).items() if name not in ignored}:
        listed = [{"md5": hashlib.md5(files[name]).hexdigest(), "relpath": name} for name in sorted(files)]
        return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()}.dir"
    return hashlib.md5(head(path)).hexdigest()


@pytest.mark.skipif(not has_commit(), reason="nothing is committed here")
@pytest.mark.parametrize(
    "file",
    [
        pytest.param(
            file,
            id=file.parent.name,
            marks=[pytest.mark.xfail(strict=True, reason="trained by earlier code; two hours of training are due")]
            if file.parent != ROOT
            else [],
        )
        for file in FILES
    ],
)
def test_the_committed_results_are_those_of_the_committed_code_and_parameters(file: Path) -> None:
    folder = file.parent.relative_to(ROOT)
    pipeline, lock = (yaml.safe_load(head((folder / name).as_posix())) for name in ("dvc.yaml", "dvc.lock"))
    stages, locked = pipeline["stages"], lock["stages"]
    assert set(locked) == {name for stage in stages for name in expanded(file, stage)}
    tracked = set(tree("."))
    # A .dvcignore reaches no further than the DVC repository that it is in.
    ignored = {"__pycache__"} if folder == Path() else set()
    for name, stage in locked.items():
        written = committed(stages[name.partition("@")[0]])
        outs = [out for out in stage["outs"] if out["path"] in written]
        assert len(outs) == len(written)
        for each in [*stage["deps"], *outs]:
            path = os.path.normpath(folder / each["path"]).replace(os.sep, "/")
            if path in tracked or path.startswith(("digits/", f"{folder}/stages")):
                assert md5(path, ignored) == each["md5"], (name, path)
        for params, keys in stage["params"].items():
            content = yaml.safe_load(head(os.path.normpath(folder / params).replace(os.sep, "/")))
            for key, value in keys.items():
                assert reduce(getitem, key.split("."), content) == value, (name, key)


def expanded(file: Path, name: str) -> list[str]:
    """Return the stages that ``name`` stands for: one, or one for each item of the list that it names."""
    stage = read(file)["stages"][name]
    listed = stage.get("foreach") or next(iter(stage.get("matrix", {"": ""}).values()))
    if not listed:
        return [name]
    known = read(file.with_name("params.yaml")) | {
        key: value for each in read(file).get("vars", []) for key, value in each.items()
    }
    return [f"{name}@{item}" for item in reduce(getitem, listed.strip("${}").split("."), known)]


def committed(stage: dict[str, Any]) -> set[str]:
    """Return the outputs of ``stage`` that are in Git."""
    outs = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, []) if isinstance(out, dict)]
    return {path for out in outs for path, options in out.items() if options.get("cache") is False}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_depends_on_its_own_section_of_the_parameters_alone(stage: str) -> None:
    assert STAGES[stage]["params"] == [stage]


@pytest.mark.parametrize("stage", ["download", "preprocess", "augment", "plot"])
def test_the_light_stages_do_without_tensorflow(stage: str) -> None:
    heavy = {"network.py", "training.py"}
    assert not heavy & {path.name for path in imported(ROOT / "stages" / f"{stage}.py")}
