"""Images in folders, one for each class, or listed in a file labels.csv."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from digits.core.errors import InputError
from digits.core.files import read_table, write_table
from digits.core.symbols import MOST_CLASSES, check_names

LIST, LABELS = "images.csv", "labels.csv"
# A column's names in labels.csv: the last two may be missing.
COLUMNS = ("image", "label", "group", "split")
# As others call a set that is here a part of the training set.
VALIDATION = {"val", "valid", "validation", "dev"}
# As others call train and test; one of these folders alone may be a class.
SPLITS = re.compile(r"(train|training|test|testing|val|valid|validation|dev)([ _-]?(set|data|images))?", re.IGNORECASE)
# Line breaks and the like, and bytes that are no UTF-8.
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Listed(NamedTuple):
    """An image of a dataset.

    image: its path within the dataset's folder, with slashes
    label: the name of its class
    group: its writer, for example, or empty: images of a group are all in the same set
    split: ``train`` or ``test``, or empty if the dataset has no test set of its own
    """

    image: str
    label: str
    group: str = ""
    split: str = ""


def find(folder: Path) -> list[Listed]:
    """Return the images in ``folder``: one sub-folder for each class, as Keras's ``image_dataset_from_directory`` and
    torchvision's ``ImageFolder`` read them, or a file labels.csv with the columns image and label, and perhaps group
    and split. Either may also be in the sub-folders train and test.

    Images in folders are in the order of their names, whatever their class; hidden files are left out.
    Raises InputError if there are fewer than two classes or more than a thousand, or a class has too few images, or if
    there is a link to a folder: DVC does not follow it, and would not notice a change.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; set download.path to a folder of images")
    try:
        inner = {entry.name for entry in _entries(folder) if entry.is_dir()}
        if not (folder / LABELS).exists() and "train" in inner and inner <= {"train", "test"} | VALIDATION:
            if others := inner & VALIDATION:
                where = folder / others.pop()
                raise InputError(f"{where}: move its images to train/; preprocess holds out a validation set itself")
            for split in inner:
                _refuse_link(folder / split)
            found = [
                each._replace(image=f"{split}/{each.image}", split=split if "test" in inner else "")
                for split in sorted(inner, reverse=True)
                for each in _listed(folder / split)
            ]
        elif len(inner) > 1 and all(map(SPLITS.fullmatch, inner)) and not (folder / LABELS).exists():
            names = " and ".join(sorted(inner))
            raise InputError(f"{folder}: folders {names}: should be train and test, or one folder for each class")
        else:
            found = _listed(folder)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None
    check(found, folder)
    return found


def classes(found: list[Listed]) -> tuple[str, ...]:
    """Return the names of the classes, numbers in their order, other names sorted."""
    names = {each.label for each in found}
    numbers = all(name.isascii() and name.isdigit() for name in names)
    return tuple(sorted(names, key=(lambda name: (int(name), name)) if numbers else None))


def save(found: list[Listed], path: Path) -> None:
    """Write ``found`` as a table."""
    write_table(path, [each._asdict() for each in found])


def load(path: Path) -> list[Listed]:
    """Read what ``save`` wrote. Raises InputError if it is missing or damaged."""
    return [Listed(**row) for row in read_table(path, "download", dict.fromkeys(COLUMNS, str))]


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _listed(folder: Path) -> list[Listed]:
    file = folder / LABELS
    if file.exists():
        return _table(file)
    names = [entry.name for entry in _entries(folder) if entry.is_dir()]
    if len(names) > MOST_CLASSES:
        raise InputError(f"{folder}: {len(names):,} sub-folders, more than {MOST_CLASSES:,} classes")
    found = list[Listed]()
    for name in names:
        images = [(Path(name) / image).as_posix() for image in _walk(folder / name)]
        if not images:
            raise InputError(f"{folder}: class {name!r}: no images; add some, or remove the folder")
        found += [Listed(image, name) for image in images]
    return sorted(found, key=lambda each: (each.image.rpartition("/")[2], each.image))


