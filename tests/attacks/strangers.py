"""Models, networks and datasets from strangers: they run no code and read no other file; a refusal is one line."""

import contextlib
import ctypes
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.attacks import strange_files
from tests.attacks.limits import tried

OPEN = 0x20
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)


class Watch:
    """Notices whether a file is opened, by libraries in C, too."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self.descriptor = library.inotify_init1(os.O_NONBLOCK)
        library.inotify_add_watch(self.descriptor, os.fsencode(path), OPEN)

    def opened(self) -> bool:
        """Return whether the file was opened since the last call."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self.descriptor, 100_000))
        return False


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
        folder = Path(temporary, "folder")
        folder.mkdir()
        secret, mark = folder / "secret.txt", folder / "mark"
        secret.write_text("secret\n" * 10_000, encoding="utf-8")
        # Where a model would find a module that it wants to import.
        (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n", encoding="utf-8")
        sys.path.insert(0, str(folder))
        # Keras's, of what it does not load.
        warnings.simplefilter("ignore")
        watch = Watch(secret)
        secret.read_bytes()
        yield "a file that is read", "" if watch.opened() else "is not noticed"
        pickle.loads(pickle.dumps(strange_files.Payload(f"touch {mark}")))
        yield "code that runs", "" if mark.exists() else "is not noticed"
        mark.unlink()
        for kind, read, contents in _kinds(secret, mark):
            path, known = folder / f"strange.{kind}", {*Path(temporary).glob("**/*")}
            for name, content in contents.items():
                path.write_bytes(content)
                watch.opened()
                results = list[object]()
                problem = tried(lambda read=read, path=path, results=results: results.append(read(path)))  # type: ignore[misc]
                path.unlink()
                if watch.opened():
                    problem = "read a file"
                for new in {*Path(temporary).glob("**/*")} - known:
                    problem = f"wrote {new.name}"
                    new.unlink()
                if name == "plain" and not results:
                    problem = problem or "is refused"
                yield f"{kind}: {name}", problem
        sys.path.remove(str(folder))


def _kinds(secret: Path, mark: Path) -> list[tuple[str, Callable[[Path], object], dict[str, bytes]]]:
    """Return kinds of files, each with a function that reads one, and what the files contain, by name."""
    from digits.core import store
    from digits.model import network
    from digits.onnx import runtime

    return [
        ("keras", lambda path: network.load(path)[0](IMAGES), strange_files.models(secret, mark)),
        ("npz", lambda path: store.load(path, "preprocess"), strange_files.datasets(secret.parent, mark)),
        ("onnx", lambda path: runtime.load(path)[0](IMAGES), strange_files.networks(secret)),
    ]
