"""Labelled images in .npz files."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import again, replacing
from digits.core.task import DIGITS, Task

SIDE = 28


class Dataset(NamedTuple):
    """Labelled images.

    name: the dataset they come from, such as ``mnist`` or ``mnist-sample``
    images: uint8 (N, 28, 28), white ink (255) on black (0)
    labels: uint8 (N,), or uint16 if there are more than 256 classes: indices of ``task.classes``
    task: the names of the classes, and how a picture becomes an image
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8] | NDArray[np.uint16]
    task: Task = DIGITS

    def part(self, indices: NDArray[np.intp]) -> "Dataset":
        """Return the images at ``indices``, (M,)."""
        return self._replace(images=self.images[indices], labels=self.labels[indices])


def save(path: Path, dataset: Dataset, **more: NDArray[Any]) -> None:
    """Write ``dataset`` and the arrays ``more`` as a compressed .npz; the same arrays give the same bytes."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            name=np.array(dataset.name),
            images=dataset.images,
            labels=dataset.labels,
            symbols=np.array(dataset.task.model_dump_json()),
            allow_pickle=False,
            **more,
        )


def load(path: Path, stage: str) -> Dataset:
    """Read what ``save`` wrote in ``stage``. Raises InputError if the file is missing, damaged or something else."""
    arrays = load_arrays(path, stage, "name", "images", "labels", "symbols")
    name, images, labels = (arrays[key] for key in ("name", "images", "labels"))
    try:
        task = Task.parse(str(arrays["symbols"]))
    except ValueError as error:
        raise InputError(f"{path}: symbols: {error}; {again(stage, path)}") from None
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images):
        raise InputError(
            f"{path}: images are {images.dtype} {images.shape}, not uint8 (N, 28, 28); {again(stage, path)}"
        )
    last, kind = len(task.classes) - 1, label_type(len(task.classes))
    if labels.dtype != kind or labels.shape != images.shape[:1] or labels.max() > last:
        raise InputError(f"{path}: labels are not {len(images)} {kind} from 0 to {last}; {again(stage, path)}")
    return Dataset(str(name), images, labels, task)


def label_type(classes: int) -> np.dtype[Any]:
    """Return the type of the labels of so many classes."""
    return np.dtype(np.uint8 if classes <= 256 else np.uint16)


def load_arrays(path: Path, stage: str, *keys: str) -> dict[str, NDArray[Any]]:
    """Read the arrays named ``keys``. Raises InputError if the file is missing or damaged, or lacks one of them."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            # NumPy returns the bytes of a member that is not an array; np.asarray gives them a type that is refused.
            return {key: np.asarray(archive[key]) for key in keys}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {again(stage, path)}") from None
    except Exception as error:  # NumPy and zipfile raise anything from KeyError to TokenError.
        raise InputError(
            f"{path}: damaged ({' '.join(str(error).split()) or type(error).__name__}); {again(stage, path)}"
        ) from None
