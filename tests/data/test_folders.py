import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest

from digits.core.errors import InputError
from digits.data import folders
from digits.data.folders import ListedImage

# Nothing here opens an image.
TWO = {f"{name}/{number}.png": "" for name in ("cat", "dog") for number in range(3)}
NAMES = [
    "a b.png",
    "a,b.png",
    'a"b.png',
    "'; rm.png",
    "é.png",
    "写真.png",
    "10.00\u202fPM.png",
    "no extension",
    "%.png",
]


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write ``files`` with their texts into ``folder``, and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def table(*lines: str, header: str = "image,label") -> dict[str, str]:
    """Return a file labels.csv of these ``lines``, and the images that they name."""
    files = {name: "" for line in lines if (name := line.split(",")[0].strip())}
    return files | {"labels.csv": "\n".join([header, *lines, ""])}


def error_of(folder: Path) -> str:
    """Return the one-line error for ``folder``, without its name."""
    with pytest.raises(InputError) as caught:
        folders.find(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert "\n" not in message
    return message.removeprefix(str(folder))


def test_each_sub_folder_is_a_class_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    hidden = {".DS_Store": "", "cat/.DS_Store": "", "cat/.thumbs/1.png": "", ".git/1.png": "", ".labels.csv": ""}
    images = folders.find(write(tmp_path, TWO | hidden | {"cat/b/deep.jpg": "", "stray.png": ""}))
    assert [image.image for image in images] == [
        "cat/0.png", "dog/0.png", "cat/1.png", "dog/1.png", "cat/2.png", "dog/2.png", "cat/b/deep.jpg",
    ]  # fmt: skip
    assert images == [ListedImage(image.image, image.image.partition("/")[0]) for image in images]


def test_folders_train_and_test_are_the_split_and_may_have_tables(tmp_path: Path) -> None:
    write(tmp_path / "train", TWO)
    write(tmp_path / "test", table("1.png,cat", "2.png,dog"))
    images = folders.find(tmp_path)
    assert [image.split for image in images] == ["train"] * 6 + ["test"] * 2
    assert images[0] == ListedImage("train/cat/0.png", "cat", "", "train")
    assert images[-1] == ListedImage("test/2.png", "dog", "", "test")


def test_a_folder_train_alone_is_no_split_and_beside_others_a_class(tmp_path: Path) -> None:
    images = folders.find(write(tmp_path / "alone", {f"train/{name}": "" for name in TWO}))
    assert {image.split for image in images} == {""}
    write(tmp_path / "others", {f"{name}/{number}.png": "" for name in ("train", "test", "car") for number in range(3)})
    assert folders.classes(folders.find(tmp_path / "others")) == ("car", "test", "train")


def test_a_table_has_labels_groups_and_the_split(tmp_path: Path) -> None:
    lines = ["a/1.png,x,ann,train", " b/2.png , y ,,train", "c.png,x,,train", "d.png,y,ben,train", "e.png,x,cid,test"]
    files = table(*lines, header="\ufeffimage,label,group,split") | {"not listed.png": ""}
    assert folders.find(write(tmp_path, files)) == [
        ListedImage("a/1.png", "x", "ann", "train"),
        ListedImage("b/2.png", "y", "", "train"),
        ListedImage("c.png", "x", "", "train"),
        ListedImage("d.png", "y", "ben", "train"),
        ListedImage("e.png", "x", "cid", "test"),
    ]


@pytest.mark.parametrize(
    ("header", "separator", "encoding"),
    [
        ("image;label", ";", "utf-8"),
        ("image;label", ";", "utf-8-sig"),
        ("image\tlabel", "\t", "utf-8"),
        ("sep=;\r\nimage;label", ";", "utf-8"),
        ("Image,Label", ",", "utf-8"),
        ("image, label", ", ", "utf-8"),
        ("image,label", ",", "utf-16"),
    ],
)
def test_a_table_may_be_as_spreadsheets_write_it(tmp_path: Path, header: str, separator: str, encoding: str) -> None:
    images = [ListedImage(f"{number}.png", "ab"[number % 2]) for number in range(6)]
    rows = [f"{image.image}{separator}{image.label}" for image in images]
    write(tmp_path, {image.image: "" for image in images})
    (tmp_path / "labels.csv").write_bytes("\r\n".join([header, *rows, ""]).encode(encoding))
    assert folders.find(tmp_path) == images


@pytest.mark.parametrize(
    "names", [("1", "9", "10"), ("01", "1", "2"), ("10", "9", "a"), ("1", "²")]
)  # fmt: skip
def test_classes_are_sorted_as_numbers_if_they_are_numbers(names: tuple[str, ...]) -> None:
    assert folders.classes([ListedImage("", name) for name in reversed(names)]) == names


def test_an_image_may_have_any_name_and_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    images = folders.find(write(tmp_path / "all", TWO | {f"cat/{name}": "" for name in NAMES}))
    assert {f"cat/{name}" for name in NAMES} <= {image.image for image in images}
    folders.save(images, tmp_path / folders.LIST)
    assert folders.load(tmp_path / folders.LIST) == images


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", [b"a\nb.png", b"a\rb.png", b"a\xffb.png"])
def test_control_characters_or_bytes_in_a_name_are_reported(tmp_path: Path, name: bytes) -> None:
    write(tmp_path, TWO)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "cat") + b"/" + name)).touch()
    except OSError:
        pytest.skip("this system has no such names")
    assert "in its name; rename it" in error_of(tmp_path)


