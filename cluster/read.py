"""Read image files on a Ray cluster into a folder of Parquet files."""

import hashlib
import os
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from posixpath import join, splitext
from typing import Any

import cv2
import fsspec
import pyarrow
import ray
from fsspec.implementations.local import LocalFileSystem
from pyarrow import dataset, parquet
from tqdm import tqdm

from cluster.connection import connect
from digits.command_line import find_images
from digits.core.errors import InputError
from digits.reading.decoding import EXTENSIONS, printable
from digits.reading.recognizer import Recognizer

# Files of a part; those whose bytes are fetched at once, and the most bytes of each.
PART, AT_ONCE, MOST_BYTES = 512, 16, 200_000_000
STRING = pyarrow.string()
# A box is x, y, width and height in the image's pixels.
DIGIT = pyarrow.struct({"digit": STRING, "probability": pyarrow.float32(), "box": pyarrow.list_(pyarrow.int32(), 4)})
SCHEMA = pyarrow.schema({"path": STRING, "text": STRING, "digits": pyarrow.list_(DIGIT), "error": STRING})


def read_images(paths: Sequence[str], out: str, address: str | None) -> None:
    """Read images on the Ray cluster at ``address``, or on this machine, into Parquet files in the folder ``out``.

    paths: files, folders, with their sub-folders, and patterns, on this machine or, as URLs, wherever fsspec reads
    There is a row for each file, with the columns of ``SCHEMA``; ``error`` is null, or why the file cannot be read.
    Files that ``out`` has are not read again. Raises InputError if there are no images, or ``out`` is something else.
    """
    out = out if "://" in out else str(Path(out).absolute())
    images = {given: _images(given) for given in paths}
    known, parts, failed = _known(out), list[dict[str, Any]](), 0
    for given, files in images.items():
        # Divided before what is known is left out: a reader that outlives a killed run writes the next run's parts.
        for start in range(0, len(files), PART):
            names = {_name(given, file): os.fsencode(file) for file in files[start : start + PART]}
            if new_files := [file for name, file in names.items() if name not in known]:
                parts.append({"given": given, "files": new_files})
            known.update(names)
    total, new = sum(map(len, images.values())), sum(len(part["files"]) for part in parts)
    if parts:
        stderr = os.fdopen(os.dup(2), "w")
        with (
            tqdm(total=total, initial=total - new, unit="image", disable=None, file=stderr) as progress,
            connect(address),
        ):
            # The nodes need digits, but not this module.
            ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
            pool = ray.data.ActorPoolStrategy(size=min(int(ray.cluster_resources()["CPU"]), len(parts)))
            items = ray.data.from_items(parts, override_num_blocks=len(parts))
            try:
                for row in items.map(_Reader, fn_constructor_args=[out], compute=pool, num_cpus=1).iter_rows():
                    progress.update(row["files"])
                    failed += row["failed"]
            except ray.exceptions.RayError as error:
                raise InputError(f"Ray: {str(error).strip().splitlines()[-1]}") from error
    print(f"{printable(out)}: {total:,} files, {new:,} of them new, {failed:,} of these not readable")


class _Reader:
    """Reads the files of a part, on one thread."""

    def __init__(self, out: str) -> None:
        cv2.setNumThreads(1)
        # ONNX Runtime does not look at OMP_NUM_THREADS, which Ray sets.
        self.recognizer, (self.fs, self.out) = Recognizer.load(threads=1), _open(out)

    def __call__(self, part: dict[str, Any]) -> dict[str, int]:
        given, files = part["given"], [os.fsdecode(file) for file in part["files"]]
        failures, rows = list[str](), list[dict[str, Any]]()
        readings = self.recognizer.read_all(_contents(given, files, failures))
        for file, reading, failure in zip(files, readings, failures, strict=True):
            row: dict[str, Any] = {"path": _name(given, file)}
            if isinstance(reading, InputError):
                row["error"] = failure or str(reading).removeprefix("the image: ")
            else:
                row["text"] = reading.text
                row["digits"] = [
                    {"digit": digit.name, "probability": digit.probability, "box": digit.box}
                    for digit in reading.digits
                ]
            rows.append(row)
        name = f"part-{hashlib.sha256(b' '.join(part['files'])).hexdigest()[:32]}.parquet"
        # Programs that read Parquet leave out files that begin with a dot.
        partial = join(self.out, f".{name}-{uuid.uuid4().hex}")
        parquet.write_table(pyarrow.Table.from_pylist(rows, SCHEMA), partial, filesystem=self.fs, compression="zstd")
        self.fs.mv(partial, join(self.out, name))
        return {"files": len(rows), "failed": sum("error" in row for row in rows)}


def _contents(given: str, files: list[str], failures: list[str]) -> Iterator[bytes]:
    """Yield what is in each file, or nothing; add to ``failures`` why it cannot be fetched, or an empty string."""
    for start in range(0, len(files), AT_ONCE):
        for content in _open(given)[0].cat_ranges(files[start : start + AT_ONCE], 0, MOST_BYTES):
            fetched = isinstance(content, bytes)
            failures.append("" if fetched else " ".join(f"{type(content).__name__}: {content}".split()))
            yield content if fetched else b""


def _open(name: str) -> tuple[Any, str]:
    """Return the file system of a URL, or of a path on this machine, and the path in it."""
    return fsspec.url_to_fs(name) if "://" in name else (LocalFileSystem(), name)


def _name(given: str, file: str) -> str:
    """Return how the table names a ``file`` that ``given`` stands for: its path, or its URL, in valid UTF-8."""
    if "://" in given:
        file = "::".join([_open(given)[0].unstrip_protocol(file), *given.split("::")[1:]])
    return file.encode(errors="backslashreplace").decode()


def _images(given: str) -> list[str]:
    """Return the images that ``given`` stands for. Raises InputError if there are none."""
    try:
        fs, top = _open(given)
        if isinstance(fs, LocalFileSystem):
            # To open a pipe would wait for its other end.
            files = [str(path.absolute()) for path in find_images(top) if path.is_file()]
        else:
            # A file that exists may have the characters of a pattern in its name.
            matches, fixed = ([top], top) if fs.exists(top) else (fs.glob(top), re.split(r"[^/]*[*?\[]", top)[0])
            files = sorted({file for match in matches for file in fs.find(match)})
            files = [file for file in files if "/." not in file[len(fixed.rstrip("/")) :]]
            files = [file for file in files if splitext(file)[1].lower() in EXTENSIONS]
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{printable(given)}: {error}") from error
    if not files:
        raise InputError(f"{printable(given)}: no such file, or a folder or pattern without images")
    return files


def _known(out: str) -> set[str]:
    """Make the folder ``out``, and return the paths in its Parquet files. Raises InputError if it is something else."""
    fs, folder = _open(out)
    try:
        fs.makedirs(folder, exist_ok=True)
        table = dataset.dataset(folder, filesystem=fs, format="parquet")
        if table.files and table.schema != SCHEMA:
            raise ValueError
        return set(table.to_table(["path"])["path"].to_pylist()) if table.files else set()
    except (OSError, ValueError):
        raise InputError(f"{printable(out)}: no readings; --out should be a folder of readings, or not exist") from None
