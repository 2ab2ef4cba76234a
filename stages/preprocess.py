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
from digits.core.symbols import Symbols
from digits.data import datasets, folders, splitting
from digits.reading import pictures
from digits.reading.settings import read_ink

# MNIST's images, of which params.yaml tells how many are held out; of a smaller set, proportionally fewer.
TRAINING, ALL = 60_000, 70_000


def main(params: Params, folder: Path) -> None:
    section, processed = params.preprocess, folder / "data" / "processed"
    raw = datasets.only(folder / "data" / "raw")
    if (raw / folders.LIST).exists():
        train, test, groups, names = own(raw, params)
    else:
        (train, test), groups = datasets.read(raw), ()
        names = [str(place) for place in range(len(train.labels))]
    kept, held_out = splitting.split(train, groups, section.validation / TRAINING, section.seed)
    parts = {"train": kept, "validation": held_out}
    for part, indices in parts.items():
        store.save(processed / f"{part}.npz", train.part(indices))
    store.save(processed / "test.npz", test)
    # In a file of its own, so that nothing is trained again because an image was renamed.
    write_table(
        processed / "images.csv",
        [
            {"set": part, "index": index, "image": names[place]}
            for part, indices in parts.items()
            for index, place in enumerate(indices)
        ],
    )


def own(raw: Path, params: Params) -> tuple[Dataset, Dataset, Sequence[str], Sequence[str]]:
    """Return the training and test sets of a folder's images, as ``raw`` lists them, and each training image's group
    and path.

    Raises InputError if an image cannot be read, and params.yaml does not say to skip it.
    """
    section, path = params.preprocess, Path(params.download.path)
    listed = folders.load(raw / folders.LIST)
    symbols = Symbols(classes=folders.classes(listed), fit=section.fit, polarity=section.polarity)
    images, readable = pictures.read(path, [each.image for each in listed], symbols, read_ink())
    if (lost := int((~readable).sum())) and section.unreadable == "fail":
        raise InputError(f"{path}: {lost:,} images cannot be read; mend them, or set preprocess.unreadable to skip")
    listed = [each for each, good in zip(listed, readable, strict=True) if good]
    if gone := {*symbols.classes} - {each.label for each in listed}:
        raise InputError(f"{path}: class {min(gone)!r}: none of its images can be read; replace them, or remove them")
    folders.check(listed, path)
    places = {name: place for place, name in enumerate(symbols.classes)}
    labels = np.array([places[each.label] for each in listed], store.label_type(len(places)))
    whole, groups = Dataset(raw.name, images, labels, symbols), [each.group for each in listed]
    if any(each.split for each in listed):
        tested = np.array([each.split == "test" for each in listed])
        kept, held_out = np.flatnonzero(~tested), np.flatnonzero(tested)
    else:
        kept, held_out = splitting.split(whole, groups, section.test / ALL, section.seed, least=2)
    train, test = whole.part(kept), whole.part(held_out)
    known = {image.tobytes(): listed[place].image for image, place in zip(test.images, held_out, strict=True)}
    same = [(listed[place].image, known.get(image.tobytes())) for image, place in zip(train.images, kept, strict=True)]
    if same := [pair for pair in same if pair[1]]:
        both = f"such as {same[0][0]} and {same[0][1]}"
        print(f"warning: {path}: {len(same):,} training images are in the test set, too, {both}", file=sys.stderr)
    return train, test, [groups[place] for place in kept], [listed[place].image for place in kept]


if __name__ == "__main__":
    run_stage(main)
