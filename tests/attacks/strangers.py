"""Files from strangers: no code of theirs runs, they read no file, and they take neither much memory nor much time."""

import contextlib
import ctypes
import io
import multiprocessing
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np

from tests.attacks import strange_files
from tests.attacks.limits import SECONDS, tried

# Bytes that a file may take, and seconds until a process that does not even stop by itself is killed.
MOST, LAST = 1_000_000_000, SECONDS + 5
OPEN = 0x20
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)


class Watch:
    """Tells whether a file was opened, by whatever means, so that libraries in C are seen too."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self.descriptor = library.inotify_init1(os.O_NONBLOCK)
        library.inotify_add_watch(self.descriptor, os.fsencode(path), OPEN)

    def opened(self) -> bool:
        """Return whether the file was opened since the last call."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self.descriptor, 100_000))
        return False


class Worker:
    """A process that reads files, and can be killed."""

    process: SpawnProcess | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, kind: str, path: Path) -> tuple[str, bool]:
        """Return what went wrong when the process read the file, and whether it accepted it."""
        if not self.process:
            self._start()
        assert self.process
        before, start = _memory(self.process.pid), time.monotonic()
        self.connection.send((kind, path))
        wrong, accepted = "", False
        while not wrong and not self.connection.poll(0.05):
            if (grown := _memory(self.process.pid) - before) > MOST:
                wrong = f"more than {grown / 1e6:.0f} MB"
            elif time.monotonic() - start > LAST:
                wrong = f"longer than {LAST} s, and does not stop"
        if not wrong:
            try:
                wrong, accepted = self.connection.recv()
            except EOFError:
                self.process.join()
                wrong = f"ended the process: {self.process.exitcode}"
        if wrong:
            self.stop()
        return wrong, accepted

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_work, args=[other, self.folder], daemon=True)
        self.process.start()
        other.close()
        # TensorFlow is imported.
        self.connection.recv()

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.join()
            self.process = None


def _memory(pid: int | None) -> int:
    with contextlib.suppress(FileNotFoundError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _work(connection: Connection, folder: Path) -> None:
    from digits.core import store
    from digits.model import checkpoint, network, runtime

    # What a model asks Python to import is found here.
    os.chdir(folder)
    sys.path.insert(0, str(folder))

    def keras(path: Path) -> object:
        model, _ = network.load(path)
        model(IMAGES)
        return network.list_layers(model)

    readers: dict[str, Callable[[Path], object]] = {
        "keras": keras,
        "npz": lambda path: store.load(path, "preprocess").name,
        "checkpoint": lambda path: checkpoint.load(path, "weights"),
        "onnx": lambda path: runtime.load(path)[0](IMAGES).shape,
    }
    # A damaged checkpoint is told there.
    sys.stderr = io.StringIO()
    connection.send("ready")
    while True:
        kind, path = connection.recv()
        results: list[object] = []
        wrong = tried(lambda kind=kind, path=path, results=results: results.append(readers[kind](path)))  # type: ignore[misc]
        connection.send((wrong, results not in ([], [None])))


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "folder")
        folder.mkdir()
        secret, mark = folder / "secret.txt", folder / "mark"
        secret.write_text("secret\n" * 10_000, encoding="utf-8")
        (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n", encoding="utf-8")
        watch, worker = Watch(secret), Worker(folder)
        secret.read_bytes()
        yield "a file that is read", "" if watch.opened() else "is not noticed"
        pickle.loads(pickle.dumps(strange_files.Payload(f"touch {mark}")))
        yield "code that runs", "" if mark.exists() else "is not noticed"
        mark.unlink()
        files = strange_files.write(secret, mark)
        known = {*Path(temporary).glob("**/*")}
        for name, (kind, content) in files.items():
            if name in strange_files.SLOW and not long:
                continue
            path = folder / strange_files.FILES[kind]
            path.write_bytes(content)
            watch.opened()
            wrong, accepted = worker.read(kind, path)
            path.unlink()
            new = {*Path(temporary).glob("**/*")} - known
            refused = "is refused" if name.endswith(": plain") and not accepted else ""
            yield name, wrong or _seen(watch, new) or refused
            for each in new:
                each.unlink()
        worker.stop()


def _seen(watch: Watch, new: set[Path]) -> str:
    if watch.opened():
        return "read a file"
    return f"wrote {', '.join(sorted(each.name for each in new))}" if new else ""
