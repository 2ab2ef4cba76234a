import hashlib
import os
import socket
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from digits.data import datasets, mirrors
from tests.attacks.mirrors import KINDS, serving
from tests.data import small
from tests.data.small import FILES


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of a small dataset called mnist."""
    folder = small.write(tmp_path / "mirror")
    contents = {file: (folder / file).read_bytes() for file in FILES}
    monkeypatch.setitem(
        datasets.SHA256, "mnist", {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    )
    monkeypatch.setitem(datasets.BYTES, "mnist", {file: len(content) for file, content in contents.items()})
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def assert_downloaded(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for file, array in FILES.items():
        np.testing.assert_array_equal(datasets.read_idx(folder / file, array.ndim), array)


def test_a_folder_is_a_mirror(tmp_path: Path, mirror: Path) -> None:
    mirrors.download("mnist", [str(mirror)], tmp_path / "raw")
    assert_downloaded(tmp_path / "raw")


def test_a_url_is_a_mirror_and_its_password_is_not_told(
    tmp_path: Path, mirror: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=mirror)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://anna:geheim@127.0.0.1:{server.server_port}"
        mirrors.download("mnist", [f"{url}/nowhere?token=geheim", url], tmp_path / "raw")
        server.shutdown()
    assert_downloaded(tmp_path / "raw")
    told = capfd.readouterr().err
    assert f"skipping the mirror http://127.0.0.1:{server.server_port}/nowhere: HTTP status 404" in told
    assert "geheim" not in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_mirror_is_passed_over_and_leaves_nothing(
    tmp_path: Path, mirror: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, seconds in (("ANSWER_SECONDS", 1.0), ("SILENCE_SECONDS", 0.5), ("GRACE_SECONDS", 0.5)):
        monkeypatch.setattr(mirrors, name, seconds)
    files = {file: (mirror / file).read_bytes() for file in FILES}
    start = time.monotonic()
    with serving(files, KINDS[kind]) as url:
        mirrors.download("mnist", [url, str(mirror)], tmp_path / "raw")
    # The limits above with some room for a slow machine; without them, most would take minutes.
    assert time.monotonic() - start < 30
    assert_downloaded(tmp_path / "raw")
    warnings = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"warning: skipping the mirror {url}: ")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("is not found", "HTTP status 404"),
        ("sends a page instead", "wrong content: its SHA-256 is not the published one"),
        ("breaks off", "connection lost"),
        ("stops in the middle", "no data for"),
        ("never answers", "no answer within"),
        ("sends its body byte by byte", "slower than 20 kB a second"),
        ("sends an endless body", "more than the"),
        ("sends a gzip bomb", "more than the"),
    ],
)
def test_the_reason_is_told(
    tmp_path: Path, mirror: Path, kind: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("ANSWER_SECONDS", 1.0), ("SILENCE_SECONDS", 2.0), ("GRACE_SECONDS", 0.5)):
        monkeypatch.setattr(mirrors, name, seconds)
    if kind == "stops in the middle":
        monkeypatch.setattr(mirrors, "GRACE_SECONDS", 60.0)
    files = {file: (mirror / file).read_bytes() for file in FILES}
    with serving(files, KINDS[kind]) as url, pytest.raises(mirrors.UnavailableError, match=f"{url}: {reason}"):
        mirrors.download("mnist", [url], tmp_path / "raw")
    assert not list((tmp_path / "raw").glob("*"))


@pytest.mark.parametrize("kind", ["nowhere", "other bytes", "too large", "a folder", "a pipe"])
def test_a_folder_with_other_files_is_passed_over(
    tmp_path: Path, mirror: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    for file in FILES if kind != "nowhere" else ():
        path = other / file
        path.parent.mkdir(exist_ok=True)
        match kind:
            case "other bytes":
                path.write_bytes(b"other")
            case "too large":
                path.write_bytes(bytes(1_000_000))
            case "a folder":
                path.mkdir()
            case "a pipe":
                os.mkfifo(path)
    mirrors.download("mnist", [str(other), str(mirror)], tmp_path / "raw")
    assert_downloaded(tmp_path / "raw")
    assert f"warning: skipping the mirror {other}: " in capfd.readouterr().err


def test_a_mirror_that_refuses_is_unreachable(tmp_path: Path, mirror: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mirrors.download("mnist", [f"http://127.0.0.1:{port}/", "http://[", str(mirror)], tmp_path / "raw")
    assert_downloaded(tmp_path / "raw")
    assert capfd.readouterr().err.count("unreachable (") == 2


def test_if_every_mirror_fails_all_are_reported_and_no_file_is_left(tmp_path: Path, mirror: Path) -> None:
    for file in FILES:
        (mirror / file).write_bytes(b"other")
    with pytest.raises(mirrors.UnavailableError, match=r"no mirror serves mnist: .*wrong content.*; .*nowhere: "):
        mirrors.download("mnist", [str(mirror), str(tmp_path / "nowhere")], tmp_path / "raw")
    assert not list((tmp_path / "raw").glob("*"))
