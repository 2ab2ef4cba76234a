import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from digits.core.errors import InputError
from digits.data import datasets
from tests.data import small


def test_the_sample_is_5000_different_digits_in_mnists_proportions(tmp_path: Path) -> None:
    datasets.write_sample(tmp_path / datasets.SAMPLE)
    train, test = datasets.read(tmp_path / datasets.SAMPLE)
    assert (train.name, test.name) == ("mnist-sample", "mnist-sample")
    assert np.bincount(train.labels).tolist() == [430] * 10
    assert np.bincount(test.labels).tolist() == [70] * 10
    images = np.concatenate([train.images, test.images]).reshape(5000, -1)
    assert len(np.unique(images, axis=0)) == 5000
    # In MNIST, ink covers a fifth of an image.
    assert 0.15 < (images > 0).mean() < 0.25


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, max_side=5)))
def test_an_idx_file_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("idx") / "file.gz"
    datasets.write_idx(path, array)
    np.testing.assert_array_equal(datasets.read_idx(path, array.ndim), array)


# Without the time (mtime=0) in the gzip headers: pytest-xdist needs the same parameters in every process.
GOOD = bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 6])


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        b"",
        gzip.compress(b"", mtime=0),
        gzip.compress(GOOD, mtime=0)[:-6],
        gzip.compress(GOOD[:6], mtime=0),
        gzip.compress(GOOD[:-1], mtime=0),
        gzip.compress(GOOD + b"7", mtime=0),
        gzip.compress(bytes([0, 0, 13]) + GOOD[3:], mtime=0),
        gzip.compress(bytes([0, 0, 8, 2]) + GOOD[4:], mtime=0),
    ],
)
def test_the_error_for_a_damaged_idx_file_names_the_file_and_the_command(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"labels\.gz: .*dvc repro --force download") as caught:
        datasets.read_idx(path, 1)
    assert "\n" not in str(caught.value)


def test_images_and_labels_that_do_not_match_are_reported(tmp_path: Path) -> None:
    folder = small.write(tmp_path / "raw" / "mnist")
    datasets.write_idx(folder / datasets.TRAIN_LABELS, np.zeros(59, np.uint8))
    with pytest.raises(InputError, match=r"train-labels.*not 60 labels"):
        datasets.read(folder)


def test_a_missing_dataset_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains 0 datasets"):
        datasets.only(tmp_path)
