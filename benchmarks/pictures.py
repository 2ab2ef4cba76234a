"""Measure how well your own images are read, compared with simple preprocessing.

    python -m benchmarks.pictures FOLDER...

Each file's name begins with its digit. Simple preprocessing shrinks the whole image to 28×28 and treats pixels darker
than grey level 100 as ink, as article 4 in studies/recipes/README.md does; the model is the same.
"""

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from digits.__main__ import list_images
from digits.core.errors import InputError, run_main

MODEL, LEVEL = Path("models/model.keras"), 100


def main() -> None:
    from digits.reading.recognizer import Recognizer

    if len(sys.argv) < 2:
        raise InputError("no folder of images given; run: python -m benchmarks.pictures FOLDER")
    recognizer = Recognizer.load(MODEL)
    print(f"{'':30}{'images':>10}{'correct':>10}{'images/s':>12}{'correct, simple':>18}")
    for folder in map(Path, sys.argv[1:]):
        paths = list(list_images(folder))
        labels = [path.name[0] for path in paths]
        for path, label in zip(paths, labels, strict=True):
            if label not in "0123456789":
                raise InputError(f"{path}: the name should begin with its digit")
        start = time.perf_counter()
        readings = list(recognizer.read_all(paths))
        seconds = time.perf_counter() - start
        texts = []
        for reading in readings:
            if isinstance(reading, InputError):
                raise reading
            texts.append(reading.text)
        correct = sum(text == label for text, label in zip(texts, labels, strict=True))
        shrunk = np.stack([np.asarray(Image.open(path).convert("L").resize((28, 28))) for path in paths])
        simple = recognizer.model.predict(np.where(shrunk < LEVEL, 255, 0).astype(np.uint8), verbose=0).argmax(axis=1)
        correct_simple = sum(str(digit) == label for digit, label in zip(simple, labels, strict=True))
        print(f"{folder.name:30}{len(paths):10,}{correct:10,}{len(paths) / seconds:12,.0f}{correct_simple:18,}")


if __name__ == "__main__":
    run_main(main)
