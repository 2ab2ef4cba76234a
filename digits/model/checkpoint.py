"""Checkpoints: all that the rest of a training depends on, in one file that is complete or absent."""

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import replacing, write_table
from digits.model.backend import keras, tf

# Checkpoints of other versions are not resumed, because those round differently.
VERSIONS = (keras.__version__, tf.__version__)
# Checkpoints of trainings that were given up are deleted, but for the newest ones and those younger than a day.
NEWEST, DAY = 10, 86_400
# The names of checkpoints: in a folder that is shared, no other files are deleted.
NAMES = f"{'[0-9a-f]' * 16}.npz"
# The arrays in a file: the variables of the model and its optimiser, and the model's in the best epoch.
GROUPS = ("values", "best")
Row = dict[str, float]


def path(section: dict[str, Any], inputs: Iterable[Path], packages: Sequence[str]) -> Path:
    """Return a path that is the same for two runs if and only if one may resume the other: the ``section``, the files
    ``inputs``, the versions and the imported modules of ``packages`` are the same.

    DVC deletes a stage's outputs before it runs, so checkpoints are in a folder that DVC does not track. A queued
    experiment runs in a temporary copy; its checkpoints are in the repository that it was started from. The environment
    variable DIGITS_CHECKPOINTS names another folder, such as one that several machines share.
    """
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in (*packages, "__main__")]
    code = sorted(Path(file) for file in (getattr(module, "__file__", None) for module in modules) if file)
    key = hashlib.sha256(json.dumps([section, *VERSIONS]).encode())
    for file in [*code, *inputs]:
        key.update(hashlib.sha256(file.read_bytes()).digest())
    shared = os.environ.get("DIGITS_CHECKPOINTS")
    folder = Path(shared) if shared else Path(os.environ.get("DVC_ROOT", "."), ".checkpoints")
    return folder / (key.hexdigest()[:16] + ".npz")


class History(keras.callbacks.Callback):  # type: ignore[misc]
    """The rows of a training, one for each epoch, with its seconds; and a table of them, rewritten after each epoch."""

    def __init__(self, table: Path, key: str, columns: Sequence[str]) -> None:
        """
        key: the section of the parameters, for messages
        columns: of the ``table``, the number of the epoch first, and then names of Keras's logs
        """
        super().__init__()
        self.table, self.key, self.columns = table, key, columns
        self.rows: list[Row] = []
        self.begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: Row | None = None) -> None:
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Row | None = None) -> None:
        assert logs is not None
        number, *names = self.columns
        for name in names:
            if not np.isfinite(logs[name]):
                where = f"{self.key}.optimizer: the {name} is {logs[name]} in {number} {epoch + 1}"
                raise InputError(f"{where}; lower its learning rate")
        seconds = time.perf_counter() - self.begun
        self.rows.append({number: epoch + 1, **{name: float(logs[name]) for name in names}, "seconds": seconds})
        self.write()

    def write(self) -> None:
        """Write the table."""
        write_table(self.table, [{column: row[column] for column in self.columns} for row in self.rows])


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the state of a training after each epoch, and restores it.

    keras.callbacks.BackupAndRestore omits the history and the best weights, and writes two files, between which a
    process may be killed. The random state of layers such as Dropout is among the model's variables.
    """

    def __init__(self, file: Path, history: History, keep: str = "last") -> None:
        """
        file: where the state is saved
        history: part of the state; a callback that is called before this one
        keep: ``last``, or ``best``: remember the weights of the epoch that ``kept_row`` returns
        """
        super().__init__()
        self.file, self.history, self.keep = file, history, keep
        self.best: list[NDArray[Any]] = []

    def restore(self, model: keras.Model) -> int:
        """Give ``model``, whose optimiser is built, the saved state, if there is one, and return the number of finished
        epochs."""
        tidy(self.file.parent)
        if not self.file.exists():
            return 0
        try:
            with np.load(self.file, allow_pickle=False) as archive:
                rows = json.loads(str(archive["rows"]))
                values, best = (
                    [archive[f"{group}{number}"] for number in range(int(archive[group]))] for group in GROUPS
                )
            _assign(_variables(model), values)
        except Exception as error:  # A power cut, for example, may leave anything.
            print(f"warning: {self.file}: damaged ({error}); starting from the beginning", file=sys.stderr)
            return 0
        self.history.rows, self.best = rows, best
        # DVC has deleted the table, and there may be no epoch left that would write it again.
        self.history.write()
        print(f"resuming after {self.history.columns[0]} {len(rows)}")
        return len(rows)

    def restore_best(self) -> None:
        """Give the model the weights of the best epoch."""
        _assign(self.model.variables, self.best)

    def on_epoch_end(self, epoch: int, logs: Row | None = None) -> None:
        rows = self.history.rows
        if self.keep == "best" and kept_row(rows, "best") is rows[-1]:
            self.best = [variable.numpy() for variable in self.model.variables]
        self._save()

    def _save(self) -> None:
        arrays = dict[str, NDArray[Any]]()
        state = [variable.numpy() for variable in _variables(self.model)]
        for group, values in zip(GROUPS, (state, self.best), strict=True):
            arrays[group] = np.array(len(values))
            arrays |= {f"{group}{number}": value for number, value in enumerate(values)}
        with replacing(self.file) as partial, partial.open("wb") as opened:
            np.savez(opened, rows=np.array(json.dumps(self.history.rows)), allow_pickle=False, **arrays)


def kept_row(rows: Sequence[Row], keep: str) -> Row:
    """Return the row of the epoch whose weights are kept: the ``last`` one, or the ``best``, the most accurate on
    validation, the lower loss breaking ties."""
    return rows[-1] if keep == "last" else max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def tidy(folder: Path) -> None:
    """Delete what nobody has written to for a day: half-written checkpoints, and all whole ones but the ten newest."""
    dated = list[tuple[float, Path]]()
    for file in (*folder.glob(NAMES), *folder.glob(f"{NAMES}.*.partial")):
        # Another machine may have deleted it.
        with contextlib.suppress(OSError):
            dated.append((file.stat().st_mtime, file))
    newest = sorted(pair for pair in dated if pair[1].suffix == ".npz")[-NEWEST:]
    for date, file in dated:
        if date < time.time() - DAY and (date, file) not in newest:
            with contextlib.suppress(OSError):
                file.unlink()
