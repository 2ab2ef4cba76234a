"""Split a dataset in two, each class in its share, and groups kept together."""

import warnings
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from digits.core.errors import InputError
from digits.core.store import Dataset

Indices = NDArray[np.intp]


def split(dataset: Dataset, groups: Sequence[str], share: float, seed: int, least: int = 1) -> tuple[Indices, Indices]:
    """Hold out ``share``, 0 to 1, of each class, but at least one image; return the indices kept and held out, sorted.

    groups: of each image, or none; images with the same one stay together, so that the share is only approached, and a
        class that is in few groups may not be held out; an image without one is on its own
    least: images of each class to keep
    Raises InputError if a class has too few images, or is in too few groups.
    """
    labels, classes = dataset.labels, dataset.task.classes
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() <= least:
        raise InputError(f"{dataset.name}: class {classes[counts.argmin()]!r}: {counts.min()} images, too few to split")
    if any(groups):
        kept, held_out = _by_groups(labels, groups, share, seed, least)
        few = np.flatnonzero(np.bincount(labels[kept], minlength=len(classes)) < least)
        if len(few) or not len(held_out):
            what = f"class {classes[few[0]]!r} is" if len(few) else "all images are"
            raise InputError(
                f"{dataset.name}: group: {what} in too few groups to be in every set; add images of others"
            )
    else:
        kept, held_out = _by_classes(labels, counts, share, seed, least)
    return np.sort(kept), np.sort(held_out)


def _by_classes(
    labels: NDArray[np.integer], counts: Indices, share: float, seed: int, least: int
) -> tuple[Indices, Indices]:
    # Scikit-learn needs as many images as classes in both parts, and may still leave out a small class.
    size = min(max(round(share * len(labels)), len(counts)), len(labels) - len(counts))
    kept, held_out = train_test_split(np.arange(len(labels)), test_size=size, stratify=labels, random_state=seed)
    low = np.minimum(np.maximum(np.floor(share * counts), 1), counts - least)
    high = np.maximum(np.minimum(np.ceil(share * counts), counts - least), low)
    sizes = np.bincount(labels[held_out], minlength=len(counts)).clip(low, high).astype(int)
    order = np.concatenate([held_out, kept])
    parts = np.split(order[np.argsort(labels[order], kind="stable")], np.cumsum(counts)[:-1])
    kept, held_out = (
        np.concatenate([part[where] for part, where in zip(parts, ends, strict=True)])
        for ends in ([slice(size, None) for size in sizes], [slice(size) for size in sizes])
    )
    return kept, held_out


def _by_groups(
    labels: NDArray[np.integer], groups: Sequence[str], share: float, seed: int, least: int
) -> tuple[Indices, Indices]:
    """Return the indices kept and held out, the latter none if there is a single group."""
    numbers: dict[Hashable, int] = {}
    group = np.array([numbers.setdefault(name or place, len(numbers)) for place, name in enumerate(groups)])
    folds = min(max(2, round(1 / share)), len(numbers), int(np.bincount(labels).max()))
    if folds < 2:
        return np.arange(len(labels)), np.arange(0)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Of a class that is in fewer groups than there are folds.
        warnings.simplefilter("ignore")
        splits: list[tuple[Indices, Indices]] = list(splitter.split(labels, labels, group))

    def cost(pair: tuple[Indices, Indices]) -> tuple[int, int, float]:
        kept, held_out = (np.bincount(labels[part], minlength=int(labels.max()) + 1) for part in pair)
        return int((kept < least).sum()), int((held_out == 0).sum()), abs(float(held_out.sum()) - share * len(labels))

    # The folds differ in size where groups do.
    return min(splits, key=cost)
