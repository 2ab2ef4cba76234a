import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.core.errors import InputError
from digits.data import folders
from digits.data.folders import Listed

# Nothing here opens an image.
TWO = {f"{name}/{number}.png": "" for name in ("cat", "dog") for number in range(3)}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write ``files`` with their texts into ``folder``, and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return folder


def table(*lines: str, header: str = "image,label") -> dict[str, str]:
    """Return a file labels.csv of these ``lines``, and the images that they name."""
    files = {line.split(",")[0]: "" for line in lines}
    return files | {"labels.csv": "\n".join([header, *lines, ""])}


def refused(folder: Path) -> str:
    """Return the only line that is said about ``folder``."""
    with pytest.raises(InputError) as caught:
        folders.find(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert "\n" not in message
    return message.removeprefix(str(folder))


def test_each_sub_folder_is_a_class(tmp_path: Path) -> None:
    found = folders.find(write(tmp_path, TWO | {"cat/b/deep.jpg": "", "stray.png": ""}))
    assert [each.image for each in found] == [
        "cat/0.png", "dog/0.png", "cat/1.png", "dog/1.png", "cat/2.png", "dog/2.png", "cat/b/deep.jpg",
    ]  # fmt: skip
    assert {each.label for each in found} == {"cat", "dog"}
    assert {(each.group, each.split) for each in found} == {("", "")}
    assert all(each.image.startswith(f"{each.label}/") for each in found)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    hidden = {".DS_Store": "", "cat/.DS_Store": "", "cat/.thumbs/1.png": "", ".git/1.png": "", ".labels.csv": ""}
    assert folders.find(write(tmp_path, TWO | hidden)) == folders.find(write(tmp_path / "other", TWO))


def test_folders_train_and_test_are_the_split(tmp_path: Path) -> None:
    write(tmp_path, {f"{split}/{name}": "" for split in ("train", "test") for name in TWO})
    found = folders.find(tmp_path)
    assert {each.image.partition("/")[0] for each in found if each.split == "train"} == {"train"}
    assert [each.split for each in found] == ["train"] * 6 + ["test"] * 6
    assert folders.classes(found) == ("cat", "dog")


def test_a_folder_train_alone_is_no_split(tmp_path: Path) -> None:
    found = folders.find(write(tmp_path, {f"train/{name}": "" for name in TWO}))
    assert {each.split for each in found} == {""}


def test_train_and_test_beside_others_are_classes(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}/{number}.png": "" for name in ("train", "test", "car") for number in range(3)})
    assert folders.classes(folders.find(tmp_path)) == ("car", "test", "train")


def test_train_and_test_may_have_tables(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / split, table("1.png,a", "2.png,a", "3.png,b", "4.png,b"))
    found = folders.find(tmp_path)
    assert found[0] == Listed("train/1.png", "a", "", "train")
    assert found[-1] == Listed("test/4.png", "b", "", "test")


def test_a_table_tells_labels_groups_and_the_split(tmp_path: Path) -> None:
    lines = ["a/1.png,x,ann,train", " b/2.png , y ,,train", "c.png,x,,train", "d.png,y,ben,train", "e.png,x,cid,test"]
    files = table(*lines, header="\ufeffimage,label,group,split") | {"b/2.png": "", "not listed.png": ""}
    del files[" b/2.png "]
    assert folders.find(write(tmp_path, files)) == [
        Listed("a/1.png", "x", "ann", "train"),
        Listed("b/2.png", "y", "", "train"),
        Listed("c.png", "x", "", "train"),
        Listed("d.png", "y", "ben", "train"),
        Listed("e.png", "x", "cid", "test"),
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"10", "9", "1"}, ("1", "9", "10")),
        ({"01", "1", "2"}, ("01", "1", "2")),
        ({"10", "9", "a"}, ("10", "9", "a")),
        ({"²", "1"}, ("1", "²")),
    ],
)
def test_numbers_are_in_their_order(names: set[str], expected: tuple[str, ...]) -> None:
    assert folders.classes([Listed("", name) for name in names]) == expected


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9)


@given(st.lists(st.builds(Listed, TEXT, TEXT, TEXT | st.just(""), st.sampled_from(["", "train", "test"])), min_size=1))
def test_what_was_found_is_loaded_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory, found: list[Listed]
) -> None:
    path = tmp_path_factory.mktemp("list") / folders.LIST
    folders.save(found, path)
    assert folders.load(path) == found


@pytest.mark.parametrize(
    "name",
    ["a b.png", "a,b.png", 'a"b.png', "'; rm.png", "é.png", "写真.png", "10.00\u202fPM.png", "no extension", "%.png"],
)
def test_an_image_may_have_any_name(tmp_path: Path, name: str) -> None:
    found = folders.find(write(tmp_path / "all", TWO | {f"cat/{name}": ""}))
    folders.save(found, tmp_path / folders.LIST)
    assert f"cat/{name}" in {each.image for each in folders.load(tmp_path / folders.LIST)}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", [b"a\nb.png", b"a\rb.png", b"a\xffb.png"])
