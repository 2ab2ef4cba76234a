"""Labelled images in .npz files."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import again, replacing

SIDE = 28
CLASSES = 10
# No file that is read takes more bytes than these in memory, or, if it is large, so many times its own.
BYTES, TIMES = 200_000_000, 50


class Dataset(NamedTuple):
    """Labelled images.

    name: the dataset they come from, such as ``mnist`` or ``mnist-sample``
    images: uint8 (N, 28, 28), white ink (255) on black (0)
    labels: uint8 (N,), 0 to 9
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def save(path: Path, dataset: Dataset, **more: NDArray[Any]) -> None:
    """Write ``dataset`` and the arrays ``more`` as a compressed .npz; the same arrays give the same bytes."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file, name=np.array(dataset.name), images=dataset.images, labels=dataset.labels, allow_pickle=False, **more
        )


def load(path: Path, stage: str) -> Dataset:
    """Read what ``save`` wrote in ``stage``. Raises InputError if the file is missing, damaged or something else."""
    arrays = load_arrays(path, stage, "name", "images", "labels")
    name, images, labels = (arrays[key] for key in ("name", "images", "labels"))
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images):
        raise InputError(f"{path}: images are {images.dtype} {images.shape}, not uint8 (N, 28, 28); {again(stage)}")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1] or labels.max() >= CLASSES:
        raise InputError(f"{path}: labels are not {len(images)} uint8 from 0 to 9; {again(stage)}")
    return Dataset(str(name), images, labels)


def load_arrays(path: Path, stage: str, *keys: str) -> dict[str, NDArray[Any]]:
    """Read the arrays named ``keys``. Raises InputError if the file is missing or damaged, or lacks one of them."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if sum(each.file_size for each in archive.zip.infolist()) > max(BYTES, TIMES * path.stat().st_size):
                raise ValueError("it would take far more memory than a dataset")
            arrays = {key: archive[key] for key in keys}
            # NumPy returns the bytes of what is no array.
            if not all(isinstance(each, np.ndarray) for each in arrays.values()):
                raise ValueError("a part of it is no array")
            return arrays
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {again(stage)}") from None
    except Exception as error:  # NumPy and zipfile raise anything from KeyError to TokenError.
        raise InputError(
            f"{path}: damaged ({' '.join(str(error).split()) or type(error).__name__}); {again(stage)}"
        ) from None