def _walk(folder: Path) -> Iterator[Path]:
    """Return the files below ``folder``, relative to it, that are not hidden."""

    def fail(error: OSError) -> None:
        raise error

    _refuse_link(folder)
    for path, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            _refuse_link(Path(path, name))
        yield from (Path(path, name).relative_to(folder) for name in files if not name.startswith("."))


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise InputError(f"{folder}: a link to a folder, which DVC does not follow; move the folder itself here")


def _table(file: Path) -> list[Listed]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            missing = {"image", "label"} - {*(reader.fieldnames or ())}
            if missing:
                columns = " and no column ".join(sorted(missing))
                raise InputError(f"{file}: no column {columns}; its first line should be {','.join(COLUMNS)}")
            found = [
                (reader.line_num, Listed(**{column: (row.get(column) or "").strip() for column in COLUMNS}))
                for row in reader
            ]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{file}: not a table in UTF-8 ({error})") from None
    known = set()
    for line, each in found:
        where, path = f"{file}: line {line}", Path(each.image)
        if not each.image or not each.label:
            raise InputError(f"{where}: no {'label' if each.image else 'image'}; add it, or remove the line")
        if path.is_absolute() or ".." in path.parts:
            raise InputError(f"{where}: {each.image}: outside of this folder; move it inside")
        if each.split not in ("", "train", "test"):
            raise InputError(
                f"{where}: split {each.split!r}: should be train, of which a part becomes the validation set, or test"
            )
        if path in known:
            raise InputError(f"{where}: {each.image} is listed twice; remove a line")
        known.add(path)
    for inner in {parent for path in known for parent in path.parents}:
        # The folder itself is DVC's dependency, and may be a link.
        if inner.parts:
            _refuse_link(file.parent / inner)
    lost = [each.image for _, each in found if not (file.parent / each.image).is_file()]
    if lost:
        raise InputError(f"{file}: {len(lost):,} of its images are no files, such as {', '.join(lost[:3])}")
    images = [each for _, each in found]
    if "" in (splits := {each.split for each in images}) and len(splits) > 1:
        raise InputError(f"{file}: split: should be train or test on every line, or on none")
    return images


def check(found: list[Listed], folder: Path) -> None:
    """Raise InputError if no training, validation and test set can be made of the images."""
    counts = Counter(each.label for each in found)
    if not found:
        raise InputError(f"{folder}: no images; it needs one sub-folder for each class, or a file {LABELS}")
    if len(counts) < 2:
        raise InputError(f"{folder}: only one class, {next(iter(counts))!r}; at least two are needed")
    if len(counts) > MOST_CLASSES:
        raise InputError(f"{folder}: {len(counts):,} classes, more than {MOST_CLASSES:,}")
    try:
        check_names(tuple(sorted(counts)))
    except PydanticCustomError as error:
        raise InputError(f"{folder}: {error.message()}") from None
    if bad := [name for each in found for name in (each.image, each.group) if UNWRITABLE.search(name)]:
        raise InputError(f"{folder}: {bad[0]!a}: line breaks, or bytes that are no UTF-8, in its name; rename it")
    splits = {each.split for each in found}
    if (tested := splits != {""}) and (lacking := {"train", "test"} - splits):
        raise InputError(f"{folder}: no {lacking.pop()} images; add some, or leave out the split")
    trained, held_out = ({each.group for each in found if each.split == split} - {""} for split in ("train", "test"))
    if both := trained & held_out:
        raise InputError(f"{folder}: group {min(both)!r} is in both the training and the test set; keep it in one")
    left = Counter(each.label for each in found if each.split != "test")
    sets, least = ("training and validation", 2) if tested else ("training, validation and test", 3)
    for name in sorted(counts):
        if left[name] < least:
            where = "outside of the test set" if tested else "in all"
            raise InputError(
                f"{folder}: class {name!r}: too few images {where}, {left[name]}; the {sets} sets need at least {least}"
            )