def test_a_line_break_or_bytes_in_a_name_are_refused(tmp_path: Path, name: bytes) -> None:
    write(tmp_path, TWO)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "cat") + b"/" + name)).touch()
    except OSError:
        pytest.skip("this system has no such names")
    assert "in its name; rename it" in refused(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, ": no images; it needs one sub-folder for each class, or a file labels.csv"),
        ({"1.png": ""}, ": no images; it needs"),
        ({"cat/1.png": "", "cat/2.png": ""}, ": only one class, 'cat'; at least two are needed"),
        (TWO | {"rat/1.png": ""}, ": class 'rat': too few images in all, 1; the training, validation and"),
        (TWO | {"rat/.1.png": ""}, ": class 'rat': no images; add some, or remove the folder"),
        (TWO | {"Dog/1.png": ""}, ": classes 'Dog' and 'dog' differ in case"),
        (TWO | {f"{unicodedata.normalize(form, 'é')}/1.png": "" for form in ("NFC", "NFD")}, "how accents are written"),
        (TWO | {"a\u200bb/1.png": ""}, r": class 'a\u200bb': should be 1 to 100 printable"),
        ({"train/cat/1.png": "", "val/cat/1.png": ""}, "val: move its images to train/; preprocess"),
        ({"train/1.png": "", "test/1.png": ""}, ": no images; it needs"),
        (
            {f"{split}/{name}": "" for split in ("Training", "Testing") for name in TWO},
            ": folders Testing and Training: should be train and test",
        ),
        ({f"{split}/{name}": "" for split in ("test_set", "train_set") for name in TWO}, "should be train and test"),
        (
            {f"train/{name}": "" for name in TWO} | {"test/rat/1.png": ""},
            ": class 'rat': too few images outside of the test set, 0; the training and validation sets",
        ),
    ],
)  # fmt: skip
def test_a_bad_folder_is_reported(tmp_path: Path, files: dict[str, str], message: str) -> None:
    assert message in refused(write(tmp_path, files))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"labels.csv": ""}, "labels.csv: no column image and no column label; its first line should be image,label"),
        ({"labels.csv": "image;label\n"}, "labels.csv: no column image and no column label"),
        (table(header="image,name"), "labels.csv: no column label"),
        (table(), "no images"),
        (table("1.png,a", "2.png,"), "labels.csv: line 3: no label; add it"),
        (table("1.png,a", ",b"), "labels.csv: line 3: no image"),
        (table("1.png,a", "./1.png,b"), "labels.csv: line 3: ./1.png is listed twice"),
        (table("1.png,a", "2.png,b", header="image,label\nnone.png,a"), "labels.csv: 1 of its images are no files"),
        ({"labels.csv": "image,label\n../1.png,a\n"}, "labels.csv: line 2: ../1.png: outside of this folder"),
        ({"labels.csv": "image,label\n/etc/passwd,a\n"}, "labels.csv: line 2: /etc/passwd: outside of this folder"),
        ({"labels.csv": "image,label\n" + "x" * 5000 + ",a\n"}, "x" * 5000),
        (table("1.png,a,val", header="image,label,split"), "labels.csv: line 2: split 'val': should be train"),
        (table("1.png,a,test", "2.png,a", header="image,label,split"), "train or test on every line, or on none"),
        (table("1.png,a,test", "2.png,a", "3.png,a,train", header="image,label,split"), "on every line, or on none"),
        (table(*(f"{name}.png,{name[0]},train" for name in ("a1", "a2", "b1", "b2")), header="image,label,split"),
         ": no test images; add some, or leave out the split"),
        (table("1.png,a,test", "2.png,b,test", header="image,label,split"), ": no train images"),
        ({"labels.csv": 'image,label,group\n1.png,a,"x\ry"\n2.png,b,\n', "1.png": "", "2.png": ""}, "line breaks"),
        (
            table("1.png,a,ann,train", "2.png,b,ann,test", header="image,label,group,split"),
            ": group 'ann' is in both the training and the test set",
        ),
    ],
)  # fmt: skip
def test_a_bad_table_is_reported(tmp_path: Path, files: dict[str, str], message: str) -> None:
    assert message in refused(write(tmp_path, {name: text for name, text in files.items() if name}))


def test_a_table_in_another_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes("image,label\né.png,a\n".encode("latin-1"))
    assert "labels.csv: not a table in UTF-8" in refused(tmp_path)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == ": no such folder; set download.path to a folder of images"
    (tmp_path / "file").touch()
    assert "no such folder" in refused(tmp_path / "file")


def test_too_many_classes_are_reported_at_once(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / "folders" / str(number)).mkdir(parents=True)
    assert refused(tmp_path / "folders") == ": 1,001 sub-folders, more than 1,000 classes"
    lines = [f"{number}.png,{number}" for number in range(1001)]
    assert refused(write(tmp_path / "table", table(*lines))) == ": 1,001 classes, more than 1,000"


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
def test_links_to_images_are_followed_and_those_to_folders_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "all", TWO)
    (folder / "cat" / "link.png").symlink_to(folder / "dog" / "1.png")
    assert "cat/link.png" in {each.image for each in folders.find(folder)}
    (tmp_path / "link").symlink_to(folder)
    assert folders.find(tmp_path / "link") == folders.find(folder)
    write(tmp_path / "elsewhere", {"1.png": ""})
    for place in ("rat", "cat/more", "cat/loop"):
        (folder / place).symlink_to(folder if "loop" in place else tmp_path / "elsewhere")
        assert f"{place}: a link to a folder, which DVC does not follow" in refused(folder)
        (folder / place).unlink()
    (folder / "labels.csv").write_text("image,label\ncat/1.png,cat\nlinked/0.png,dog\n")
    (folder / "linked").symlink_to(folder / "dog")
    assert "linked: a link to a folder" in refused(folder)
    write(tmp_path / "split" / "train", TWO)
    (tmp_path / "split" / "test").symlink_to(folder)
    assert "test: a link to a folder" in refused(tmp_path / "split")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    (tmp_path / "cat").chmod(0)
    assert "cat: cannot be read (Permission denied)" in refused(tmp_path)
    (tmp_path / "cat").chmod(0o755)
