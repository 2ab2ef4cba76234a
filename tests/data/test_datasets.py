import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from digits.core.errors import InputError
from digits.data import datasets

RNG = np.random.default_rng(0)
FILES = {
    datasets.TRAIN_IMAGES: RNG.integers(0, 256, (60, 28, 28), np.uint8),
    datasets.TRAIN_LABELS: np.tile(np.arange(10, dtype=np.uint8), 6),
    datasets.TEST_IMAGES: RNG.integers(0, 256, (10, 28, 28), np.uint8),
    datasets.TEST_LABELS: np.arange(10, dtype=np.uint8),
}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of a small dataset called mnist."""
    folder = tmp_path / "mirror"
    for file, array in FILES.items():
        datasets.write_idx(folder / file, array)
    sums = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in FILES}
    monkeypatch.setitem(datasets.SHA256, "mnist", sums)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class ErrorPage(BaseHTTPRequestHandler):
    """Answers every request with a login page, as a captive portal does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>")

    def log_message(self, format: str, *args: object) -> None:
        pass


class Truncating(Quiet):
    """Announces a whole file and closes the connection after its first bytes."""

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        outputfile.write(source.read(100))


@pytest.fixture
def serve() -> Iterator[object]:
    servers = []

    def start(handler: object) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def assert_downloaded(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for file, array in FILES.items():
        np.testing.assert_array_equal(datasets.read_idx(folder / file, array.ndim), array)


def test_a_folder_is_a_mirror(tmp_path: Path, mirror: Path) -> None:
    datasets.download("mnist", [str(mirror)], tmp_path / "raw")
    assert_downloaded(tmp_path / "raw")


def test_a_url_is_a_mirror(tmp_path: Path, mirror: Path, serve) -> None:  # type: ignore[no-untyped-def]
    datasets.download("mnist", [serve(partial(Quiet, directory=mirror))], tmp_path / "raw")
    assert_downloaded(tmp_path / "raw")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("error page", "wrong content"),
        ("truncating", "connection lost"),
        ("empty site", "HTTP status 404"),
        ("other bytes", "wrong content"),
        ("no folder", "No such file or directory"),
        ("refusing", "unreachable"),
        ("silent", "no answer"),
    ],
)
def test_a_bad_mirror_is_reported_and_skipped(  # type: ignore[no-untyped-def]
    tmp_path: Path, mirror: Path, serve, kind: str, reason: str,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(datasets, "ANSWER_SECONDS", 2.0)
    other = tmp_path / "other"
    other.mkdir()
    server = socket.create_server(("127.0.0.1", 0), backlog=1)
    match kind:
        case "error page":
            bad = serve(ErrorPage)
        case "truncating":
            bad = serve(partial(Truncating, directory=mirror))
        case "empty site":
            bad = serve(partial(Quiet, directory=other))
        case "other bytes":
            for file in FILES:
                (other / file).write_bytes(b"other")
            bad = str(other)
        case "no folder":
            bad = str(tmp_path / "nowhere")
        case "refusing":
            port = server.getsockname()[1]
            server.close()
            bad = f"http://127.0.0.1:{port}/"
        case "silent":
            # It accepts the connection but never answers.
            bad = f"http://127.0.0.1:{server.getsockname()[1]}/"
    datasets.download("mnist", [bad, str(mirror)], tmp_path / "raw")
    server.close()
    assert_downloaded(tmp_path / "raw")
    warning = next(line for line in capfd.readouterr().err.splitlines() if line.startswith("warning"))
    assert bad in warning
    assert reason in warning


def test_if_every_mirror_fails_all_are_reported_and_no_file_is_left(tmp_path: Path, mirror: Path) -> None:
    for file in FILES:
        (mirror / file).write_bytes(b"other")
    with pytest.raises(datasets.UnavailableError, match=r"no mirror serves mnist: .*wrong content.*; .*nowhere: "):
        datasets.download("mnist", [str(mirror), str(tmp_path / "nowhere")], tmp_path / "raw")
    assert not list((tmp_path / "raw").glob("*"))


def test_the_sample_is_5000_different_digits_in_mnists_proportions(tmp_path: Path) -> None:
    datasets.write_sample(tmp_path / datasets.SAMPLE)
    train, test = datasets.read(tmp_path)
    assert (train.name, test.name) == ("mnist-sample", "mnist-sample")
    assert np.bincount(train.labels).tolist() == [430] * 10
    assert np.bincount(test.labels).tolist() == [70] * 10
    images = np.concatenate([train.images, test.images]).reshape(5000, -1)
    assert len(np.unique(images, axis=0)) == 5000
    # In MNIST, ink covers a fifth of an image.
    assert 0.15 < (images > 0).mean() < 0.25


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, max_side=5)))
def test_an_idx_file_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("idx") / "file.gz"
    datasets.write_idx(path, array)
    np.testing.assert_array_equal(datasets.read_idx(path, array.ndim), array)


# Without the time (mtime=0) in the gzip headers: pytest-xdist needs the same parameters in every process.
GOOD = bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 6])


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        b"",
        gzip.compress(b"", mtime=0),
        gzip.compress(GOOD, mtime=0)[:-6],
        gzip.compress(GOOD[:6], mtime=0),
        gzip.compress(GOOD[:-1], mtime=0),
        gzip.compress(GOOD + b"7", mtime=0),
        gzip.compress(bytes([0, 0, 13]) + GOOD[3:], mtime=0),
        gzip.compress(bytes([0, 0, 8, 2]) + GOOD[4:], mtime=0),
    ],
)
def test_the_error_for_a_damaged_idx_file_names_the_file_and_the_command(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"labels\.gz: .*dvc repro --force download") as caught:
        datasets.read_idx(path, 1)
    assert "\n" not in str(caught.value)


def test_images_and_labels_that_do_not_match_are_reported(tmp_path: Path, mirror: Path) -> None:
    datasets.write_idx(mirror / datasets.TRAIN_LABELS, np.zeros(59, np.uint8))
    (tmp_path / "raw").mkdir()
    mirror.rename(tmp_path / "raw" / "mnist")
    with pytest.raises(InputError, match=r"train-labels.*not 60 labels"):
        datasets.read(tmp_path / "raw")


def test_a_missing_dataset_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains 0 datasets"):
        datasets.read(tmp_path)
