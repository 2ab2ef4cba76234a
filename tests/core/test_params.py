import copy
from pathlib import Path

import pytest
import yaml

from digits.core import params
from digits.core.errors import InputError
from tests.repository import PARAMS, ROOT


def load_with(folder: Path, section: str, **changes: object) -> params.Params:
    """Load PARAMS with ``changes``; a key that becomes ... is left out."""
    content = copy.deepcopy(PARAMS)
    content[section] = {key: value for key, value in {**content[section], **changes}.items() if value is not ...}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return params.load(path)


def test_the_parameters_of_the_repository_are_valid() -> None:
    params.load(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("train", "epochs", 0, "greater than or equal to 1"),
        ("train", "epochs", "ten", "a valid integer"),
        ("train", "epochs", True, "a valid integer"),
        ("train", "virtual_batch_size", 48, "48: should divide batch_size, 64"),
        ("train", "keep", "first", "'last' or 'best'"),
        ("train", "network", [], "at least 1 item"),
        ("train", "optimizer", "Adam", "a mapping"),
        ("train", "epoch", 3, "unknown key; remove it"),
        ("augment", "shear", ..., "missing key; add it"),
        ("augment", "zoom", 1, "less than 1"),
        ("preprocess", "validation", 60_000, "less than or equal to 59000"),
        ("download", "dataset", "minst", "'mnist', 'fashion-mnist', 'kmnist' or 'folder'"),
        ("download", "mirrors", {"minst": []}, "'minst'"),
    ],
)
def test_a_bad_value_is_reported_in_one_line_with_its_key_and_what_is_allowed(
    tmp_path: Path, section: str, key: str, value: object, message: str
) -> None:
    with pytest.raises(InputError, match=f"^{tmp_path / 'params.yaml'}: .*{message}") as caught:
        load_with(tmp_path, section, **{key: value})
    assert f"{section}.{key}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train: [",
        "just a text",
        "- 1",
        "train:\n\tepochs: 3",
        "a: 1\na: 2",
        "a: 2020-01-01",
        "a: .nan",
        "a: &a [*a]",
    ],
)
def test_a_file_that_is_not_a_mapping_is_reported_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"params\.yaml: ") as caught:
        params.load(path)
    assert "\n" not in str(caught.value)


def test_the_error_for_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run this in the root of the repository"):
        params.load(tmp_path / "params.yaml")


# YAML 1.1 reads them as a string, an octal and a sexagesimal number, and a boolean.
@pytest.mark.parametrize(("text", "value"), [("1e3", 1000.0), ("010", 10), ("12:30", "12:30"), ("yes", "yes")])
def test_values_are_read_as_dvc_reads_them(tmp_path: Path, text: str, value: object) -> None:
    (tmp_path / "a.yaml").write_text(f"key: {text}")
    assert params.read(tmp_path / "a.yaml") == {"key": value}
