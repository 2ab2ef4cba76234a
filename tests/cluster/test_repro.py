"""python -m cluster repro, with Ray on this machine; its two nodes have a core each."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cluster.tiny import Tiny, alive, interrupt, until

pytest.importorskip("ray", reason="Ray is missing: pip install -r requirements-cluster.txt")
from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    nodes: Any = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    nodes.add_node(**NODE)
    yield nodes
    nodes.shutdown()


def workers(node: Any) -> list[psutil.Process]:
    """Return the worker processes on ``node`` that run a stage."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [child for child in raylet.children(recursive=True) if child.name().startswith("ray::work")]


def test_results_are_those_of_dvc_and_independent_stages_overlap(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny", steps={"first": 1, "x": 1, "y": 1, "last": 1})
    plain = tiny.plain()
    tiny.meet()
    output = tiny.repro("--address", cluster.address)
    assert tiny.files() == plain
    events = tiny.events()
    assert events[:2] == ["first begins-at-0", "first ends"]
    assert sorted(events[2:4]) == ["x begins-at-0", "y begins-at-0"]
    assert sorted(events[4:]) == ["last begins-at-0", "last ends", "x ends", "y ends"]
    assert "last done" in output
    assert tiny.repro("--address", cluster.address) == ""
    assert len(tiny.events()) == 8


def test_changes_without_a_commit_are_used_through_a_remote(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny")
    tiny.repro("--address", cluster.address)
    tiny.set(steps={"y": 2})
    (tiny.path / "source.txt").write_text("changed")
    tiny.repro("--address", cluster.address, "--remote", str(tmp_path / "remote"))
    assert "changed" in (tiny.path / "last.txt").read_text()
    # Somebody else, with the same remote, runs nothing.
    tiny.commit("changed")
    other = tiny.copy(tmp_path / "other")
    other.run("git", "clean", "-fdxq")
    other.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    count = len(tiny.events())
    other.run("dvc", "repro", "--pull")
    assert len(tiny.events()) == count


def test_what_fails_is_named_and_the_rest_ends(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny", broken=["x"])
    output = tiny.repro("--address", cluster.address, code=1)
    assert output.splitlines()[-1] == "error: item@x: error: x is broken (therefore not run: last)"
    assert "Traceback" not in output
    assert "y ends" in tiny.events()
    assert (tiny.path / "runs" / "y" / "out.txt").exists()


def test_a_stage_goes_on_elsewhere_when_its_worker_or_node_is_lost(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny", steps={"first": 1, "x": 60, "y": 60, "last": 1})
    plain = Tiny(tmp_path / "other", steps={"first": 1, "x": 60, "y": 60, "last": 1})
    plain.run("dvc", "repro", "-q")
    third = cluster.add_node(**NODE)
    tiny.meet()
    run = tiny.start("--address", cluster.address)
    # Both have done a step, from which they can go on.
    until(lambda: len(list((tiny.path / ".checkpoints").glob("[xy].step"))) == 2)
    until(lambda: bool(workers(cluster.head_node)) or bool(workers(third)))
    if workers(third):
        cluster.remove_node(third, allow_graceful=False)
    else:
        workers(cluster.head_node)[0].kill()
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    assert " lost on " in output
    begins = [event for event in tiny.events() if "begins" in event]
    assert len(begins) == 5, begins
    assert any(not event.endswith("-0") for event in begins)
    assert {name: data for name, data in tiny.files().items() if name != "dvc.lock"} == {
        name: data for name, data in plain.files().items() if name != "dvc.lock"
    }


def test_what_was_done_before_the_driver_was_killed_is_not_run_again(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny")
    plain = tiny.plain()
    for name in ("first", "x"):
        run = tiny.start("--address", cluster.address)
        assert run.stdout
        assert any(f"{name} done" in line for line in run.stdout)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    tiny.repro("--address", cluster.address)
    ends = [event for event in tiny.events() if event.endswith("ends")]
    assert ends.count("first ends") == ends.count("x ends") == 1
    assert tiny.files() == plain


def test_a_finished_stage_is_in_the_clone_while_others_run_and_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "tiny", steps={"first": 1, "x": 600, "y": 600, "last": 1})
    run = tiny.start()
    until(lambda: (tiny.path / "dvc.lock").exists() and len(tiny.events()) >= 3)
    assert (tiny.path / "first.txt").exists()
    stage = int(tiny.log.read_text().split()[-1])
    assert alive(stage)
    output = interrupt(run)
    assert run.returncode == 130, output
    assert "Traceback" not in output
    until(lambda: not alive(stage), 10)
    left = [each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(each.info["cmdline"] or [])]
    assert not left


def test_what_is_changed_meanwhile_is_run_at_the_end(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny", steps={"first": 20, "x": 1, "y": 1, "last": 1})
    run = tiny.start("--address", cluster.address)
    until(lambda: bool(tiny.events()))
    (tiny.path / "source.txt").write_text("changed")
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    # Those of the nodes used what was there at the start.
    events = tiny.events()
    assert events.index("last ends") < len(events) - 1 - events[::-1].index("first begins-at-0")
    assert "changed" in (tiny.path / "last.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "error: nowhere/dvc.yaml: no such file; name folders of pipelines"),
        (["--address", "127.0.0.1:1"], "error: Ray at 127.0.0.1:1: "),
    ],
)
def test_mistakes_are_reported_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    output = Tiny(tmp_path / "tiny").repro(*arguments, code=1)
    assert output.startswith(message)
    assert len(output.splitlines()) == 1
