"""A trained model that reads pictures."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from digits import network, pictures
from digits.errors import InputError
from digits.pictures import Crop, Source

# Pictures that are read as one batch.
BATCH = 2000


class Digit(NamedTuple):
    """A digit that was read.

    digit: 0 to 9, the likeliest
    probability: how likely, 0 to 1
    probabilities: float32 (10,), of each digit
    box: x, y, width and height in the picture's pixels, counted from its upper left corner
    image: uint8 (28, 28), what the network saw
    """

    digit: int
    probability: float
    probabilities: NDArray[np.float32]
    box: tuple[int, int, int, int]
    image: NDArray[np.uint8]


class Reading(NamedTuple):
    """The lines of a picture from top to bottom, each with its digits from left to right; no line where none is."""

    lines: list[list[Digit]]

    @property
    def text(self) -> str:
        """The digits, line by line."""
        return "\n".join("".join(str(each.digit) for each in line) for line in self.lines)

    @property
    def digits(self) -> list[Digit]:
        """The digits of all lines."""
        return [each for line in self.lines for each in line]


class Recognizer:
    """Reads the digits of a picture: drawn, scanned or photographed, dark on light or light on dark."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    @classmethod
    def load(cls, path: str | Path) -> "Recognizer":
        """Take the model from a .keras file that the pipeline has written. Raises InputError where it is none."""
        return cls(network.load(Path(path)))

    def read(self, picture: Source) -> Reading:
        """Read a path, a file's bytes, a PIL image or an array, as ``digits.pictures.find`` takes it.

        Raises InputError where it is no picture.
        """
        return self._read([pictures.find(picture)])[0]

    def read_all(self, sources: Iterable[Source]) -> Iterator[Reading | InputError]:
        """Read pictures in batches; in place of the reading of one that is no picture stands what is wrong with it."""
        waiting = iter(sources)
        # No threads: small pictures are prepared in Python, where they would wait for each other.
        while batch := list(islice(waiting, BATCH)):
            found = [_find(source) for source in batch]
            readings = iter(self._read([each for each in found if not isinstance(each, InputError)]))
            yield from (each if isinstance(each, InputError) else next(readings) for each in found)

    def _read(self, found: Sequence[list[list[Crop]]]) -> list[Reading]:
        crops = [crop for lines in found for line in lines for crop in line]
        if not crops:
            return [Reading([]) for _ in found]
        images = np.stack([crop.image for crop in crops])
        rows = iter(zip(crops, self.model.predict(images, batch_size=500, verbose=0), strict=True))
        return [Reading([[_digit(*next(rows)) for _ in line] for line in lines]) for lines in found]


def _find(source: Source) -> list[list[Crop]] | InputError:
    try:
        return pictures.find(source)
    except InputError as error:
        return error


def _digit(crop: Crop, probabilities: NDArray[np.float32]) -> Digit:
    likeliest = int(probabilities.argmax())
    return Digit(likeliest, float(probabilities[likeliest]), probabilities, crop.box, crop.image)
