"""Images in folders, one for each class, or listed in a file labels.csv."""

import codecs
import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from digits.core.errors import InputError
from digits.core.files import read_table, write_table
from digits.core.task import MOST_CLASSES, check_names

LIST, LABELS = "images.csv", "labels.csv"
# The columns of labels.csv, of which the last two are optional.
COLUMNS = ("image", "label", "group", "split")
# What others call a set that is here a part of the training set.
VALIDATION = {"val", "valid", "validation", "dev"}
# What others call train and test. One such folder on its own may be a class.
SPLITS = re.compile(r"(train|training|test|testing|val|valid|validation|dev)([ _-]?(set|data|images))?", re.IGNORECASE)
# Line breaks and other control characters, and bytes that are not UTF-8.
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class ListedImage(NamedTuple):
    """An image of a dataset.

    image: its path within the dataset's folder, with slashes
    label: the name of its class
    group: empty, or its writer, for example: images of a group are all in the same set
    split: ``train`` or ``test``, or empty if the dataset has no test set of its own
    """

    image: str
    label: str
    group: str = ""
    split: str = ""


def find(folder: Path) -> list[ListedImage]:
    """Return the images in ``folder``: one sub-folder for each class, as Keras's ``image_dataset_from_directory`` and
    torchvision's ``ImageFolder`` read them, or a file labels.csv with the columns image and label, and optionally group
    and split. The sub-folders train and test may contain either.

    Images in sub-folders are sorted by file name, whatever their class; hidden files are left out.
    Raises InputError if there are fewer than two classes or more than a thousand, or a class has too few images, or if
    there is a link to a folder: DVC does not follow it, and would not notice a change.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; set download.path to a folder of images")
    try:
        names = {entry.name for entry in _entries(folder) if entry.is_dir()}
        has_table = (folder / LABELS).exists()
        if not has_table and "train" in names and names <= {"train", "test"} | VALIDATION:
            if validation := names & VALIDATION:
                where = folder / validation.pop()
                raise InputError(f"{where}: move its images to train/; preprocess holds out a validation set itself")
            for split in names:
                _refuse_link(folder / split)
            images = [
                image._replace(image=f"{split}/{image.image}", split=split if "test" in names else "")
                for split in sorted(names, reverse=True)
                for image in _listed(folder / split)
            ]
        elif not has_table and len(names) > 1 and all(map(SPLITS.fullmatch, names)):
            both = " and ".join(sorted(names))
            raise InputError(f"{folder}: folders {both}: should be train and test, or one folder for each class")
        else:
            images = _listed(folder)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None
    check(images, folder)
    return images


def classes(images: list[ListedImage]) -> tuple[str, ...]:
    """Return the names of the classes: sorted as numbers if all of them are numbers, otherwise as text."""
    names = {image.label for image in images}
    numbers = all(name.isascii() and name.isdigit() for name in names)
    return tuple(sorted(names, key=(lambda name: (int(name), name)) if numbers else None))


def save(images: list[ListedImage], path: Path) -> None:
    """Write ``images`` as a table."""
    write_table(path, [image._asdict() for image in images])


def load(path: Path) -> list[ListedImage]:
    """Read what ``save`` wrote. Raises InputError if it is missing or damaged."""
    return [ListedImage(**row) for row in read_table(path, "download", dict.fromkeys(COLUMNS, str))]


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _listed(folder: Path) -> list[ListedImage]:
    if (folder / LABELS).exists():
        return _read_table(folder / LABELS)
    names = [entry.name for entry in _entries(folder) if entry.is_dir()]
    if len(names) > MOST_CLASSES:
        raise InputError(f"{folder}: {len(names):,} sub-folders, more than {MOST_CLASSES:,} classes")
    images = list[ListedImage]()
    for name in names:
        paths = [(Path(name) / path).as_posix() for path in _walk(folder / name)]
        if not paths:
            raise InputError(f"{folder}: class {name!r}: no images; add some, or remove the folder")
        images += [ListedImage(path, name) for path in paths]
    return sorted(images, key=lambda image: (image.image.rpartition("/")[2], image.image))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below ``folder``, relative to it, that are not hidden."""

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


