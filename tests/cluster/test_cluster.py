"""python -m cluster, with Ray on this machine; its two nodes have a core each."""

import os
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from digits.core.errors import InputError
from digits.reading.recognizer import Recognizer
from tests.cluster import tiny as tinies
from tests.cluster.tiny import Tiny, interrupt, until
from tests.repository import ROOT

pytest.importorskip("ray", reason="Ray is missing: pip install -r requirements-cluster.txt")
from pyarrow import parquet
from ray.cluster_utils import Cluster

from cluster.connection import connect
from cluster.read import read_images

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    nodes: Any = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    nodes.add_node(**NODE)
    yield nodes
    nodes.shutdown()


def test_results_are_those_of_dvc_and_independent_stages_overlap(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny")
    plain = tiny.plain()
    tiny.log.with_suffix(".meet").touch()
    output = tiny.repro("--address", cluster.address)
    assert tiny.files() == plain
    events = tiny.events()
    assert events[:2] == ["first begins-at-0", "first ends"]
    assert sorted(events[2:4]) == ["x begins-at-0", "y begins-at-0"]
    assert sorted(events[4:]) == ["last begins-at-0", "last ends", "x ends", "y ends"]
    assert "last done on " in output


def stroke(path: Path, place: int = 13) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[5:23, place : place + 3] = 255
    Image.fromarray(image).save(path)


def read(*arguments: object) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return tinies.start(ROOT, environment, "read", *map(str, arguments))


def table(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows in ``out`` by path; fail if a path is there twice."""
    rows = [row for part in out.glob("*") for row in parquet.read_table(part).to_pylist()]
    by_path = {row["path"]: row for row in rows}
    assert len(by_path) == len(rows)
    return by_path


def test_every_image_has_a_row_with_what_is_read_or_why_it_cannot_be(
    tmp_path: Path, cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, archive = tmp_path / "images", tmp_path / "readings.parquet", tmp_path / "images.zip"
    (folder / "sub" / ".hidden").mkdir(parents=True)
    names = ["1.png", "br[a]ck*et.PNG", "new\nline.png", "sub/ümläut.png", "sub/a::b.png", os.fsdecode(b"\xff.png")]
    for name in (*names, "sub/.hidden/no.png"):
        stroke(folder / name)
    (folder / "damaged.png").write_bytes((folder / "1.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("no image")
    os.mkfifo(folder / "pipe.png")
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("1.png", "sub/lost.png", ".hidden/no.png", "notes.txt"):
            file.write(folder / "1.png", f"in/{name}")
    content = archive.read_bytes()
    place = content.index(b"in/sub/lost.png") + 40
    archive.write_bytes(content[:place] + b"!" + content[place + 1 :])
    paths = [str(folder), str(folder / "sub"), f"{folder}/**/*.png", f"zip://in::file://{archive}"]

    output = read(*paths, "--out", out, "--address", cluster.address).communicate()[0]

    assert output == f"{out}: 17 files, 9 of them new, 2 of these not readable\n"
    rows = table(out)
    urls = [f"zip://in/{name}::file://{archive}" for name in ("1.png", "sub/lost.png")]
    local = {f"{folder}/{name}".encode(errors="backslashreplace").decode() for name in [*names, "damaged.png"]}
    assert rows.keys() == {*local, *urls}
    reading = Recognizer.load(threads=1).read(folder / "1.png")
    digits = [{"digit": digit.name, "probability": digit.probability, "box": [*digit.box]} for digit in reading.digits]
    assert digits
    errors = {str(folder / "damaged.png"): "damaged image", urls[1]: "BadZipFile: "}
    for path, row in rows.items():
        if path in errors:
            assert row["error"].startswith(errors[path])
            assert row["text"] is row["digits"] is None
        else:
            assert (row["text"], row["error"]) == (reading.text, None)
            assert row["digits"] == [{**digit, "probability": pytest.approx(digit["probability"])} for digit in digits]

    read_images(paths, str(out), None)
    assert capsys.readouterr().out == f"{out}: 17 files, 0 of them new, 0 of these not readable\n"


def test_an_address_without_ray_is_reported_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^Ray at 127\.0\.0\.1:1: [^\n]+$"), connect("127.0.0.1:1"):
        pass


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_fails_is_named_and_the_rest_ends(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny", broken="x")
    output = tiny.repro("--address", cluster.address, code=1)
    assert output.splitlines()[-1] == "error: item@x: error: x is broken (therefore not run: last)"
    assert "Traceback" not in output
    assert "y ends" in tiny.events()
    assert (tiny.path / "runs" / "y" / "out.txt").exists()


def workers(node: Any) -> list[psutil.Process]:
    """Return the worker processes on ``node`` that run a stage."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [child for child in raylet.children(recursive=True) if child.name().startswith("ray::work")]


@pytest.mark.slow
def test_a_stage_goes_on_elsewhere_when_its_worker_or_node_is_lost(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny", steps=60)
    plain = tiny.plain()
    third = cluster.add_node(**NODE)
    tiny.log.with_suffix(".meet").touch()
    run = tiny.start("--address", cluster.address)
    # Both have done a step, from which they can go on.
    until(lambda: len(list((tiny.path / ".checkpoints").glob("[xy].step"))) == 2)
    until(lambda: bool(workers(cluster.head_node)) or bool(workers(third)))
    if workers(third):
        cluster.remove_node(third, allow_graceful=False)
    else:
        workers(cluster.head_node)[0].kill()
    output = run.communicate(timeout=600)[0]
    assert run.returncode == 0, output
    assert " lost on " in output
    begins = [event for event in tiny.events() if "begins" in event]
    assert len(begins) == 5, begins
    assert any(not event.endswith("-0") for event in begins)
    assert tiny.files() == plain


@pytest.mark.slow
def test_what_was_done_before_the_driver_was_killed_is_not_run_again(tmp_path: Path, cluster: Any) -> None:
    tiny = Tiny(tmp_path / "tiny", steps=15)
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


@pytest.mark.slow
def test_a_finished_stage_is_in_the_clone_while_others_run_and_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "tiny", steps=600)
    run = tiny.start()
    until(lambda: (tiny.path / "dvc.lock").exists() and len(tiny.events()) >= 3)
    assert (tiny.path / "first.txt").exists()
    children = psutil.Process(run.pid).children(recursive=True)
    assert any("stage.py" in " ".join(child.cmdline()) for child in children)
    output = interrupt(run)
    assert run.returncode == 130, output
    assert "Traceback" not in output
    until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), 15)


@pytest.mark.slow
def test_kills_lose_nothing_and_read_nothing_twice(tmp_path: Path, cluster: Any) -> None:
    folder, out = tmp_path / "images", tmp_path / "readings.parquet"
    folder.mkdir()
    for number in range(2560):
        stroke(folder / f"{number}.png", number % 24)
    driver = read(folder, "--out", out, "--address", cluster.address)
    until(lambda: len([*out.glob("part-*")]) > 0)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    kept = {path: path.read_bytes() for path in out.glob("part-*")}
    assert 0 < len(table(out)) < 2560
    driver = read(folder, "--out", out, "--address", cluster.address)
    until(lambda: len([*out.glob("part-*")]) > len(kept))
    [reader, *_] = [process for process in psutil.process_iter(["name"]) if "MapWorker" in process.info["name"]]
    reader.kill()
    output = driver.communicate(timeout=600)[0]
    assert driver.returncode == 0, output
    assert len(table(out)) == 2560
    assert {path: path.read_bytes() for path in kept} == kept
