"""Read image files on a Ray cluster into a folder of Parquet files."""

import hashlib
import os
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from posixpath import basename, dirname, join, splitext
from typing import Any

import cv2
from tqdm import tqdm

from cluster.connection import connected
from digits.core.errors import InputError
from digits.reading.decoding import EXTENSIONS, printable
from digits.reading.recognizer import Recognizer

try:
    import fsspec
    import pyarrow
    from fsspec.implementations.local import LocalFileSystem
    from pyarrow import dataset, parquet
except ImportError:
    raise InputError("Ray is missing: pip install -r requirements-cluster.txt") from None

# Files of a part; those whose bytes are fetched at once, and the most bytes of each.
PART, AT_ONCE, MOST_BYTES = 512, 16, 200_000_000
STRING = pyarrow.string()
# A box is x, y, width and height in the image's pixels.
DIGIT = pyarrow.struct({"digit": STRING, "probability": pyarrow.float32(), "box": pyarrow.list_(pyarrow.int32(), 4)})
SCHEMA = pyarrow.schema({"path": STRING, "text": STRING, "digits": pyarrow.list_(DIGIT), "error": STRING})


def read(paths: Sequence[str], out: str, address: str | None) -> None:
    """Read images on the Ray cluster at ``address``, or on this machine, into Parquet files in the folder ``out``.

    paths: files, folders, with their sub-folders, and patterns, on this machine or, as URLs, wherever fsspec reads
    There is a row for each file, with the columns of ``SCHEMA``; ``error`` is null, or why the file cannot be read.
    Files that ``out`` has are not read again. Raises InputError if there are no images, or ``out`` is something else.
    """
    out, parts, total, new, failed = out if "://" in out else str(Path(out).resolve()), list[dict[str, Any]](), 0, 0, 0
    found = {given: _images(given) for given in paths}
    known = _known(*_opened(out))
    for given, images in found.items():
        fs, _ = _opened(given)
        # Divided before what is known is left out: a reader that outlives a killed run writes the next run's parts.
        for start in range(0, len(images), PART):
            shown = {_shown(fs, given, path): path for path in images[start : start + PART]}
            files = [path for name, path in shown.items() if name not in known]
            known.update(shown)
            parts += [{"given": given, "files": [os.fsencode(path) for path in files]}] if files else []
            new += len(files)
        total += len(images)
    progress = tqdm(total=total, initial=total - new, unit="image", disable=None, file=os.fdopen(os.dup(2), "w"))
    with progress, connected(address) if parts else nullcontext() as ray:
        for row in _readings(ray, parts, out) if parts else ():
            progress.update(row["files"])
            failed += row["failed"]
    print(f"{printable(out)}: {total:,} files, {new:,} of them new, {failed:,} of these not readable")


def _readings(ray: Any, parts: list[dict[str, Any]], out: str) -> Iterator[dict[str, int]]:
    # The nodes need digits, but not this module.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    pool = ray.data.ActorPoolStrategy(size=min(int(ray.cluster_resources()["CPU"]), len(parts)))
    items = ray.data.from_items(parts, override_num_blocks=len(parts))
    try:
        yield from items.map(_Reader, fn_constructor_args=[out], compute=pool, num_cpus=1).iter_rows()
    except ray.exceptions.RayError as error:
        raise InputError(f"Ray: {str(error).strip().splitlines()[-1]}") from error


