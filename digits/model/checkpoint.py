"""Checkpoints: all that the rest of a training depends on, in one file that is complete or absent."""

import contextlib
import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.core.files import replacing
from digits.model.backend import keras, tf

# Checkpoints of other versions are not resumed, because those round differently.
VERSIONS = (keras.__version__, tf.__version__)
# Checkpoints of trainings that were given up are deleted, but for the newest ones and those younger than a day.
NEWEST, DAY = 10, 86_400
# What the files of checkpoints are called: nothing else in a folder that is shared is touched.
NAMES = f"{'[0-9a-f]' * 16}.npz"
DIGEST = hashlib.sha256().digest_size
Arrays = list[NDArray[Any]]


def path(section: dict[str, Any], inputs: Iterable[Path], packages: Sequence[str]) -> Path:
    """Return a path that is the same for two runs if and only if one may resume where the other stopped: if the
    ``section``, the files ``inputs``, the versions and all modules of ``packages`` that are imported are the same.

    DVC deletes a stage's outputs before it runs, so checkpoints are in a folder that DVC does not track. A queued
    experiment runs in a temporary copy; its checkpoints are in the repository that it was started from. The environment
    variable DIGITS_CHECKPOINTS names another folder, such as one that several machines share.
    """
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in (*packages, "__main__")]
    code = sorted(Path(file) for file in (getattr(module, "__file__", None) for module in modules) if file)
    key = hashlib.sha256(json.dumps([section, *VERSIONS]).encode())
    for each in [*code, *inputs]:
        key.update(hashlib.sha256(each.read_bytes()).digest())
    shared = os.environ.get("DIGITS_CHECKPOINTS")
    folder = Path(shared) if shared else Path(os.environ.get("DVC_ROOT", "."), ".checkpoints")
    return folder / (key.hexdigest()[:16] + ".npz")


def save(file: Path, rows: Sequence[dict[str, float]], **groups: Arrays) -> None:
    """Write the ``rows`` of a table and ``groups`` of arrays, with a checksum over them and the file's name."""
    arrays = {f"{group}{number}": array for group, some in groups.items() for number, array in enumerate(some)}
    counts = {group: np.array(len(some)) for group, some in groups.items()}
    content = io.BytesIO()
    np.savez(content, rows=np.array(json.dumps(rows)), allow_pickle=False, **arrays, **counts)
    with replacing(file) as partial, partial.open("wb") as opened:
        opened.write(_digest(file, content.getvalue()))
        opened.write(content.getbuffer())


def load(file: Path, *groups: str) -> tuple[list[dict[str, float]], list[Arrays]] | None:
    """Return the rows and the ``groups`` that ``save`` wrote, or None if there is no file, or it is not as written."""
    if not file.exists():
        return None
    try:
        written = file.read_bytes()
        if written[:DIGEST] != _digest(file, written[DIGEST:]):
            raise ValueError("its checksum is another")
        with np.load(io.BytesIO(written[DIGEST:]), allow_pickle=False) as archive:
            # It is written without compression.
            if sum(each.file_size for each in archive.zip.infolist()) > len(written):
                raise ValueError("it is compressed")
            rows = json.loads(str(archive["rows"]))
            return rows, [[archive[f"{each}{number}"] for number in range(int(archive[each]))] for each in groups]
    except Exception as error:  # A power cut, for example, may leave anything.
        print(f"warning: {file}: damaged ({error}); starting from the beginning", file=sys.stderr)
        return None


def tidy(folder: Path) -> None:
    """Delete what nobody has written to for a day: checkpoints but for the ten newest, and those half-written."""
    dated = list[tuple[float, Path]]()
    for file in (*folder.glob(NAMES), *folder.glob(f"{NAMES}.*.partial")):
        # Another machine may have deleted it.
        with contextlib.suppress(OSError):
            dated.append((file.stat().st_mtime, file))
    newest = sorted(each for each in dated if each[1].suffix == ".npz")[-NEWEST:]
    for date, file in dated:
        if date < time.time() - DAY and (date, file) not in newest:
            with contextlib.suppress(OSError):
                file.unlink()


def _digest(file: Path, content: bytes) -> bytes:
    # Without the name, the checkpoint of another training would be taken for this one's.
    return hashlib.sha256(file.name.encode() + content).digest()
