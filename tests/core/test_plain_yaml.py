import json
import time
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digits.core import plain_yaml

# What numbers, dates and names are made of, and what else is in a parameter's value.
PIECES = st.sampled_from(
    [*"0123456789abefotxyTZ_.-+:~= ", "0x", "0o", "0b", "1e", ".inf", "nan", "null", "yes", "on", "true", "12:30"]
)
SCALARS = st.lists(PIECES, max_size=6).map("".join)


def by_dvc(text: str) -> Any:
    """Return what DVC reads, or None if it is nothing that JSON expresses."""
    try:
        content = parse_yaml(text, "params.yaml")
        json.dumps(content, allow_nan=False)
    except (YAMLFileCorruptedError, ValueError, TypeError, IndexError):
        return None
    return content


def by_stages(text: str) -> Any:
    try:
        return plain_yaml.load(text)
    except ValueError:
        return None


@given(SCALARS)
@example("010")
@example("12:30:45")
@example("1e3")
@example(".5e3")
@example("1_000")
@example("0o17")
@example("-0x1F")
@example("0b101")
@example("yes")
@example("2001-01-01")
@example("Null")
@example("+_")
@settings(max_examples=1000)
def test_a_value_means_the_same_to_the_stages_and_to_dvc(scalar: str) -> None:
    text = f"key: {scalar}\n"
    ours, theirs = by_stages(text), by_dvc(text)
    assert ours == theirs
    assert json.dumps(ours) == json.dumps(theirs)


# Ten times the keys of the line before, on each.
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{number}: &a{number} {{<<: [{', '.join([f'*a{number - 1}'] * 10)}]}}\n" for number in range(1, 9)
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), PLAIN, min_size=1))
def test_what_yaml_writes_is_read_by_both(content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content, allow_unicode=True)
    ours, theirs = by_stages(text), by_dvc(text)
    assert ours == theirs or ours is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' is given twice"),
        ("a: {b: 1, b: 1}\n", "'b' is given twice"),
        ("a: {b: [1, -.inf]}\n", r"a\.b\[1\]: -inf: should be a finite number"),
        ("a: .nan\n", "a: nan: should be a finite number"),
        ("a: 1e999\n", "a: inf: should be a finite number"),
        ("a: 2001-01-01\n", "date is not JSON serializable"),
        ("a: &a [*a]\n", "recursion|Circular"),
        ("a: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
        ("? [1, 2]\n: 3\n", "unhashable"),
        (MERGES, "more than 100,000 keys"),
        ("a: [1\n", "expected"),
        ("a:\n\t- 1\n", "found character"),
        ("%YAML 1.1\n---\na: 010\n", "a directive"),
        ("a: " + "x" * 2_000_000, "more than 1,000,000 characters"),
    ],
)
def test_what_is_no_parameter_is_reported_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        plain_yaml.load(text)
    assert "\n" not in str(caught.value)


def test_a_merged_key_may_be_replaced() -> None:
    assert plain_yaml.load("base: &base {a: 1, b: 2}\nother: {<<: *base, b: 3}\n")["other"] == {"a": 1, "b": 3}


def test_a_few_aliases_are_no_bomb_and_many_of_many_are() -> None:
    assert plain_yaml.load("a: &a [1, 2]\nb: [*a, *a]\n")["b"] == [[1, 2], [1, 2]]
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 40)]
    start = time.monotonic()
    with pytest.raises(ValueError, match="aliases that stand for more than 100,000 values"):
        plain_yaml.load("\n".join(lines))
    # Without the limit it would never end.
    assert time.monotonic() - start < 60
