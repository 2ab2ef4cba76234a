"""Each dvc.yaml agrees with what its stages import, read and write."""

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

from tests.repository import PARAMS, ROOT, has_commit, head

# Own images are prepared as the reader prepares what it reads; and how many threads compute decides the last bits.
SHARED: dict[str, list[Any]] = {"preprocess": [{"reader/params.yaml": ["reading.ink"]}], "evaluate": ["train.threads"]}
FILES = [ROOT / "dvc.yaml", ROOT / "reader" / "dvc.yaml", *sorted(ROOT.glob("studies/*/dvc.yaml"))]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


STAGES = read(FILES[0])["stages"]
EVERY = [
    # A stage with "foreach" has its definition under "do".
    pytest.param(file.parent, stage.get("do", stage), id=f"{file.parent.name}-{name}")
    for file in FILES
    for name, stage in read(file)["stages"].items()
]


def imported(path: Path) -> set[Path]:
    """Return ``path`` and every project file that it imports, directly or indirectly."""
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
                    # digits/__init__.py imports it on demand.
                    if (module, names[0].name) == ("digits", "Recognizer"):
                        modules.append("digits.reading.recognizer")
                case ast.ImportFrom():
                    raise AssertionError(f"{file}: this test does not follow relative imports")
                case _:
                    continue
            waiting += [found_file for module in modules for found_file in files_of(module)]
    return found


def files_of(module: str) -> list[Path]:
    parts = module.split(".")
    candidates = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    paths = [path for base in candidates for path in (base.with_suffix(".py"), base / "__init__.py")]
    return [path for path in paths if path.is_file()]


def dependency(path: Path) -> str | None:
    """Return the dependency in dvc.yaml that covers the project file ``path``: its folder, or a root stage's module."""
    parts = path.relative_to(ROOT).parts
    match parts:
        case (*_, "__init__.py"):  # They import nothing that a stage needs, and are no dependencies.
            return None
        case ("digits", name, _):
            return f"digits/{name}"
        case ("studies", name, "stages", _):
            return f"studies/{name}/stages"
        case ("reader", "drawing", _):
            return "reader/drawing"
    return "/".join(parts)


def dependencies(folder: Path, stage: dict[str, Any]) -> set[str]:
    """Return the dependencies of ``stage`` relative to the root."""
    return {os.path.relpath(folder / dep, ROOT).replace(os.sep, "/") for dep in stage["deps"]}


@pytest.mark.parametrize(("folder", "stage"), EVERY)
def test_deps_are_exactly_the_folders_that_the_stage_imports(folder: Path, stage: dict[str, Any]) -> None:
    module = re.search(r"python -m (\S+)", stage["cmd"])
    assert module
    files = imported(ROOT / f"{module[1].replace('.', '/')}.py")
    deps = dependencies(folder, stage)
    code = {
        dep for dep in deps if re.match(r"digits/|stages/|cluster/|studies/\w+/stages|reader/.*(\.py|drawing)$", dep)
    }
    names = {name for file in files if (name := dependency(file))}
    if folder.name == "reader" and "digits/reading" not in code:
        # It trains for half an hour, so only its last stage depends on all of the room that uses its networks.
        names = {name for name in names if name != "digits/reading"}
        names |= {path for file in files if (path := file.relative_to(ROOT).as_posix()).startswith("digits/reading/")}
    assert code == {name for name in names if not name.endswith("__init__.py")}


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("core", set()),
        ("data", {"core"}),
        ("model", {"core", "data"}),
        ("report", {"core"}),
        ("reading", {"core", "data", "model"}),
        ("web", {"core", "data", "model", "reading"}),
    ],
)
def test_imports_within_digits_go_in_one_direction(folder: str, allowed: set[str]) -> None:
    files = [file for path in (ROOT / "digits" / folder).glob("*.py") for file in imported(path)]
    assert {name for file in files if (name := dependency(file))} <= {f"digits/{name}" for name in {folder, *allowed}}


