"""YAML as DVC reads it: version 1.2, with the forms of numbers that ruamel.yaml knows, and only what JSON expresses.

PyYAML reads version 1.1, in which 010 is 8, 12:30:45 is 45045, yes is true, and 1e3 is a string.
"""

import json
import math
import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

# A file that is larger, or has more values once its aliases are replaced by what they stand for, has no parameters.
MOST_CHARACTERS, MOST_VALUES = 1_000_000, 100_000

_TAG = "tag:yaml.org,2002:"
_FORMS = {
    "null": ("~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": ("true|True|TRUE|false|False|FALSE", list("tTfF")),
    "float": (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9_]+([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    "int": ("[-+]?0b[0-1_]+|[-+]?0o[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+", list("-+0123456789")),
    "merge": ("<<", ["<"]),
    "value": ("=", ["="]),
    "timestamp": (
        "[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?([Tt]|[ \t]+)[0-9].*",
        list("0123456789"),
    ),
}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012
    keys = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        # Each merge copies the keys of what it merges, which may be merged from others.
        super().flatten_mapping(node)
        self.keys += len(node.value)
        if self.keys > MOST_VALUES:
            raise yaml.constructor.ConstructorError(None, None, f"more than {MOST_VALUES:,} keys", node.start_mark)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        known = set()
        for name, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            key = None if name.tag == f"{_TAG}merge" else self.construct_object(name, deep=True)
            if isinstance(key, Hashable) and key in known:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", name.start_mark)
            known |= {key} if isinstance(key, Hashable) and key is not None else set()
        return super().construct_mapping(node, deep)


def _number(loader: _Loader, node: Any) -> int | float:
    text = loader.construct_scalar(node).replace("_", "").lower()
    sign, bare = -1 if text.startswith("-") else 1, text.lstrip("+-")
    if node.tag == f"{_TAG}float":
        return sign * float(bare.replace(".inf", "inf").replace(".nan", "nan"))
    base = {"0b": 2, "0o": 8, "0x": 16}.get(bare[:2], 10)
    return sign * int(bare, base)


for _name, (_pattern, _first) in _FORMS.items():
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)
for _name in ("int", "float"):
    _Loader.add_constructor(_TAG + _name, _number)


def load(text: str) -> Any:
    """Return what ``text`` expresses. Raises ValueError, one line, if that is not YAML, or what JSON cannot express."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"more than {MOST_CHARACTERS:,} characters")
    if text.lstrip().startswith("%"):
        raise ValueError("a directive, which begins with %; remove it")
    try:
        # It is a SafeLoader.
        content = yaml.load(text, _Loader)  # noqa: S506
        if _count(content, {}) > MOST_VALUES:
            raise ValueError(f"aliases that stand for more than {MOST_VALUES:,} values")
        json.dumps(content)
    # Dates, or a mapping inside itself, are no parameters.
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None
    for key, value in _leaves(content):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{key}: {value}: should be a finite number")
    return content


def _count(content: Any, known: dict[int, int]) -> int:
    """Return the number of values in ``content``; those behind an alias are counted once and ``known`` from then on."""
    if not isinstance(content, dict | list):
        return 1
    if id(content) not in known:
        parts = content.values() if isinstance(content, dict) else content
        known[id(content)] = 1 + sum(_count(part, known) for part in parts)
    return known[id(content)]


def _leaves(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for name, part in content.items():
            yield from _leaves(part, f"{key}.{name}" if key else str(name))
    elif isinstance(content, list):
        for number, part in enumerate(content):
            yield from _leaves(part, f"{key}[{number}]")
    else:
        yield key, content
