"""The graph of stages, of the real pipelines; nothing is run, and Ray is not needed."""

import subprocess
from pathlib import Path

import pytest

from cluster.graph import Pipelines, snapshot, threads, uncacheable
from digits.core.errors import InputError
from tests.cluster.tiny import Tiny
from tests.repository import ROOT


@pytest.fixture(scope="module")
def folds() -> Pipelines:
    return Pipelines(ROOT, [ROOT / "studies" / "folds"], {})


def test_each_stage_comes_after_those_that_it_needs(folds: Pipelines) -> None:
    names = [folds.name(stage).removeprefix("studies/folds:") for stage in folds.stages]
    assert sorted(names) == sorted(
        ["fold", "average", "predict", *(f"{stage}@{number}" for stage in ("augment", "train") for number in range(4))]
    )
    for stage, outs in folds.needs.items():
        assert all(
            out.stage not in folds.stages or folds.stages.index(out.stage) < folds.stages.index(stage) for out in outs
        )


def test_what_other_pipelines_made_is_an_input(folds: Pipelines) -> None:
    fold = next(stage for stage in folds.stages if stage.name == "fold")
    [out] = {*folds.needs[fold]}
    assert (folds.name(out.stage), out.def_path) == ("preprocess", "data/processed")
    assert out.stage not in folds.stages


def test_a_folder_as_input_needs_all_that_is_made_in_it(folds: Pipelines) -> None:
    average = next(stage for stage in folds.stages if stage.name == "average")
    assert {out.stage.name for out in folds.needs[average]} == {
        f"{stage}@{number}" for stage in ("augment", "train") for number in range(4)
    }
    assert average in folds.dependents([stage for stage in folds.stages if stage.name == "augment@1"])


def test_the_recipe_says_how_many_cores_a_training_needs(folds: Pipelines) -> None:
    cores = {stage.name: threads(stage) for stage in folds.stages}
    assert (cores["augment@0"], cores["train@0"], cores["predict"]) == (1, 2, 2)
    assert not any(uncacheable(stage) for stage in folds.stages)


def test_a_snapshot_has_changes_and_new_files_and_leaves_no_trace(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "tiny")
    (tiny.path / "source.txt").write_text("changed")
    (tiny.path / "new.txt").write_text("new")
    before = tiny.run("git", "status", "--porcelain")
    commit, pack = snapshot(tiny.path)
    assert snapshot(tiny.path)[0] == commit
    assert tiny.run("git", "status", "--porcelain") == before
    subprocess.run(["git", "init", "-q", str(tmp_path / "clone")], check=True)
    subprocess.run(["git", "unpack-objects", "-q"], cwd=tmp_path / "clone", input=pack, check=True)
    subprocess.run(["git", "reset", "-q", "--hard", commit], cwd=tmp_path / "clone", check=True)
    assert (tmp_path / "clone" / "source.txt").read_text() == "changed"
    assert (tmp_path / "clone" / "new.txt").read_text() == "new"


def test_a_folder_without_a_pipeline_is_reported(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "tiny")
    with pytest.raises(InputError, match=r"nowhere/dvc\.yaml: no such file"):
        Pipelines(tiny.path, [tiny.path / "nowhere"], {})