def test_python_writes_no_bytecode_into_a_dependency() -> None:
    folders = {dep for each in EVERY for dep in dependencies(*each.values) if re.fullmatch(r"digits/\w+", dep)}  # type: ignore[arg-type]
    assert "digits/reading" in folders
    # A study's .dvcignore has no effect on these folders, which are outside its DVC repository.
    assert all((ROOT / folder / "__pycache__").is_file() for folder in folders)


@pytest.mark.parametrize(("folder", "stage"), EVERY)
def test_only_evaluate_depends_on_the_test_set(folder: Path, stage: dict[str, Any]) -> None:
    assert ("data/processed/test.npz" in dependencies(folder, stage)) == ("-m stages.evaluate" in stage["cmd"])
    assert not {"data", "data/processed"} & dependencies(folder, stage)


def tree(path: str) -> dict[str, bytes]:
    """Return the files below ``path`` in the last commit."""
    command = ["git", "ls-tree", "-r", "--name-only", "HEAD", f"{path}/"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name.removeprefix(f"{path}/"): head(name) for name in names}


def md5(path: str, ignored: set[str]) -> str:
    """Return DVC's hash of ``path`` in the last commit: a file, or a folder without the files ``ignored``."""
    if files := {name: content for name, content in tree(path).items() if name not in ignored}:
        listed = [{"md5": hashlib.md5(files[name]).hexdigest(), "relpath": name} for name in sorted(files)]
        return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()}.dir"
    return hashlib.md5(head(path)).hexdigest()


@pytest.mark.skipif(not has_commit(), reason="there is no commit")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_committed_results_come_from_the_committed_code_and_parameters(file: Path) -> None:
    folder = file.parent.relative_to(ROOT)
    pipeline, own, lock = (
        yaml.safe_load(head((folder / name).as_posix())) for name in ("dvc.yaml", "params.yaml", "dvc.lock")
    )
    stages, locked = pipeline["stages"], lock["stages"]
    assert set(locked) == {name for stage in stages for name in expanded(pipeline, own, stage)}
    tracked = set(tree("."))
    # A .dvcignore has no effect outside its DVC repository.
    ignored = {"__pycache__"} if folder == Path() else set()
    for name, stage in locked.items():
        written = committed(stages[name.partition("@")[0]])
        outs = [out for out in stage["outs"] if out["path"] in written]
        assert len(outs) == len(written)
        for each in [*stage["deps"], *outs]:
            path = os.path.normpath(folder / each["path"]).replace(os.sep, "/")
            if each in outs or path in tracked or path.startswith(("digits/", f"{folder}/stages")):
                assert md5(path, ignored) == each["md5"], (name, path)
        for params, keys in stage.get("params", {}).items():
            content = yaml.safe_load(head(os.path.normpath(folder / params).replace(os.sep, "/")))
            for key, value in keys.items():
                assert reduce(getitem, key.split("."), content) == value, (name, key)


def expanded(pipeline: Any, params: Any, name: str) -> list[str]:
    """Return the names in dvc.lock of the stage ``name``: one, or one for each item of its foreach or matrix."""
    stage = pipeline["stages"][name]
    listed = stage.get("foreach") or next(iter(stage.get("matrix", {"": ""}).values()))
    if not listed:
        return [name]
    known = params | {key: value for each in pipeline.get("vars", []) for key, value in each.items()}
    return [f"{name}@{item}" for item in reduce(getitem, listed.strip("${}").split("."), known)]


def committed(stage: dict[str, Any]) -> set[str]:
    """Return the outputs of ``stage`` that are in Git."""
    outs = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, []) if isinstance(out, dict)]
    return {path for out in outs for path, options in out.items() if options.get("cache") is False}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_depends_only_on_its_own_section_of_the_parameters(stage: str) -> None:
    own: list[Any] = [section for section in PARAMS if section == stage]
    assert STAGES[stage].get("params", []) == own + SHARED.get(stage, [])


@pytest.mark.parametrize("stage", ["download", "preprocess", "augment", "plot", "charts"])
def test_these_stages_do_not_import_tensorflow(stage: str) -> None:
    assert ROOT / "digits" / "model" / "backend.py" not in imported(ROOT / "stages" / f"{stage}.py")
