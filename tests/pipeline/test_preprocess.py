"""The table that says where each image comes from."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from digits.core import store
from digits.core.files import read_table
from digits.core.params import Params
from digits.data import datasets, folders
from stages import preprocess
from tests.data import small
from tests.repository import PARAMS, ROOT

COLUMNS = {"set": str, "index": int, "image": str}


def origins(folder: Path) -> list[tuple[str, int, str]]:
    rows = read_table(folder / "data" / "processed" / "images.csv", "preprocess", COLUMNS)
    return [(row["set"], row["index"], row["image"]) for row in rows]


def test_each_image_of_a_raw_file_is_found_there(tmp_path: Path) -> None:
    small.write(tmp_path / "data" / "raw" / "mnist")
    preprocess.main(Params.model_validate(PARAMS), tmp_path)
    found = origins(tmp_path)
    assert sorted(int(image) for _, _, image in found) == list(range(60))
    for part, index, image in found:
        images = store.load(tmp_path / "data" / "processed" / f"{part}.npz", "preprocess").images
        np.testing.assert_array_equal(images[index], small.FILES[datasets.TRAIN_IMAGES][int(image)])


def test_each_image_of_a_folder_is_called_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    pictures = tmp_path / "pictures"
    for number in range(20):
        path = pictures / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.zeros((28, 28), np.uint8)
        picture[:, : number + 1] = 255
        cv2.imwrite(str(path), picture)
    (pictures / "a" / "08.png").write_bytes(b"no image")
    folders.save(folders.find(pictures), tmp_path / "data" / "raw" / "folder" / folders.LIST)
    own = {"dataset": "folder", "path": str(pictures)}
    converted = {"fit": "resize", "polarity": "light"}
    sections = {**PARAMS, "download": PARAMS["download"] | own, "preprocess": PARAMS["preprocess"] | converted}
    preprocess.main(Params.model_validate(sections), tmp_path)
    found = origins(tmp_path)
    assert "a/08.png" not in {image for _, _, image in found}
    for part, index, image in found:
        images = store.load(tmp_path / "data" / "processed" / f"{part}.npz", "preprocess").images
        assert (images[index] > 127).any(axis=0).sum() == int(Path(image).stem) + 1
