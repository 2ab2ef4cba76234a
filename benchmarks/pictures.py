"""How one's own pictures are read, against a usual way to prepare them.

    python -m benchmarks.pictures FOLDER...

The first character of each file's name is the digit in it. The usual way shrinks the whole picture to 28×28 and takes
what is darker than grey level 100 for ink (the article on k-fold of studies/recipes/README.md); the model is the same.
"""

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from digits.__main__ import list_pictures
from digits.core.errors import InputError, run_main

MODEL, LEVEL = Path("models/model.keras"), 100


def main() -> None:
    from digits.reading.recognizer import Recognizer

    if len(sys.argv) < 2:
        raise InputError("name a folder of pictures: python -m benchmarks.pictures FOLDER")
    recognizer = Recognizer.load(MODEL)
    print(f"{'':30}{'pictures':>10}{'ours':>8}{'pictures/s':>12}{'the usual way':>15}")
    for folder in map(Path, sys.argv[1:]):
        paths = list(list_pictures(folder))
        labels = [path.name[0] for path in paths]
        for path, label in zip(paths, labels, strict=True):
            if label not in "0123456789":
                raise InputError(f"{path}: its name should begin with its digit")
        start = time.perf_counter()
        readings = list(recognizer.read_all(paths))
        seconds = time.perf_counter() - start
        texts = []
        for reading in readings:
            if isinstance(reading, InputError):
                raise reading
            texts.append(reading.text)
        ours = sum(text == label for text, label in zip(texts, labels, strict=True))
        shrunk = np.stack([np.asarray(Image.open(path).convert("L").resize((28, 28))) for path in paths])
        usual = recognizer.model.predict(np.where(shrunk < LEVEL, 255, 0).astype(np.uint8), verbose=0).argmax(axis=1)
        right = sum(str(digit) == label for digit, label in zip(usual, labels, strict=True))
        print(f"{folder.name:30}{len(paths):10,}{ours:8,}{len(paths) / seconds:12,.0f}{right:15,}")


if __name__ == "__main__":
    run_main(main)
