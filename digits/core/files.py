"""Files that are either complete or absent."""

import contextlib
import csv
import errno
import glob
import io
import json
import os
import re
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from digits.core.errors import InputError

DAY = 86_400
# What the user can mend: a full disk, or a folder or file that may not be written to.
UNWRITABLE = {
    getattr(errno, name, None)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG", "ENOTDIR", "EISDIR")
}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it is renamed to ``path`` if the block ends without an exception.

    A process killed inside the block, or a power cut, leaves ``path`` unchanged. Several processes may write the same
    path: the last one to finish wins. Raises InputError as ``writing`` does.
    """
    # Each process and thread has its own.
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What killed processes left more than a day ago.
            for leftover in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
                with contextlib.suppress(OSError):
                    if leftover.stat().st_mtime < time.time() - DAY:
                        leftover.unlink()
            yield partial
            with partial.open("r+b") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise InputError, which tells what is free, if the disk is full in the block, or ``path`` may not be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        free = f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are free in {folder}"
        raise InputError(f"{path}: cannot be written ({error.strerror}); {free}") from None


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with ``\\n`` line endings on every system, so that its hash is the same everywhere."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` as indented JSON."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path, stage: str, *keys: str) -> dict[str, Any]:
    """Read what ``write_json`` wrote in ``stage``. Raises InputError if it is missing or damaged, or lacks a key."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {again(stage, path)}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); {again(stage, path)}") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise InputError(f"{path}: is missing {', '.join(missing)}; {again(stage, path)}")
    return dict(content)


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one or more ``rows``, with their keys as header, as .csv or .tsv, whichever ``path`` ends with."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=_delimiter(path), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_table(path: Path, stage: str, columns: Mapping[str, Callable[[str], Any]]) -> list[dict[str, Any]]:
    """Read ``columns``, each converted to its type, from what ``write_table`` wrote in ``stage``.

    Raises InputError if the file is missing or has no rows, or a column or a value is missing or malformed.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                {column: kind(row[column]) for column, kind in columns.items()}
                for row in csv.DictReader(file, delimiter=_delimiter(path))
            ]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {again(stage, path)}") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: not a table of {', '.join(columns)} ({error}); {again(stage, path)}") from None
    if not rows:
        raise InputError(f"{path}: empty; {again(stage, path)}")
    return rows


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix == ".tsv" else ","


def again(stage: str, path: Path = Path()) -> str:
    """Return what to do if ``path``, an output of ``stage`` of the pipeline that it is in, is damaged."""
    return f"recreate it with: {command(stage, path, '--force ')}"


def command(stage: str, path: Path, options: str = "") -> str:
    """Return the command that makes ``path``: it runs ``stage``, or the whole pipeline if that has no such stage."""
    folder = next((parent for parent in path.parents if (parent / "dvc.yaml").exists()), Path())
    if folder in (Path(), Path.cwd()):
        return f"dvc repro {options}{stage}"
    known = re.search(rf"^  {stage}:", (folder / "dvc.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    return f"dvc --cd {shlex.quote(str(folder))} repro {options}{stage if known else ''}".rstrip()
