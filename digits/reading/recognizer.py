"""A trained model that reads pictures."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.model import network
from digits.model.backend import keras
from digits.reading import finding
from digits.reading.decoding import Source
from digits.reading.finding import Crop, Lines

# Pictures and pieces of ink that are read as one batch.
BATCH = 2000
# Of the ways to see a picture the first is taken where each of its digits has a probability above CERTAIN, or unless
# another way scores MORE: a digit of a probability of 1 scores one, one of SURE nothing, and what is less likely, most
# often no digit, less. Chosen, as are the next two, on photographs made of validation digits.
CERTAIN, SURE, MORE = 0.999, 0.85, 3
# A piece of no greater probability is looked at in parts, which count where each has a greater one than the second.
UNSURE, PART = 0.9, 0.97


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
        """Read a path, a file's bytes, a PIL image or an array, as ``digits.reading.finding.find`` takes them.

        Raises InputError where it is no picture.
        """
        return self._read([finding.find(picture)])[0]

    def read_all(self, sources: Iterable[Source]) -> Iterator[Reading | InputError]:
        """Read pictures in batches; in place of the reading of one that is no picture stands what is wrong with it."""
        # The network reads a batch while the next one is prepared, in Python, where further threads would but wait.
        before: Future[list[Reading | InputError]] | None = None
        with ThreadPoolExecutor(1) as thread:
            for batch in _find_batches(sources):
                now = thread.submit(self._read_found, batch)
                if before:
                    yield from before.result()
                before = now
        if before:
            yield from before.result()

    def _read_found(self, found: Sequence[list[Lines] | InputError]) -> list[Reading | InputError]:
        readings = iter(self._read([each for each in found if not isinstance(each, InputError)]))
        return [each if isinstance(each, InputError) else next(readings) for each in found]

    def _read(self, found: Sequence[list[Lines]]) -> list[Reading]:
        crops = [crop for ways in found for lines in ways for line in lines for crop in line]
        pieces = iter(self._read_pieces(crops))
        return [
            _surest(
                [Reading([list(chain.from_iterable(next(pieces) for _ in line)) for line in lines]) for lines in ways]
            )
            for ways in found
        ]

    def _read_pieces(self, crops: Sequence[Crop]) -> list[list[Digit]]:
        """Return each crop's digit, or those of its parts where these are sure and the whole is not."""
        pieces = [[digit] for digit in self._read_digits(crops)]
        unsure = [number for number, (digit,) in enumerate(pieces) if digit.probability <= UNSURE]
        ways = [(number, way) for number in unsure for way in finding.parts(crops[number])]
        parted = iter(self._read_digits([crop for _, way in ways for crop in way]))
        for number, way in ways:
            digits = [next(parted) for _ in way]
            before, now = (min(each.probability for each in some) for some in (pieces[number], digits))
            if now > max(PART, before):
                pieces[number] = digits
        return pieces

    def _read_digits(self, crops: Sequence[Crop]) -> list[Digit]:
        if not crops:
            return []
        rows = self.model.predict(np.stack([crop.image for crop in crops]), batch_size=500, verbose=0)
        return [_digit(crop, probabilities) for crop, probabilities in zip(crops, rows, strict=True)]


def _surest(readings: Sequence[Reading]) -> Reading:
    """Return the likeliest of the readings of one picture, of which the first is of the likeliest way to see it."""
    first = readings[0]
    if first.digits and min(each.probability for each in first.digits) > CERTAIN:
        return first
    # To see nothing where there is something is no way.
    others = [reading for reading in readings[1:] if reading.digits]
    best = max([first, *others], key=_score)
    return best if _score(best) > _score(first) + MORE else first


def _score(reading: Reading) -> float:
    return sum((each.probability - SURE) / (1 - SURE) for each in reading.digits)


def _find_batches(sources: Iterable[Source]) -> Iterator[list[list[Lines] | InputError]]:
    batch, pieces = [], 0
    for source in sources:
        batch.append(found := _find(source))
        pieces += 1 + (0 if isinstance(found, InputError) else sum(len(line) for lines in found for line in lines))
        if pieces >= BATCH:
            yield batch
            batch, pieces = [], 0
    yield batch


def _find(source: Source) -> list[Lines] | InputError:
    try:
        return finding.find(source)
    except InputError as error:
        return error


def _digit(crop: Crop, probabilities: NDArray[np.float32]) -> Digit:
    likeliest = int(probabilities.argmax())
    return Digit(likeliest, float(probabilities[likeliest]), probabilities, crop.box, crop.image)