SPLIT = "image,label,split"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"1.png": ""}, ": no images; it needs one sub-folder for each class, or a file labels.csv"),
        ({"cat/1.png": "", "cat/2.png": ""}, ": only one class, 'cat'; at least two are needed"),
        (TWO | {"rat/1.png": ""}, ": class 'rat': too few images in all, 1; the training, validation and test sets"),
        (TWO | {"rat/.1.png": ""}, ": class 'rat': no images; add some, or remove the folder"),
        (TWO | {"Dog/1.png": ""}, ": classes 'Dog' and 'dog' differ in case"),
        (TWO | {f"{unicodedata.normalize(form, 'é')}/1.png": "" for form in ("NFC", "NFD")}, "how accents are written"),
        (TWO | {"a\u200bb/1.png": ""}, r": class 'a\u200bb': should be 1 to 100 printable"),
        ({"train/cat/1.png": "", "val/cat/1.png": ""}, "val: move its images to train/; preprocess"),
        ({"Training/1.png": "", "Testing/1.png": ""}, ": folders Testing and Training: should be train and test"),
        (
            {f"train/{name}": "" for name in TWO} | {"test/rat/1.png": ""},
            ": class 'rat': too few images outside the test set, 0; the training and validation sets",
        ),
        ({"labels.csv": ""}, "labels.csv: no column image and no column label; its first line should be image,label"),
        (table(header="image,name"), "labels.csv: no column label"),
        ({"labels.csv": "image,label\n\udce9.png,a\n"}, "labels.csv: not in UTF-8"),
        (table(), "no images"),
        (table("1.png,a", "2.png,"), "labels.csv: line 3: no label; add it"),
        (table("1.png,a", ",b"), "labels.csv: line 3: no image"),
        (table("1.png,a", "./1.png,b"), "labels.csv: line 3: ./1.png is listed twice"),
        ({"labels.csv": "image,label\nnone.png,a\n"}, "labels.csv: 1 of its images do not exist, such as none.png"),
        ({"labels.csv": "image,label\n../1.png,a\n"}, "labels.csv: line 2: ../1.png: outside this folder"),
        ({"labels.csv": "image,label\n/etc/passwd,a\n"}, "labels.csv: line 2: /etc/passwd: outside this folder"),
        (table("1.png,a,val", header=SPLIT), "labels.csv: line 2: split 'val': should be train or test"),
        (table("1.png,a,test", "2.png,a", header=SPLIT), "train or test on every line, or on none"),
        (table("1.png,a,train", "2.png,b,train", header=SPLIT), ": no test images; add some, or leave out the split"),
        ({"labels.csv": 'image,label,group\n1.png,a,"x\ry"\n2.png,b,\n', "1.png": "", "2.png": ""}, "line breaks"),
        (
            table("1.png,a,ann,train", "2.png,b,ann,test", header="image,label,group,split"),
            ": group 'ann' is in both the training and the test set",
        ),
    ],
)  # fmt: skip
def test_a_bad_folder_or_table_is_reported(tmp_path: Path, files: dict[str, str], message: str) -> None:
    assert message in error_of(write(tmp_path, files))


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none") == ": no such folder; set download.path to a folder of images"


def test_too_many_classes_are_reported(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / "folders" / str(number)).mkdir(parents=True)
    assert error_of(tmp_path / "folders") == ": 1,001 sub-folders, more than 1,000 classes"
    lines = [f"{number}.png,{number}" for number in range(1001)]
    assert error_of(write(tmp_path / "table", table(*lines))) == ": 1,001 classes, more than 1,000"


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
def test_links_to_images_are_followed_and_those_to_folders_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "all", TWO)
    (folder / "cat" / "link.png").symlink_to(folder / "dog" / "1.png")
    (tmp_path / "link").symlink_to(folder)
    assert "cat/link.png" in {image.image for image in folders.find(tmp_path / "link")}
    write(tmp_path / "elsewhere", {"1.png": ""})
    for place in ("rat", "cat/more"):
        (folder / place).symlink_to(tmp_path / "elsewhere")
        assert f"{place}: a link to a folder, which DVC does not follow" in error_of(folder)
        (folder / place).unlink()
    (folder / "labels.csv").write_text("image,label\ncat/1.png,cat\nlinked/0.png,dog\n")
    (folder / "linked").symlink_to(folder / "dog")
    assert "linked: a link to a folder" in error_of(folder)
    write(tmp_path / "split" / "train", TWO)
    (tmp_path / "split" / "test").symlink_to(folder)
    assert "test: a link to a folder" in error_of(tmp_path / "split")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    (tmp_path / "cat").chmod(0)
    assert "cat: cannot be read (Permission denied)" in error_of(tmp_path)
    (tmp_path / "cat").chmod(0o755)
