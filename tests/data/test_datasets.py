import gzip
from pathlib import Path

import numpy as np
import pytest

from digits.core.errors import InputError
from digits.data import datasets
from tests.data import small


def test_the_sample_is_5000_different_digits_in_mnists_proportions(tmp_path: Path) -> None:
    datasets.write_sample(tmp_path / datasets.SAMPLE)
    train, test = datasets.read(datasets.only(tmp_path))
    assert (train.name, test.name) == ("mnist-sample", "mnist-sample")
    assert np.bincount(train.labels).tolist() == [430] * 10
    assert np.bincount(test.labels).tolist() == [70] * 10
    images = np.concatenate([train.images, test.images]).reshape(5000, -1)
    assert len(np.unique(images, axis=0)) == 5000
    # In MNIST, ink covers a fifth of an image.
    assert 0.15 < (images > 0).mean() < 0.25


@pytest.mark.parametrize("shape", [(5,), (0, 3), (2, 3, 4)])
def test_an_idx_file_is_read_as_it_was_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    datasets.write_idx(tmp_path / "file.gz", array)
    np.testing.assert_array_equal(datasets.read_idx(tmp_path / "file.gz", array.ndim), array)


# Without the time (mtime=0) in the gzip headers: pytest-xdist needs the same parameters in every process.
GOOD = bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 6])


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(GOOD, mtime=0)[:-6],
        gzip.compress(GOOD[:6], mtime=0),
        gzip.compress(GOOD[:-1], mtime=0),
        gzip.compress(bytes([0, 0, 8, 2]) + GOOD[4:], mtime=0),
    ],
)
def test_the_error_for_a_damaged_idx_file_names_the_file_and_the_command(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"labels\.gz: .*dvc repro --force download") as caught:
        datasets.read_idx(path, 1)
    assert "\n" not in str(caught.value)


def test_a_missing_dataset_and_labels_that_do_not_match_the_images_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains 0 datasets"):
        datasets.only(tmp_path)
    folder = small.write(tmp_path / "raw" / "mnist")
    datasets.write_idx(folder / datasets.TRAIN_LABELS, np.zeros(59, np.uint8))
    with pytest.raises(InputError, match=r"train-labels.*not 60 labels"):
        datasets.read(folder)
