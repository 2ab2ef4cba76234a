"""The graph of stages and the snapshot of the working tree; no stage is run, and Ray is not needed."""

import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.graph import Pipelines, cores, snapshot, uncacheable
from digits.core.errors import InputError
from tests.cluster.tiny import Tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny pipeline, and in the folder ``after`` a DVC repository whose one stage needs last.txt."""
    tiny = Tiny(tmp_path_factory.mktemp("graph") / "tiny")
    (tiny.path / "after").mkdir()
    tiny.run("dvc", "--cd", "after", "init", "-q", "--subdir")
    stage = {"cmd": "true", "deps": ["../last.txt"], "outs": [{"after.txt": {"persist": True}}]}
    (tiny.path / "after" / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"after": stage}}))
    tiny.set(train={"batch_size": 6})
    tiny.commit("after")
    return tiny


def test_each_stage_comes_after_those_that_it_needs(tiny: Tiny) -> None:
    pipelines = Pipelines(tiny.path, [f"{tiny.path}", f"{tiny.path}/after"], {})
    needs = {
        pipelines.name(stage): sorted({pipelines.name(out.stage) for out in outs})
        for stage, outs in pipelines.needs.items()
    }
    # "last" depends on a folder in which both items have an output.
    assert needs == {
        "first": [],
        "item@x": ["first"],
        "item@y": ["first"],
        "last": ["item@x", "item@y"],
        "after:after": ["last"],
    }
    first, *_, last, after = needs
    assert (first, last, after) == ("first", "last", "after:after")
    [y] = [stage for stage in pipelines.stages if stage.name == "item@y"]
    assert {stage.name for stage in pipelines.dependents([y])} == {"item@y", "last", "after"}


def test_one_stage_is_run_with_what_it_needs(tiny: Tiny) -> None:
    assert [stage.name for stage in Pipelines(tiny.path, [f"{tiny.path}:item@y"], {}).stages] == ["first", "item@y"]


def test_what_other_pipelines_made_is_an_input(tiny: Tiny) -> None:
    [(stage, [out])] = Pipelines(tiny.path, [f"{tiny.path}/after"], {}).needs.items()
    assert (stage.name, out.stage.name, out.def_path) == ("after", "last", "last.txt")


def test_a_stage_needs_as_many_cores_as_its_batches_have_parts(tiny: Tiny) -> None:
    needed = {stage.name: cores(stage) for stage in Pipelines(tiny.path, [f"{tiny.path}"], {}).stages}
    assert needed == {"first": 1, "item@x": 3, "item@y": 3, "last": 1}


def test_stages_without_a_run_cache_are_known(tiny: Tiny) -> None:
    pipelines = Pipelines(tiny.path, [f"{tiny.path}", f"{tiny.path}/after"], {})
    assert [stage.name for stage in pipelines.stages if uncacheable(stage)] == ["after"]


def test_a_snapshot_has_changes_and_new_files_and_leaves_no_trace(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "tiny")
    (tiny.path / "source.txt").write_text("changed")
    (tiny.path / "new.txt").write_text("new")
    before = tiny.run("git", "status", "--porcelain")
    commit, pack = snapshot(tiny.path)
    assert tiny.run("git", "status", "--porcelain") == before
    clone = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    subprocess.run(["git", "unpack-objects", "-q"], cwd=clone, input=pack, check=True)
    subprocess.run(["git", "reset", "-q", "--hard", commit], cwd=clone, check=True)
    assert (clone / "source.txt").read_text() == "changed"
    assert (clone / "new.txt").read_text() == "new"


def test_a_folder_without_a_pipeline_is_reported(tiny: Tiny) -> None:
    with pytest.raises(InputError, match=r"nowhere/dvc\.yaml: no such file"):
        Pipelines(tiny.path, [f"{tiny.path}/nowhere"], {})
