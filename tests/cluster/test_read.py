"""python -m cluster read, with Ray on this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from digits.core.errors import InputError
from tests.cluster import tiny
from tests.cluster.tiny import interrupt, until
from tests.repository import ROOT

pytest.importorskip("ray", reason="Ray is missing: pip install -r requirements-cluster.txt")
from pyarrow import parquet
from ray.cluster_utils import Cluster

from cluster import read


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    given = {"num_cpus": 2, "object_store_memory": 100 << 20, "include_dashboard": False}
    nodes: Any = Cluster(initialize_head=True, head_node_args=given)
    yield nodes.address
    nodes.shutdown()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of a few images with a stroke, one of them damaged, some with odd names, and files that are not read."""
    folder = tmp_path / "images"
    (folder / "sub" / ".hidden").mkdir(parents=True)
    for name in ("1.png", "br[a]ck*et.PNG", "new\nline.png", "sub/ümläut.png", "sub/a::b.png", "sub/.hidden/no.png"):
        stroke(folder / name)
    shutil.copy(folder / "1.png", folder / os.fsdecode(b"not-utf-8-\xff.png"))
    (folder / "damaged.png").write_bytes((folder / "1.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("no image")
    os.mkfifo(folder / "pipe.png")
    return folder


def stroke(path: Path, place: int = 13) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[5:23, place : place + 3] = 255
    Image.fromarray(image).save(path)


def start(*arguments: object) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return tiny.start(ROOT, environment, "read", *map(str, arguments))


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows in ``out`` by path; fail if a path is there twice."""
    found = [row for part in out.glob("*") for row in parquet.read_table(part).to_pylist()]
    by_path = {row["path"]: row for row in found}
    assert len(by_path) == len(found)
    return by_path


def test_every_file_has_a_row_that_says_what_digits_read_does(tmp_path: Path, images: Path, address: str) -> None:
    out = tmp_path / "readings.parquet"
    command = (images, images / "sub", f"{images}/**/*.png", "--out", out, "--address", address)
    output = start(*command).communicate()[0]
    assert output == f"{out}: 15 files, 7 of them new, 1 of these not readable\n"
    plain = subprocess.run(
        [sys.executable, "-m", "digits", "read", str(images), "--json"], cwd=ROOT, capture_output=True, check=False
    )
    expected = {each["picture"]: each for each in map(json.loads, plain.stdout.splitlines())}
    found = rows(out)
    assert found.keys() == {path.encode(errors="backslashreplace").decode() for path in expected}
    for path, each in expected.items():
        row = found[path.encode(errors="backslashreplace").decode()]
        digits = [digit for line in each.get("lines", []) for word in line for digit in word]
        assert row["text"] == each.get("text")
        assert [digit["digit"] for digit in row["digits"] or []] == [str(digit["digit"]) for digit in digits]
        assert [digit["box"] for digit in row["digits"] or []] == [digit["box"] for digit in digits]
        probabilities = [digit["probability"] for digit in digits]
        assert [digit["probability"] for digit in row["digits"] or []] == pytest.approx(probabilities, abs=1e-3)
        assert row["error"] == (each["error"].partition(": ")[2] if "error" in each else None)
    assert any(row["text"] for row in found.values())
    # Only what is new is read.
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    stroke(images / "another.png")
    assert "17 files, 1 of them new, 0 of these" in start(*command).communicate()[0]
    assert {path: path.stat().st_mtime_ns for path in out.iterdir() if path in before} == before
    assert rows(out).keys() == {*found, str(images / "another.png")}


def test_kills_lose_nothing_and_read_nothing_twice(tmp_path: Path, address: str) -> None:
    folder, out = tmp_path / "images", tmp_path / "readings.parquet"
    folder.mkdir()
    for number in range(2560):
        stroke(folder / f"{number}.png", number % 24)
    driver = start(folder, "--out", out, "--address", address)
    until(lambda: out.exists() and len([*out.glob("part-*")]) > 0)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    kept = {path: path.read_bytes() for path in out.glob("part-*")}
    assert 0 < len(rows(out)) < 2560
    driver = start(folder, "--out", out, "--address", address)
    until(lambda: len([*out.glob("part-*")]) > len(kept))
    [reader, *_] = [each for each in psutil.process_iter(["name"]) if "MapWorker" in (each.info["name"] or "")]
    reader.kill()
    output = driver.communicate(timeout=120)[0]
    assert driver.returncode == 0, output
    assert len(rows(out)) == 2560
    assert {path: path.read_bytes() for path in kept} == kept


def test_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    folder, out = tmp_path / "images", tmp_path / "readings.parquet"
    folder.mkdir()
    for number in range(1100):
        stroke(folder / f"{number}.png")
    run = start(folder, "--out", out)
    until(lambda: len([*out.glob("part-*")]) > 0)
    children = psutil.Process(run.pid).children(recursive=True)
    assert len(children) > 2
    assert interrupt(run) == ""
    assert run.returncode == 130
    until(lambda: not any(each.is_running() and each.status() != "zombie" for each in children), 15)


def test_urls_are_read(tmp_path: Path, images: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.write(images / "1.png", "in/1.png")
        archive.write(images / "damaged.png", "in/sub/damaged.png")
        archive.write(images / "notes.txt", "in/notes.txt")
    given = f"zip://in::file://{tmp_path}/images.zip"
    files = read._images(given)
    shown = [f"zip://{name}::file://{tmp_path}/images.zip" for name in ("in/1.png", "in/sub/damaged.png")]
    assert [read._shown(read._opened(given)[0], given, path) for path in files] == shown
    assert read._images(given.replace("in", "in/*.png", 1)) == files[:1]
    (tmp_path / "out").mkdir()
    reader = read._Reader(str(tmp_path / "out"))
    part = {"given": given, "files": [path.encode() for path in [*files, "in/lost.png"]]}
    assert reader(part) == {"files": 3, "failed": 2}
    # A part that is written again, by a reader that was thought dead, has the same name.
    assert reader(part) == {"files": 3, "failed": 2}
    found = rows(tmp_path / "out")
    assert found[shown[0]]["text"]
    assert found[shown[1]]["error"].startswith("damaged image (")
    assert found[f"zip://in/lost.png::file://{tmp_path}/images.zip"]["error"].startswith("FileNotFoundError: ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere.png", "nowhere.png: no such file, or a folder or pattern without images"),
        ("empty", "empty: no such file, or a folder or pattern without images"),
        ("images/*.jpg", "images/*.jpg: no such file, or a folder or pattern without images"),
        ("images/pipe.png", "images/pipe.png: no such file, or a folder or pattern without images"),
        ("", ": no such file, or a folder or pattern without images"),
        ("nothing://of/the/kind", "nothing://of/the/kind: Protocol not known: nothing"),
    ],
)
def test_paths_without_images_are_named(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch, given: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(InputError, match=r"^[^\n]*$") as error:
        read.read([given], "out", None)
    assert str(error.value).endswith(message)
    assert not Path("out").exists()


def test_only_a_folder_of_readings_is_added_to(tmp_path: Path, images: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "part-1.parquet").write_text("damaged")
    for out in (images / "notes.txt", images, other, images / "notes.txt" / "below"):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match=r"^[^\n]*$"):
            read.read([str(images)], str(out), None)
        assert sorted(tmp_path.rglob("*")) == before