class _Reader:
    """Reads the files of a part, on one thread."""

    def __init__(self, out: str) -> None:
        cv2.setNumThreads(1)
        # ONNX Runtime does not look at OMP_NUM_THREADS, which Ray sets.
        self.recognizer, (self.fs, self.out) = Recognizer.load(threads=1), _opened(out)

    def __call__(self, part: dict[str, Any]) -> dict[str, int]:
        given, files = part["given"], [os.fsdecode(path) for path in part["files"]]
        failures, rows = list[str](), list[dict[str, Any]]()
        fs, _ = _opened(given)
        readings = self.recognizer.read_all(_contents(fs, files, failures))
        for path, reading, failure in zip(files, readings, failures, strict=True):
            row: dict[str, Any] = {"path": _shown(fs, given, path)}
            if isinstance(reading, InputError):
                row["error"] = failure or str(reading).removeprefix("the image: ")
            else:
                row["text"] = reading.text
                row["digits"] = [
                    {"digit": each.name, "probability": each.probability, "box": each.box} for each in reading.digits
                ]
            rows.append(row)
        name = f"part-{hashlib.sha256(b' '.join(part['files'])).hexdigest()[:32]}.parquet"
        # Programs that read Parquet leave out files that begin with a dot.
        partial = join(self.out, f".{name}-{uuid.uuid4().hex}")
        parquet.write_table(pyarrow.Table.from_pylist(rows, SCHEMA), partial, filesystem=self.fs, compression="zstd")
        self.fs.mv(partial, join(self.out, name))
        return {"files": len(rows), "failed": sum("error" in row for row in rows)}


def _contents(fs: Any, paths: list[str], failures: list[str]) -> Iterator[bytes]:
    """Yield what is in each file, or nothing; add to ``failures`` why it cannot be fetched, or an empty string."""
    for start in range(0, len(paths), AT_ONCE):
        for found in fs.cat_ranges(paths[start : start + AT_ONCE], 0, MOST_BYTES):
            failures.append("" if isinstance(found, bytes) else " ".join(f"{type(found).__name__}: {found}".split()))
            yield found if isinstance(found, bytes) else b""


def _opened(name: str) -> tuple[Any, str]:
    """Return the file system of a URL, or of a path on this machine, and the path in it."""
    return fsspec.url_to_fs(name) if "://" in name else (LocalFileSystem(), str(Path(name).resolve()))


def _shown(fs: Any, given: str, path: str) -> str:
    """Return how the table names a file in ``fs`` that ``given`` found: its path, or its URL, in valid UTF-8."""
    if "://" in given:
        path = "::".join([fs.unstrip_protocol(path), *given.split("::")[1:]])
    return path.encode(errors="backslashreplace").decode()


def _images(given: str) -> list[str]:
    """Return the images that ``given`` names. Raises InputError if there are none."""
    found = []
    try:
        fs, top = _opened(given)
        local = isinstance(fs, LocalFileSystem)
        # A file that exists may have the characters of a pattern in its name.
        exact = fs.exists(top)
        fixed = len(top if exact else re.split(r"[*?\[]", top)[0])
        for start in ([top] if exact else fs.glob(top)) if given else ():
            walked = (os.walk if local else fs.walk)(start)
            for folder, _, names in walked if fs.isdir(start) else [(dirname(start), [], [basename(start)])]:
                for path in (join(folder, name) for name in sorted(names)):
                    hidden = any(each.startswith(".") for each in path[fixed:].split("/"))
                    # To open a pipe would wait for its other end.
                    is_file = not local or Path(path).is_file()
                    if is_file and not hidden and splitext(path)[1].lower() in EXTENSIONS:
                        found.append(path)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{printable(given)}: {error}") from error
    if not found:
        raise InputError(f"{printable(given)}: no such file, or a folder or pattern without images")
    return found


def _known(fs: Any, out: str) -> set[str]:
    """Make the folder ``out``, and return the paths in its Parquet files. Raises InputError if it is something else."""
    try:
        fs.makedirs(out, exist_ok=True)
        found = dataset.dataset(out, filesystem=fs, format="parquet")
        if not found.files:
            return set()
        if found.schema == SCHEMA:
            return {path for each in found.to_batches(columns=["path"]) for path in each["path"].to_pylist()}
    except (OSError, ValueError):
        pass
    raise InputError(f"{printable(out)}: no readings; --out should be a folder of readings, or not exist")
