"""Split the raw images into training, validation and test sets, after converting those of a folder."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import write_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.core.store import Dataset
from digits.core.task import Task
from digits.data import datasets, folders, splitting
from digits.reading import pictures
from digits.reading.settings import read_ink

# MNIST's numbers of images, of which params.yaml holds some out; of a smaller set, proportionally fewer.
TRAINING, ALL = 60_000, 70_000


def main(params: Params) -> None:
    section, processed = params.preprocess, Path("data/processed")
    raw = datasets.only(Path("data/raw"))
    if (raw / folders.LIST).exists():
        train, test, groups, names = convert(raw, params)
    else:
        (train, test), groups = datasets.read(raw), ()
        names = [str(index) for index in range(len(train.labels))]
    kept, held_out = splitting.split(train, groups, section.validation / TRAINING, section.seed)
    parts = {"train": kept, "validation": held_out}
    for part, indices in parts.items():
        store.save(processed / f"{part}.npz", train.part(indices))
    store.save(processed / "test.npz", test)
    # In a file of its own, so that nothing is trained again because an image was renamed.
    write_table(
        processed / "images.csv",
        [
            {"set": part, "index": number, "image": names[index]}
            for part, indices in parts.items()
            for number, index in enumerate(indices)
        ],
    )


def convert(raw: Path, params: Params) -> tuple[Dataset, Dataset, Sequence[str], Sequence[str]]:
    """Return the training and test sets of a folder's images, which ``raw`` lists, and each training image's group and
    path.

    Raises InputError if an image cannot be read, and params.yaml does not say to skip it.
    """
    section, path = params.preprocess, Path(params.download.path)
    listed = folders.load(raw / folders.LIST)
    task = Task(classes=folders.classes(listed), fit=section.fit, polarity=section.polarity)
    images, readable = pictures.read(path, [row.image for row in listed], task, read_ink())
    if (unreadable := int((~readable).sum())) and section.unreadable == "fail":
        raise InputError(
            f"{path}: {unreadable:,} images cannot be read; mend them, or set preprocess.unreadable to skip"
        )
    listed = [row for row, is_readable in zip(listed, readable, strict=True) if is_readable]
    if unreadable_classes := {*task.classes} - {row.label for row in listed}:
        raise InputError(
            f"{path}: class {min(unreadable_classes)!r}: none of its images can be read; replace them, or remove them"
        )
    folders.check(listed, path)
    place = {name: index for index, name in enumerate(task.classes)}
    labels = np.array([place[row.label] for row in listed], store.label_type(len(place)))
    dataset, groups = Dataset(raw.name, images, labels, task), [row.group for row in listed]
    if any(row.split for row in listed):
        in_test = np.array([row.split == "test" for row in listed])
        kept, held_out = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    else:
        kept, held_out = splitting.split(dataset, groups, section.test / ALL, section.seed, least=2)
    train, test = dataset.part(kept), dataset.part(held_out)
    test_names = {image.tobytes(): listed[index].image for image, index in zip(test.images, held_out, strict=True)}
    both = [
        (listed[index].image, test_names[image.tobytes()])
        for image, index in zip(train.images, kept, strict=True)
        if image.tobytes() in test_names
    ]
    if both:
        example = "such as {} and {}".format(*both[0])
        print(f"warning: {path}: {len(both):,} training images are in the test set, too, {example}", file=sys.stderr)
    return train, test, [groups[index] for index in kept], [listed[index].image for index in kept]


if __name__ == "__main__":
    run_stage(main)
