"""Random mutations of params.yaml, and huge but valid values: each is one line, or a network that can be trained."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from digits.core import params
from digits.model import network
from tests.attacks.limits import peak, tried
from tests.repository import ROOT

VALUES = [
    *["-1", "0", "1", "010", "1e3", "1e308", "1e999", ".inf", "-.inf", ".nan", "12:30", "yes", "null", "~", "[]", "{}"],
    *["''", "2001-01-01", "999999999999", "-0.0", "0x10", "!!python/none", "*a", "&a", "[[[[]]]]", "%", "@", "`", "|"],
    *["'", '"', ">", "?", "-", ":", "{a: {b: 1}}", "!!int", "&b [*b]", "<<"],
]
# What stands behind a colon, up to a comma, a bracket or a comment.
VALUE = re.compile(r"(: ?)[^:{}\[\],#]+")


def mutated(text: str, random: np.random.Generator) -> str:
    """Return ``text`` with one to three changes: of a value, of a line, or of characters."""
    for _ in range(random.integers(1, 4)):
        lines = text.split("\n")
        place = int(random.integers(len(lines)))
        match random.integers(6):
            case 0:
                value = str(random.choice(VALUES))
                lines[place] = VALUE.sub(rf"\g<1>{value}", lines[place], count=1)
            case 1:
                del lines[place]
            case 2:
                lines.insert(place, lines[int(random.integers(len(lines)))])
            case 3:
                lines[place] = " " * int(random.integers(8)) + lines[place].strip()
            case 4:
                at = int(random.integers(len(lines[place]) + 1))
                lines[place] = lines[place][:at] + chr(int(random.integers(1, 300))) + lines[place][at:]
            case _:
                number = str(10 ** int(random.integers(1, 13)))
                lines[place] = re.sub(r"\d+", number, lines[place], count=1)
        text = "\n".join(lines)
    return text


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"

        def use() -> None:
            section = params.load(path).train
            model = network.build(section.network, section.batch_size)
            network.compile_model(model, section.optimizer, section.loss, 100)

        for number in range(seed, seed + (1000 if long else 60)):
            path.write_bytes(mutated(text, np.random.default_rng(number)).encode("utf-8", "surrogatepass"))
            before = peak()
            wrong = tried(use)
            grown = (peak() - before) / 1e6
            yield str(number), wrong or (f"{grown:.0f} MB more" if grown > 1000 else "")
