"""Measure how well folders of images are read, next to other programs on the same images.

    python -m benchmarks.pictures FOLDER...

The text of each image is in its folder's truth.json (file name to text, lines separated by newlines, empty if there is
no digit) or, without that file, is the first character of the image's name. A folder of folders stands for all of them.
Tesseract (the command) and RapidOCR (the package) are measured too if they are installed.

Columns: digits read in the right order, by the longest common subsequence with the truth, and images read completely,
both with 95 % intervals; digits read that are not there; images without digits in which some are read; of the digits
read with a probability of at least 0.9, the fraction correct; milliseconds per image.
"""

import argparse
import importlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from digits.command_line import list_images
from digits.core import params
from digits.core.errors import InputError, run_main
from digits.model import metrics

# Digits that claim at least this probability count towards the calibration.
CONFIDENT = 0.9

# The text that was read, and the probabilities of its digits, if the program has any.
Read = Callable[[Path], tuple[str, list[float]]]


class Score(NamedTuple):
    """How one image was read: digits in the truth, found in order, and read in all; whether all of it is right; and
    how many digits claimed a high probability, and how many of those are in the truth."""

    digits: int
    matched: int
    read: int
    complete: bool
    confident: int
    confident_right: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description="Measure how images are read.")
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="of images, or of folders of images")
    folders = [folder for parent in parser.parse_args().folders for folder in image_folders(parent)]
    truths = [read_truth(folder) for folder in folders]
    programs = {"digits": ours(), **tesseract(), **rapidocr()}
    head = f"{'in order':>25}{'complete':>25}{'too many':>10}{'false':>10}{'≥ 0.9 correct':>16}{'ms':>8}"
    print(f"{'folder':20}{'images':>8}  {'program':10}{head}")
    for folder, texts in zip(folders, truths, strict=True):
        for name, read in programs.items():
            start, scores = time.perf_counter(), []
            for path, text in tqdm(
                texts.items(), desc=f"{folder.name}, {name}", unit="image", leave=False, disable=None
            ):
                scores.append(score(text, *read(path)))
            milliseconds = 1000 * (time.perf_counter() - start) / len(scores)
            print(f"{folder.name[:19]:20}{len(scores):8,}  {name:10}{row(scores)}{milliseconds:8.1f}", flush=True)


def image_folders(folder: Path) -> Iterator[Path]:
    """Return the folders with images at and below ``folder``. Raises InputError if there are none."""
    folders = [path for path in [folder, *sorted(folder.rglob("*"))] if path.is_dir() and list_images(path)]
    if not folders:
        raise InputError(f"{folder}: no images in this folder or below it")
    yield from folders


def read_truth(folder: Path) -> dict[Path, str]:
    """Return the text of each image in ``folder``. Raises InputError if it is unknown or malformed."""
    paths, file = list_images(folder), folder / "truth.json"
    if file.exists():
        # JSON is YAML, too.
        texts = params.check(params.read(file), file, dict[str, str])
        if missing := [path.name for path in paths if path.name not in texts]:
            raise InputError(f"{file}: {missing[0]} is missing; add its text, or an empty one if it has no digit")
        return {path: texts[path.name] for path in paths}
    for path in paths:
        if path.name[0] not in "0123456789":
            raise InputError(f"{path}: its name should begin with its digit; or add a truth.json to the folder")
    return {path: path.name[0] for path in paths}


def score(text: str, read: str, probabilities: Sequence[float]) -> Score:
    """Compare what was ``read`` with the true ``text``, line by line but for spaces; ``probabilities`` are those of the
    digits of ``read``."""
    true_digits, read_digits = ("".join(filter(str.isdigit, line)) for line in (text, read))
    matched = common(true_digits, read_digits)
    confident = [number for number, probability in enumerate(probabilities) if probability >= CONFIDENT]
    complete = lines(text) == lines(read)
    confident_right = len(matched.intersection(confident))
    return Score(len(true_digits), len(matched), len(read_digits), complete, len(confident), confident_right)


def lines(text: str) -> list[str]:
    """Return the lines of ``text`` that are not blank, without the spaces in them."""
    return [line for line in ("".join(line.split()) for line in text.splitlines()) if line]


def common(truth: str, read: str) -> set[int]:
    """Return the positions in ``read`` of its longest common subsequence with ``truth``."""
    lengths = [[0] * (len(read) + 1) for _ in range(len(truth) + 1)]
    for row, one in enumerate(truth, start=1):
        for column, other in enumerate(read, start=1):
            longest = max(lengths[row - 1][column], lengths[row][column - 1])
            lengths[row][column] = lengths[row - 1][column - 1] + 1 if one == other else longest
    row, column, positions = len(truth), len(read), set()
    while row and column:
        if lengths[row][column] == lengths[row - 1][column]:
            row -= 1
        elif lengths[row][column] == lengths[row][column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            positions.add(column)
    return positions


def row(scores: Sequence[Score]) -> str:
    """Return the columns of the table, but for the time, for the images of one folder."""
    digits, matched, read, _, confident, right = (sum(column) for column in zip(*scores, strict=True))
    with_digits, without = ([score for score in scores if bool(score.digits) == has] for has in (True, False))
    false = f"{sum(score.read > 0 for score in without)}/{len(without)}" if without else ""
    calibrated = f"{right / confident:.1%} of {confident:,}" if confident else ""
    complete = interval(sum(score.complete for score in with_digits), len(with_digits))
    return f"{interval(matched, digits):>25}{complete:>25}{read - matched:10,}{false:>10}{calibrated:>16}"


def interval(right: int, of: int) -> str:
    if not of:
        return ""
    measured = metrics.accuracy(of - right, of)
    return f"{right:,}/{of:,} ({measured['accuracy_low']:.1%}-{measured['accuracy_high']:.1%})"


def ours() -> Read:
    from digits.reading.recognizer import Recognizer

    recognizer = Recognizer.load()

    def read(path: Path) -> tuple[str, list[float]]:
        reading = recognizer.read(path)
        return reading.text, [digit.probability for digit in reading.digits]

    return read


def tesseract() -> dict[str, Read]:
    program = shutil.which("tesseract")
    if not program:
        return {}
    options = ["--psm", "6", "-c", "tessedit_char_whitelist=0123456789"]

    def read(path: Path) -> tuple[str, list[float]]:
        done = subprocess.run([program, str(path), "-", *options], capture_output=True, text=True, check=False)
        return done.stdout.strip(), []

    return {"Tesseract": read}


def rapidocr() -> dict[str, Read]:
    try:
        engine: Any = importlib.import_module("rapidocr").RapidOCR()
    except ImportError:
        return {}

    def read(path: Path) -> tuple[str, list[float]]:
        lines = engine(str(path)).txts or ()
        return "\n".join("".join(filter(str.isdigit, line)) for line in lines), []

    return {"RapidOCR": read}


if __name__ == "__main__":
    run_main(main)