def _decoded(table: Path) -> str:
    content = table.read_bytes()
    # The byte order mark that Excel writes tells UTF-8 and UTF-16.
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f'{table}: not in UTF-8 ({error}); save it as "CSV UTF-8"') from None


def _read_table(table: Path) -> list[ListedImage]:
    text = _decoded(table)
    # Excel's own line, which names the separator.
    if named := re.match(r"sep=(.)\r?\n", text):
        text = text[named.end() :]
    separator = named[1] if named else max(",;\t", key=text.partition("\n")[0].count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        columns = [name.strip().lower() for name in next(reader, [])]
        if missing := {"image", "label"} - {*columns}:
            lacking = " and no column ".join(sorted(missing))
            raise InputError(f"{table}: no column {lacking}; its first line should be {','.join(COLUMNS)}")
        rows = []
        for cells in reader:
            row = dict(zip(columns, cells, strict=False))
            image = ListedImage(**{column: row.get(column, "").strip() for column in COLUMNS})
            if cells:
                rows.append((reader.line_num + bool(named), image))
    except csv.Error as error:
        raise InputError(f"{table}: not a table ({error})") from None
    paths = set[Path]()
    for line, image in rows:
        where, path = f"{table}: line {line}", Path(image.image)
        if not image.image or not image.label:
            raise InputError(f"{where}: no {'label' if image.image else 'image'}; add it, or remove the line")
        if path.is_absolute() or ".." in path.parts:
            raise InputError(f"{where}: {image.image}: outside this folder; move it inside")
        if image.split not in ("", "train", "test"):
            hint = "should be train or test; preprocess takes the validation set from train"
            raise InputError(f"{where}: split {image.split!r}: {hint}")
        if path in paths:
            raise InputError(f"{where}: {image.image} is listed twice; remove a line")
        paths.add(path)
    for parent in {parent for path in paths for parent in path.parents}:
        # The folder itself is DVC's dependency, and may be a link.
        if parent.parts:
            _refuse_link(table.parent / parent)
    images = [image for _, image in rows]
    if absent := [image.image for image in images if not (table.parent / image.image).is_file()]:
        raise InputError(f"{table}: {len(absent):,} of its images do not exist, such as {', '.join(absent[:3])}")
    if len(splits := {image.split for image in images}) > 1 and "" in splits:
        raise InputError(f"{table}: split: should be train or test on every line, or on none")
    return images


def check(images: list[ListedImage], folder: Path) -> None:
    """Raise InputError if the images cannot be split into training, validation and test sets."""
    counts = Counter(image.label for image in images)
    if not images:
        raise InputError(f"{folder}: no images; it needs one sub-folder for each class, or a file {LABELS}")
    if len(counts) < 2:
        raise InputError(f"{folder}: only one class, {next(iter(counts))!r}; at least two are needed")
    if len(counts) > MOST_CLASSES:
        raise InputError(f"{folder}: {len(counts):,} classes, more than {MOST_CLASSES:,}")
    try:
        check_names(tuple(sorted(counts)))
    except PydanticCustomError as error:
        raise InputError(f"{folder}: {error.message()}") from None
    if names := [name for image in images for name in (image.image, image.group) if UNWRITABLE.search(name)]:
        raise InputError(f"{folder}: {names[0]!a}: line breaks, or bytes that are not UTF-8, in its name; rename it")
    splits = {image.split for image in images}
    if (has_test := splits != {""}) and (missing := {"train", "test"} - splits):
        raise InputError(f"{folder}: no {missing.pop()} images; add some, or leave out the split")
    training, test = ({image.group for image in images if image.split == split} - {""} for split in ("train", "test"))
    if both := training & test:
        raise InputError(f"{folder}: group {min(both)!r} is in both the training and the test set; keep it in one")
    remaining = Counter(image.label for image in images if image.split != "test")
    sets, least = ("training and validation", 2) if has_test else ("training, validation and test", 3)
    for name in sorted(counts):
        if remaining[name] < least:
            where = "outside the test set" if has_test else "in all"
            raise InputError(
                f"{folder}: class {name!r}: too few images {where}, {remaining[name]}; "
                f"the {sets} sets need at least {least}"
            )
