import hashlib
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest

from digits.model import checkpoint

ROWS = [{"epoch": 1.0, "loss": 0.5}]
WEIGHTS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7)]


def saved(folder: Path, name: str = "a.npz") -> Path:
    checkpoint.save(folder / name, ROWS, weights=WEIGHTS, best=[])
    return folder / name


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    restored = checkpoint.load(saved(tmp_path), "weights", "best")
    assert restored
    rows, (weights, best) = restored
    assert (rows, best) == (ROWS, [])
    for one, other in zip(weights, WEIGHTS, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_no_file_is_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "none.npz", "weights") is None


def test_whatever_is_not_as_it_was_written_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path)
    content = file.read_bytes()
    random = np.random.default_rng(0)
    damaged = [b"", content[:-1], content + b"x", content[checkpoint.DIGEST :], content[::-1]]
    for place in random.integers(len(content), size=200):
        changed = bytearray(content)
        changed[place] ^= 1 << random.integers(8)
        damaged.append(bytes(changed))
    for each in damaged:
        file.write_bytes(each)
        assert checkpoint.load(file, "weights", "best") is None
        assert capsys.readouterr().err.startswith(f"warning: {file}: damaged (")


def test_a_checkpoint_made_by_hand_or_of_another_training_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "b.npz"
    saved(tmp_path).rename(other)
    assert checkpoint.load(other, "weights", "best") is None
    with other.open("wb") as file:
        np.savez(file, rows=np.array("[]"), weights=np.array(0), best=np.array(0))
    assert checkpoint.load(other, "weights", "best") is None
    assert capsys.readouterr().err.count("its checksum is another") == 2


def test_a_compressed_checkpoint_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, rows=np.array("[]"), weights=np.array(1), weights0=np.zeros(1_000_000))
    path = tmp_path / "a.npz"
    path.write_bytes(hashlib.sha256(path.name.encode() + content.getvalue()).digest() + content.getvalue())
    assert checkpoint.load(path, "weights") is None
    assert "it is compressed" in capsys.readouterr().err


def test_the_path_tells_the_parameters_and_the_inputs(tmp_path: Path) -> None:
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
    for number, name in enumerate([*names[:-1], *others, halves[0]]):
        age = time.time() - 2 * checkpoint.DAY - 1000 + number
        os.utime(saved(tmp_path, name), (age, age))
    saved(tmp_path, names[-1])
    saved(tmp_path, halves[1])
    checkpoint.tidy(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {*names[6:], *others, halves[1]}
    checkpoint.tidy(tmp_path / "none")
