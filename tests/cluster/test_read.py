"""What python -m cluster read refuses, in process."""

import os
from pathlib import Path

import pytest
from PIL import Image

from digits.core.errors import InputError

pytest.importorskip("ray", reason="Ray is missing: pip install -r requirements-cluster.txt")
from cluster.read import read_images


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.png", "nowhere.png: no such file, or a folder or pattern without images"),
        ("empty", "empty: no images in this folder or below it"),
        ("*.jpg", "*.jpg: no images match this pattern"),
        ("pipe.png", "pipe.png: no such file, or a folder or pattern without images"),
        ("", "an empty name instead of an image"),
        ("nothing://of/the/kind", "nothing://of/the/kind: Protocol not known: nothing"),
    ],
)
def test_paths_without_images_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    os.mkfifo("pipe.png")
    with pytest.raises(InputError) as error:
        read_images([path], "out", None)
    assert str(error.value) == message
    assert not Path("out").exists()


def test_only_a_folder_of_readings_is_added_to(tmp_path: Path) -> None:
    image, other = tmp_path / "1.png", tmp_path / "other"
    Image.new("L", (28, 28)).save(image)
    other.mkdir()
    (other / "part-1.parquet").write_text("damaged")
    for out in (image, tmp_path, other, image / "below"):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match=r"no readings; --out should be a folder of readings, or not exist$"):
            read_images([str(image)], str(out), None)
        assert sorted(tmp_path.rglob("*")) == before
