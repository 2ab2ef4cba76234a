from pathlib import Path

import numpy as np
import pytest

from digits.core import store
from digits.core.errors import InputError
from digits.core.store import Dataset
from digits.core.task import Task


@pytest.mark.parametrize("count", [2, 256, 257, 1000])
def test_a_dataset_is_loaded_as_it_was_saved(tmp_path: Path, count: int) -> None:
    task = Task(classes=tuple(f"class {number}" for number in range(count)), fit="resize", polarity="dark")
    labels = np.array([0, count - 1], store.label_type(count))
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)
    store.save(tmp_path / "a.npz", Dataset("own", images, labels, task), more=np.arange(3))
    loaded = store.load(tmp_path / "a.npz", "preprocess")
    assert (loaded.name, loaded.labels.tolist(), loaded.task) == ("own", [0, count - 1], task)
    np.testing.assert_array_equal(loaded.images, images)
    assert store.load_arrays(tmp_path / "a.npz", "preprocess", "more")["more"].tolist() == [0, 1, 2]


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path, dataset: Dataset) -> None:
    store.save(tmp_path / "a.npz", dataset)
    store.save(tmp_path / "b.npz", dataset)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "truncated", "flipped", "other arrays", "other task"])
def test_the_error_for_a_damaged_file_names_the_file_and_the_command(
    tmp_path: Path, dataset: Dataset, damage: str
) -> None:
    path = tmp_path / "train.npz"
    store.save(path, dataset)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"<html>not found</html>")
        case "truncated":
            path.write_bytes(content[:middle])
        case "flipped":
            content[middle - 20 : middle + 20] = bytes(40)
            path.write_bytes(content)
        case "other arrays":
            np.savez(path, weights=np.zeros(3))
        case "other task":
            np.savez(path, name="own", images=dataset.images, labels=dataset.labels, symbols="{}")
    with pytest.raises(InputError, match=r"train\.npz: .*dvc repro --force preprocess") as caught:
        store.load(path, "preprocess")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 28, 28), np.float32), np.zeros(2, np.uint8)),
        (np.zeros((2, 28, 27), np.uint8), np.zeros(2, np.uint8)),
        (np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8)),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(3, np.uint8)),
        (np.zeros((2, 28, 28), np.uint8), np.full(2, 10, np.uint8)),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64)),
    ],
)
def test_arrays_of_the_wrong_type_or_shape_are_refused(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    store.save(tmp_path / "train.npz", Dataset("mnist", images, labels))
    with pytest.raises(InputError, match=r"train\.npz: (images|labels) are"):
        store.load(tmp_path / "train.npz", "preprocess")
