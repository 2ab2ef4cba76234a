"""The stages download and preprocess, in process, above all on images in a folder."""

import copy
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from digits.core import params, store
from digits.core.errors import InputError
from digits.core.files import read_table
from digits.core.store import Dataset
from digits.data import datasets
from stages import download, preprocess
from tests.data import small
from tests.reading.fakes import SETTINGS
from tests.repository import PARAMS

Make = Callable[..., dict[str, Dataset]]
SETS = ("train", "validation", "test")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that runs both stages on a folder, and returns what they wrote."""
    monkeypatch.setattr(preprocess, "read_ink", lambda: SETTINGS.ink)
    monkeypatch.chdir(tmp_path)

    def run(path: Path, **changes: Any) -> dict[str, Dataset]:
        content = copy.deepcopy(PARAMS)
        content["download"] |= {"dataset": "folder", "path": str(path)}
        content["preprocess"] |= {"fit": "resize", **changes}
        Path("params.yaml").write_text(yaml.safe_dump(content))
        download.main(params.load())
        preprocess.main(params.load())
        return {name: store.load(Path("data/processed", f"{name}.npz"), "") for name in SETS}

    return run


def write(folder: Path, names: Sequence[str], seed: int = 0) -> Path:
    """Write a different picture for each of ``names``, and return the folder."""
    random = np.random.default_rng(seed)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (28, 28), dtype=np.uint8)).save(folder / name, "PNG")
    return folder


def several(*classes: str, each: int = 12) -> list[str]:
    return [f"{name}/{number:02}.png" for name in classes for number in range(each)]


def test_mnist_in_png_files_is_the_same_as_in_its_own_format(tmp_path: Path, make: Make) -> None:
    datasets.write_sample(Path("data/raw", datasets.SAMPLE))
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    preprocess.main(params.load())
    expected = {name: Path("data/processed", f"{name}.npz").read_bytes() for name in SETS}
    folder = tmp_path / datasets.SAMPLE
    for split, dataset in zip(("train", "test"), datasets.read(Path("data/raw", datasets.SAMPLE)), strict=True):
        for digit in range(10):
            (folder / split / str(digit)).mkdir(parents=True)
        for number, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
            cv2.imwrite(str(folder / split / str(label) / f"{number:04}.png"), image)
    shutil.rmtree("data/raw")
    make(folder, fit="digit")
    assert {name: Path("data/processed", f"{name}.npz").read_bytes() for name in SETS} == expected


def origins() -> list[tuple[str, int, str]]:
    rows = read_table(Path("data/processed/images.csv"), "preprocess", {"set": str, "index": int, "image": str})
    return [(row["set"], row["index"], row["image"]) for row in rows]


def test_each_image_of_a_raw_file_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small.write(Path("data/raw/mnist"))
    preprocess.main(params.Params.model_validate(PARAMS))
    rows = origins()
    assert sorted(int(image) for _, _, image in rows) == list(range(60))
    for part, index, image in rows:
        images = store.load(Path("data/processed", f"{part}.npz"), "").images
        np.testing.assert_array_equal(images[index], small.FILES[datasets.TRAIN_IMAGES][int(image)])


def test_each_image_of_a_folder_is_called_by_its_path(tmp_path: Path, make: Make) -> None:
    folder = write(tmp_path / "own", several("a", "b"))
    (folder / "a" / "08.png").write_bytes(b"no image")
    datasets_by_name = make(folder, polarity="light")
    rows = origins()
    assert "a/08.png" not in {image for _, _, image in rows}
    for part, index, image in rows:
        np.testing.assert_array_equal(datasets_by_name[part].images[index], np.asarray(Image.open(folder / image)))


def test_every_image_is_in_one_of_the_sets_with_its_label(tmp_path: Path, make: Make) -> None:
    names = several("dog", "10", "猫", each=30)
    made = make(write(tmp_path / "own", names), polarity="light")
    labels = dict[bytes, int]()
    for dataset in made.values():
        assert (dataset.name, dataset.task.classes) == ("own", ("10", "dog", "猫"))
        assert set(dataset.labels) == {0, 1, 2}
        labels |= {image.tobytes(): int(label) for image, label in zip(dataset.images, dataset.labels, strict=True)}
    assert [len(each.labels) for each in made.values()] == [71, 6, 13]
    expected = {np.asarray(Image.open(tmp_path / "own" / name)).tobytes() for name in names}
    assert set(labels) == expected
    for name in names:
        image = np.asarray(Image.open(tmp_path / "own" / name))
        assert made["train"].task.classes[labels[image.tobytes()]] == name.partition("/")[0]


def test_the_test_set_of_a_folder_is_kept(tmp_path: Path, make: Make) -> None:
    folder = write(tmp_path / "own", [f"{split}/{name}" for split in ("train", "test") for name in several("a", "b")])
    test = make(folder, polarity="light")["test"]
    expected = {np.asarray(Image.open(folder / "test" / name)).tobytes() for name in several("a", "b")}
    assert {each.tobytes() for each in test.images} == expected


def test_groups_of_a_table_are_kept_together(tmp_path: Path, make: Make) -> None:
    names = several("a", "b", each=60)
    folder, lines = write(tmp_path / "own", names), ["image,label,group"]
    groups = {}
    for number, name in enumerate(names):
        lines.append(f"{name},{name[0]},writer {number % 20}")
        groups[np.asarray(Image.open(folder / name)).tobytes()] = number % 20
    (folder / "labels.csv").write_text("\n".join(lines))
    made = make(folder, polarity="light")
    writers = [{groups[image.tobytes()] for image in dataset.images} for dataset in made.values()]
    assert sum(map(len, writers)) == len(set.union(*writers)) == 20
    assert sum(len(dataset.labels) for dataset in made.values()) == 120


def test_what_cannot_be_read_is_skipped_or_fails(tmp_path: Path, make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "own", several("a", "b"))
    (folder / "a" / "note.txt").write_text("no image")
    made = make(folder)
    assert sum(len(each.labels) for each in made.values()) == 24
    assert "note.txt: not an image" in capfd.readouterr().err
    with pytest.raises(InputError, match=r"own: 1 images cannot be read; mend them, or set preprocess\.unreadable"):
        make(folder, unreadable="fail")
    assert "note.txt: not an image" in capfd.readouterr().err


def test_a_class_of_which_too_little_can_be_read_is_reported(tmp_path: Path, make: Make) -> None:
    folder = write(tmp_path / "own", several("a", "b", "c", each=4))
    for number in range(4):
        (folder / "b" / f"{number:02}.png").write_text("no image")
        if number == 1:
            with pytest.raises(InputError, match="own: class 'b': too few images in all, 2;"):
                make(folder)
    with pytest.raises(InputError, match="own: class 'b': none of its images can be read"):
        make(folder)


def test_few_images_of_each_class_are_enough(tmp_path: Path, make: Make) -> None:
    made = make(write(tmp_path / "own", several("a", "b", each=3)))
    assert [sorted(each.labels) for each in made.values()] == [[0, 1]] * 3
    with_most = make(tmp_path / "own", validation=59_000, test=59_000)
    assert [len(each.labels) for each in with_most.values()] == [2, 2, 2]


def test_more_than_256_classes_have_wider_labels(tmp_path: Path, make: Make) -> None:
    made = make(write(tmp_path / "own", several(*map(str, range(260)), each=3)))
    assert {dataset.labels.dtype for dataset in made.values()} == {np.dtype(np.uint16)}
    assert made["test"].labels.max() == 259


def test_the_same_image_in_training_and_test_is_told(
    tmp_path: Path, make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "own", several("train/a", "train/b", "test/a", "test/b", each=3))
    (folder / "train" / "a" / "copy.png").write_bytes((folder / "test" / "a" / "01.png").read_bytes())
    make(folder)
    (line,) = capfd.readouterr().err.splitlines()
    both = "such as train/a/copy.png and test/a/01.png"
    assert line == f"warning: {folder}: 1 training images are in the test set, too, {both}"


def test_a_name_keeps_its_accents_as_they_are_written(tmp_path: Path, make: Make) -> None:
    name = unicodedata.normalize("NFD", "é")
    folder = write(tmp_path / "own", several(name, "e"))
    made = make(folder)["train"].task.classes
    assert {unicodedata.normalize("NFC", each) for each in made} == {"e", "é"}
