import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from digits.core.errors import InputError
from digits.core.files import again, command, read_table, replacing, write_table, write_text
from tests.repository import ROOT


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with replacing(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (RuntimeError("stopped"), RuntimeError, "^stopped$"),
        (
            OSError(errno.ENOSPC, "No space left"),
            InputError,
            r"file: cannot be written \(No space left\); [\d,]+ MB are free in ",
        ),
    ],
)
def test_a_failure_leaves_the_file_unchanged_and_no_temporary_file(
    tmp_path: Path, error: Exception, raised: type[Exception], message: str
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(raised, match=message), replacing(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise error
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"inner/file: cannot be written \(Not a directory\); .* MB are free in "):
        write_text(tmp_path / "file" / "inner" / "file", "")


def test_several_processes_may_write_one_file(tmp_path: Path) -> None:
    # Each writes one letter many times over, and checks that no other's are mixed with it.
    code = """if True:
        import sys
        from pathlib import Path
        from digits.core.files import replacing
        path, letter = Path(sys.argv[1]), sys.argv[2]
        for _ in range(40):
            with replacing(path) as partial:
                partial.write_text(letter * 100_000)
            assert len(text := path.read_text()) == 100_000 and len(set(text)) == 1
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "file", letter], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        for letter in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_what_killed_processes_left_is_deleted_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "file[1]"
    old, new, other = (tmp_path / f"{name}.partial" for name in ("file[1].1-2", "file[1].3-4", "file1.5-6"))
    for partial in (old, new, other):
        partial.write_text("half")
    for partial in (old, other):
        os.utime(partial, (0, 0))
    write_text(path, "whole")
    assert {file.name for file in tmp_path.iterdir()} == {path.name, new.name, other.name}


@pytest.mark.parametrize("name", ["table.csv", "table.tsv"])
def test_a_table_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    write_table(tmp_path / name, rows)
    assert read_table(tmp_path / name, "train", {"epoch": int, "loss": float}) == rows


@pytest.mark.parametrize(
    "content", [None, b"", b"epoch\n1\n", b"epoch,loss\n1,much\n", b"epoch,loss\n1\n", b"\xff\x00"]
)
def test_the_error_for_a_damaged_table_names_the_file_and_the_command(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"table\.csv: .*dvc repro --force train"):
        read_table(path, "train", {"epoch": int, "loss": float})


def test_the_command_is_of_the_pipeline_that_the_file_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = Path("studies", "my folds")
    study.mkdir(parents=True)
    for folder in (Path(), study):
        (folder / "dvc.yaml").write_text("stages:\n  train:\n    cmd: train\n")
    for path in (Path("models", "model.keras"), tmp_path / "models" / "model.keras"):
        assert again("train", path) == "recreate it with: dvc repro --force train"
    assert command("train", study / "model.keras") == "dvc --cd 'studies/my folds' repro train"
    # There, another stage writes what the root's stage preprocess writes.
    assert again("preprocess", study / "a.npz") == "recreate it with: dvc --cd 'studies/my folds' repro --force"
