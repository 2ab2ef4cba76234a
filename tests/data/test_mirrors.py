import gzip
import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import pytest

from digits.data import datasets, mirrors
from tests.data import small
from tests.data.small import FILES

OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(bytes(20_000_000), 1)
Send = Callable[[bytes], object]


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "Connection: close", *headers, "", ""]).encode() + body


def drip(send: Send, content: bytes) -> None:
    for byte in itertools.cycle(content):
        send(bytes([byte]))
        time.sleep(0.1)


def flood(send: Send) -> None:
    send(OK)
    while True:
        send(b"\r\n" * 100)


def stop(send: Send, content: bytes) -> None:
    send(content)
    time.sleep(60)


# How a mirror serves a file, and the reason for which it is skipped.
HOSTILE: dict[str, tuple[Callable[[Send, bytes], object], str]] = {
    "silent": (lambda send, file: stop(send, b""), "no answer within|cannot be reached"),
    "header byte by byte": (lambda send, file: drip(send, OK + b"X: x"), "no answer within"),
    "body byte by byte": (lambda send, file: drip(send, OK + b"\r\n" + bytes(99)), "no answer within"),
    "stops": (lambda send, file: stop(send, answer(file[:-9], length=len(file))), "no answer|less than|cannot be"),
    "endless body": (lambda send, file: flood(send), "more than the"),
    "gzip bomb": (lambda send, file: send(answer(BOMB, "Content-Encoding: gzip")), "more than the"),
    "breaks off": (lambda send, file: send(answer(file[:-1], length=len(file))), "cannot be read"),
    "other protocol": (lambda send, file: send(b"220 mail.example ESMTP\r\n"), "cannot be reached"),
    "not found": (lambda send, file: send(answer(b"", status="404 Not Found")), "HTTP status 404"),
    "circle": (
        lambda send, file: send(answer(b"", "Location: ./x", status="302 Found")),
        r"cannot be reached \(TooManyRedirects\)",
    ),
    "login page": (lambda send, file: send(answer(b"<!doctype html>Please log in")), "wrong content"),
    "one byte more": (lambda send, file: send(answer(file + b"x")), "more than the"),
    "labels": (
        lambda send, file: send(answer(file if len(file) > 1000 else b"other")),
        f"{datasets.TRAIN_LABELS}: wrong content",
    ),
}


class Handler(BaseHTTPRequestHandler):
    """Serves the files of the small dataset: at /good/ as they are, at /KIND/ as that hostile mirror does."""

    contents: dict[str, bytes]

    def do_GET(self) -> None:
        kind, file = unquote(self.path).split("/")[-2:]
        content = self.contents.get(file, b"")
        try:
            if kind == "good":
                self.wfile.write(answer(content))
            else:
                HOSTILE[kind][0](self.wfile.write, content)
        except OSError:
            pass  # The client has hung up.

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the files of a small dataset, called mnist."""
    folder = small.write(tmp_path_factory.mktemp("mirror"))
    contents = {file: (folder / file).read_bytes() for file in FILES}
    Handler.contents = contents
    with pytest.MonkeyPatch.context() as patch:
        hashes = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
        patch.setitem(datasets.SHA256, "mnist", hashes)
        patch.setitem(datasets.BYTES, "mnist", {file: len(content) for file, content in contents.items()})
        patch.setattr(mirrors, "SILENCE_SECONDS", 0.5)
        yield folder


@pytest.fixture(scope="module")
def server(mirror: Path) -> Iterator[str]:
    """The address of a server that has the small dataset, without http://."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def assert_downloaded(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for file, array in FILES.items():
        np.testing.assert_array_equal(datasets.read_idx(folder / file, array.ndim), array)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_mirror_is_skipped_soon_with_the_reason_and_leaves_nothing(
    tmp_path: Path, server: str, kind: str
) -> None:
    url, start = f"http://{server}/{quote(kind)}/", time.monotonic()
    with pytest.raises(
        mirrors.UnavailableError, match=f"no mirror serves mnist: {url}: .*({HOSTILE[kind][1]})"
    ) as caught:
        mirrors.download("mnist", [url], tmp_path / "raw")
    assert "\n" not in str(caught.value)
    # Half a second, with room for a slow machine.
    assert time.monotonic() - start < 30
    assert not (tmp_path / "raw").exists()


def test_mirrors_are_tried_in_order_and_no_password_is_printed(
    tmp_path: Path, server: str, mirror: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"http://anna:geheim@{server}"
    sources = [f"{url}/not found?token=geheim", "http://[", "http://127.0.0.1:9/", str(tmp_path), f"{url}/good"]
    mirrors.download("mnist", sources, tmp_path / "raw")
    assert_downloaded(tmp_path / "raw")
    warnings = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [line.removeprefix("warning: skipping the mirror ").partition(": ")[0] for line in warnings] == [
        f"http://{server}/not found",
        "http://[",
        "http://127.0.0.1:9/",
        str(tmp_path),
    ]
    assert "geheim" not in "".join(warnings)


def test_a_folder_is_a_mirror_unless_a_file_is_another(tmp_path: Path, mirror: Path) -> None:
    mirrors.download("mnist", [str(mirror)], tmp_path / "raw")
    assert_downloaded(tmp_path / "raw")
    other = small.write(tmp_path / "other")
    (other / datasets.TRAIN_LABELS).write_bytes(b"other")
    with pytest.raises(mirrors.UnavailableError, match=f"{other}: {datasets.TRAIN_LABELS}: wrong content"):
        mirrors.download("mnist", [str(other)], tmp_path / "new")
