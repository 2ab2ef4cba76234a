import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.core import store
from digits.core.errors import InputError
from digits.core.store import Dataset
from digits.core.symbols import Symbols


@given(
    hnp.arrays(np.uint8, st.integers(1, 5).map(lambda count: (count, 28, 28))),
    st.sampled_from(["mnist", "mnist-sample"]),
)
def test_a_dataset_is_loaded_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory, images: np.ndarray, name: str
) -> None:
    path = tmp_path_factory.mktemp("store") / "some.npz"
    labels = (np.arange(len(images)) % 10).astype(np.uint8)
    store.save(path, Dataset(name, images, labels))
    loaded = store.load(path, "preprocess")
    assert loaded.name == name
    np.testing.assert_array_equal(loaded.images, images)
    np.testing.assert_array_equal(loaded.labels, labels)


@pytest.mark.parametrize("count", [2, 256, 257, 1000])
def test_any_number_of_classes_is_kept(tmp_path: Path, count: int) -> None:
    symbols = Symbols(classes=tuple(f"class {number}" for number in range(count)), fit="resize", polarity="dark")
    labels = np.array([0, count - 1], store.label_type(count))
    store.save(tmp_path / "a.npz", Dataset("own", np.zeros((2, 28, 28), np.uint8), labels, symbols))
    loaded = store.load(tmp_path / "a.npz", "preprocess")
    assert loaded.symbols == symbols
    assert loaded.labels.tolist() == [0, count - 1]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"classes": ["a"], "fit": "digit", "polarity": "auto"}'])
def test_damaged_names_of_classes_are_reported(tmp_path: Path, dataset: Dataset, text: str) -> None:
    images, labels, name = dataset.images, dataset.labels, np.array("own")
    np.savez(tmp_path / "a.npz", images=images, labels=labels, name=name, symbols=np.array(text))
    with pytest.raises(InputError, match=r"a\.npz: symbols: .*preprocess") as caught:
        store.load(tmp_path / "a.npz", "preprocess")
    assert "\n" not in str(caught.value)


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path, dataset: Dataset) -> None:
    store.save(tmp_path / "a.npz", dataset)
    store.save(tmp_path / "b.npz", dataset)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_additional_arrays_are_loaded_as_they_were_saved(tmp_path: Path, dataset: Dataset) -> None:
    store.save(tmp_path / "a.npz", dataset, more=np.arange(3))
    assert store.load_arrays(tmp_path / "a.npz", "evaluate", "more")["more"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "truncated", "flipped", "other arrays"])
def test_the_error_for_a_damaged_file_names_the_file_and_the_command(
    tmp_path: Path, dataset: Dataset, damage: str
) -> None:
    path = tmp_path / "train.npz"
    store.save(path, dataset)
    content = bytearray(path.read_bytes())
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"<html>not found</html>")
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "flipped":
            middle = len(content) // 2
            content[middle - 20 : middle + 20] = bytes(40)
            path.write_bytes(content)
        case "other arrays":
            np.savez(path, weights=np.zeros(3))
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
def test_arrays_of_the_wrong_type_or_shape_are_rejected(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    store.save(tmp_path / "train.npz", Dataset("mnist", images, labels))
    with pytest.raises(InputError, match=r"train\.npz: (images|labels) are"):
        store.load(tmp_path / "train.npz", "preprocess")


def test_what_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.npz"
    np.savez_compressed(path, name=np.array("mnist"), images=np.zeros(store.BYTES, np.uint8), labels=np.zeros(1))
    with pytest.raises(InputError, match=r"train\.npz: damaged \(it would take far more memory"):
        store.load(path, "preprocess")


def test_what_is_no_array_is_refused(tmp_path: Path, dataset: Dataset) -> None:
    path = tmp_path / "train.npz"
    store.save(path, dataset)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "images.npy": b"something else"}.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match=r"train\.npz: damaged \(a part of it is no array"):
        store.load(path, "preprocess")
