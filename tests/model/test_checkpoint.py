import os
import time
from pathlib import Path

from digits.model import checkpoint


def test_the_path_depends_on_the_parameters_the_inputs_and_the_code(tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    data.write_bytes(b"one")
    path = checkpoint.path({"seed": 0}, [data], ["digits"])
    assert path == checkpoint.path({"seed": 0}, [data], ["digits"])
    assert path != checkpoint.path({"seed": 1}, [data], ["digits"])
    assert path != checkpoint.path({"seed": 0}, [data], ["numpy"])
    data.write_bytes(b"other")
    assert path != checkpoint.path({"seed": 0}, [data], ["digits"])


def test_old_checkpoints_are_deleted_but_for_the_newest_ones(tmp_path: Path) -> None:
    names = [f"{number:016x}.npz" for number in range(16)]
    others = ["results.npz", "0123.npz", f"{names[0]}.copy"]
    halves = [f"{names[0]}.1-2.partial", f"{names[0]}.3-4.partial"]
    for number, name in enumerate([*names, *others, *halves]):
        (tmp_path / name).touch()
        # The last checkpoint and the last half-written one are new.
        if name not in (names[-1], halves[-1]):
            date = time.time() - 2 * checkpoint.DAY + number
            os.utime(tmp_path / name, (date, date))
    checkpoint.tidy(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {*names[6:], *others, halves[-1]}
