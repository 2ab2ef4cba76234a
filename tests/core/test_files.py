from pathlib import Path

import pytest

from digits.core.errors import InputError
from digits.core.files import read_table, replacing, write_table


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with replacing(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "new"


def test_a_failure_leaves_the_file_unchanged_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["table.csv", "table.tsv"])
def test_a_table_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    write_table(tmp_path / name, rows)
    assert read_table(tmp_path / name, "train", {"epoch": int, "loss": float}) == rows


@pytest.mark.parametrize("content", [b"", b"epoch\n1\n", b"epoch,loss\n1,much\n", b"epoch,loss\n1\n", b"\xff\x00"])
def test_the_error_for_a_damaged_table_names_the_file_and_the_command(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"table\.csv: .*dvc repro --force train"):
        read_table(path, "train", {"epoch": int, "loss": float})


def test_the_error_for_a_missing_table_names_the_file_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table\.csv: no such file; .*dvc repro --force train"):
        read_table(tmp_path / "table.csv", "train", {"epoch": int})
