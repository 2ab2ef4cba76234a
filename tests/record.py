"""Name the pipelines whose record in Git is stale: python -m tests.record [FOLDER...], by default all of them.

A record is dvc.lock with the committed outputs. It is stale if the code, the parameters or a committed output have
changed since, or if a page gives other figures. Outputs that only DVC's cache has may be missing, as in a fresh clone.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
PIPELINES = (".", "reader", "studies")


def main() -> None:
    problems = []
    for name in sys.argv[1:] or PIPELINES:
        folder = ROOT / name
        if not (folder / "dvc.yaml").exists():
            problems.append(f"{name}: has no dvc.yaml; the pipelines are: {' '.join(PIPELINES)}")
        elif not (folder / "dvc.lock").exists():
            problems.append(f"{name}: no record yet; run: dvc --cd {name} repro")
        else:
            if stages := changes(folder):
                what = dict.fromkeys(change for stage in stages.values() for change in stage)
                problems.append(f"{name}: stale: {', '.join(stages)}\n  changed: {', '.join(what)}")
            problems += [f'{name}: {page} does not say "{fact}"' for page, fact in missing_facts(name)]
    if problems:
        sys.exit("\n".join(problems))
    print("The record belongs to the code and the parameters, and the pages to the record.")


def changes(folder: Path) -> dict[str, list[str]]:
    """Return what has changed since the record of the pipeline in ``folder`` was made, for each of its stages."""
    command = ["dvc", "status", "--json"]
    status = json.loads(subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout)
    stages = {stage: list(stale_entries(folder, entries)) for stage, entries in status.items()}
    # DVC calls a missing dependency deleted, even if the stage that makes it has a new result.
    outputs = {path: md5 for name in PIPELINES for _, path, md5 in locked(ROOT / name, "outs")}
    for stage, path, md5 in locked(folder, "deps"):
        if outputs.get(path, md5) != md5:
            stages.setdefault(stage, []).append(path.relative_to(ROOT).as_posix())
    return {stage: entries for stage, entries in stages.items() if entries}


def stale_entries(folder: Path, entries: list[Any]) -> list[str]:
    """Return what of a stage's ``entries`` in DVC's status makes its record stale.

    They are "changed command", or {"changed deps" or "changed outs": {path: state}}, where the state is new, modified,
    deleted or not in cache, or of parameters {key: state}.
    """
    stale = []
    for entry in entries:
        if isinstance(entry, str):
            stale.append(entry)
            continue
        for path, state in next(iter(entry.values())).items():
            if isinstance(state, dict):
                stale.append(f"{path} ({', '.join(state)})")
            elif state in ("new", "modified") or (state == "deleted" and not is_ignored(folder / path)):
                stale.append((folder / path).resolve().relative_to(ROOT).as_posix())
    return stale


def is_ignored(path: Path) -> bool:
    """Return whether Git ignores ``path``, as it does what only DVC's cache has."""
    # A file in it, because the path itself, if missing, would not match the pattern of a folder.
    return subprocess.run(["git", "check-ignore", "--quiet", path / "file"], cwd=ROOT, check=False).returncode == 0


def locked(folder: Path, kind: str) -> list[tuple[str, Path, str]]:
    """Return the stage, path and MD5 of all "deps" or "outs" in the dvc.lock of ``folder``; none without that file."""
    file = folder / "dvc.lock"
    stages = YAML(typ="safe").load(file)["stages"] if file.exists() else {}
    return [
        (name, (folder / entry["path"]).resolve(), entry["md5"])
        for name, stage in stages.items()
        for entry in stage.get(kind, [])
    ]


def missing_facts(pipeline: str) -> list[tuple[str, str]]:
    """Return the figures of the pipeline's record that a page should give and does not, each with its page."""
    pages = {".": root_facts, "studies": studies_facts}.get(pipeline, dict)()
    return [
        (page, fact)
        for page, facts in pages.items()
        for fact in facts
        if fact not in " ".join((ROOT / page).read_text(encoding="utf-8").split())
    ]


def root_facts() -> dict[str, list[str]]:
    validation, test = (result(f"metrics/{name}.json") for name in ("validation", "test"))
    epochs = YAML(typ="safe").load(ROOT / "params.yaml")["train"]["epochs"]
    return {
        "README.md": [
            f"| images | {validation['images']:,} | {test['images']:,} |",
            f"| errors | {validation['errors']} | {test['errors']} |",
            f"| accuracy (95 % interval) | {interval(validation)} | {interval(test)} |",
            f"| expected calibration error | {percent(validation['ece'])} | {percent(test['ece'])} |",
            f"parameters, trained for {epochs} epochs",
        ]
    }


def studies_facts() -> dict[str, list[str]]:
    ensemble, labels, search = (result(f"studies/{name}/metrics.json") for name in ("ensemble", "labels", "search"))
    together, images = ensemble["together"], ensemble["together"]["images"]
    each = f"{images * (1 - ensemble['accuracy_mean']):.1f} ± {images * ensemble['accuracy_deviation']:.1f}"
    return {
        "studies/README.md": [
            f"{each} errors of {images:,}",
            f"models together make {together['errors']} errors",
        ],
        "studies/labels/README.md": [
            f"Of {labels['images']:,} labels, {labels['doubtful']} are doubtful: "
            f"{percent(labels['doubtful'] / labels['images'])}.",
            f"The folds misread {labels['errors']} images",
        ],
        "studies/search/README.md": [
            f"| {', '.join(map(str, recipe['errors']))} "
            f"| {percent(recipe['accuracy_mean'])} ± {percent(recipe['accuracy_deviation'])} "
            f"| {recipe['loss_mean']:.4f} ± {recipe['loss_deviation']:.4f} |"
            for recipe in (search["start"], search["best"])
        ],
    }


def result(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


def interval(measured: dict[str, Any]) -> str:
    low, high = (100 * measured[f"accuracy_{end}"] for end in ("low", "high"))
    return f"{percent(measured['accuracy'])} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
