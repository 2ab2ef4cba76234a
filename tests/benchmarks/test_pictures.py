import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.pictures import Score, common, image_folders, read_truth, score
from digits.core.errors import InputError

DIGITS = st.text("0123", max_size=12)


def is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in part)


@given(DIGITS, DIGITS)
def test_what_two_texts_have_in_common_is_part_of_both(truth: str, read: str) -> None:
    shared = "".join(read[position] for position in sorted(common(truth, read)))
    assert is_subsequence(shared, read)
    assert is_subsequence(shared, truth)
    assert len(shared) == len(common(read, truth))


@given(DIGITS, st.sets(st.integers(0, 11)))
def test_digits_that_are_missing_take_no_others_away(truth: str, missing: set[int]) -> None:
    read = "".join(digit for position, digit in enumerate(truth) if position not in missing)
    assert len(common(truth, read)) == len(read)


def test_the_score_counts_what_is_there_and_what_is_not() -> None:
    assert score("12 3", "1293", [0.99, 0.95, 0.91, 0.5]) == Score(3, 3, 4, False, 3, 2)
    assert score("123\n4", "12 3\n4", []).complete
    assert not score("12\n3", "12 3", []).complete
    assert score("", "", []).complete


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in a folder, with an image of a seven."""
    path = tmp_path / "images" / "sevens"
    path.mkdir(parents=True)
    Image.fromarray(np.full((28, 28), 255, np.uint8)).save(path / "7.png")
    return path


def test_the_truth_is_in_the_names_or_in_a_file(folder: Path) -> None:
    assert list(image_folders(folder.parent)) == [folder]
    assert read_truth(folder) == {folder / "7.png": "7"}
    (folder / "truth.json").write_text(json.dumps({"7.png": "1\n2"}))
    assert read_truth(folder) == {folder / "7.png": "1\n2"}


@pytest.mark.parametrize("content", ["{", "[]", '{"7.png": 7}', '{"8.png": "8"}'])
def test_a_malformed_truth_is_reported_in_one_line(folder: Path, content: str) -> None:
    (folder / "truth.json").write_text(content)
    with pytest.raises(InputError, match=r"truth\.json: ") as caught:
        read_truth(folder)
    assert "\n" not in str(caught.value)


def test_a_name_without_a_digit_or_a_folder_without_images_is_reported(folder: Path) -> None:
    path = (folder / "7.png").rename(folder / "seven.png")
    with pytest.raises(InputError, match=r"seven\.png: its name should begin with its digit"):
        read_truth(folder)
    path.unlink()
    with pytest.raises(InputError, match="no images in this folder or below it"):
        list(image_folders(folder))
