"""Read images with a trained model."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.model import runtime
from digits.model.runtime import Infer
from digits.reading import finding
from digits.reading.decoding import Source
from digits.reading.finding import Crop, Lines
from digits.reading.reading import Digit, Reading

# Number of images and crops that make up a batch.
BATCH = 2000
# The network reads this many crops at a time, which bounds its memory.
SPLIT = 500
# In a clone of the repository, wherever the command is run.
NETWORK = Path(__file__).parents[2] / "models" / "digits.onnx"
# The first interpretation of an image is used if all its digits have a probability above CERTAIN; otherwise another one
# is used if it scores higher by more than MORE. A digit scores 1 at probability 1, 0 at SURE, and less below, where
# most crops are not digits. These and the next two were chosen on synthetic photographs of validation digits.
CERTAIN, SURE, MORE = 0.999, 0.85, 3
# A crop at or below UNSURE is also read in parts, which replace it if each is above PART.
UNSURE, PART = 0.9, 0.97


class Recognizer:
    """Reads the digits of an image: drawn, scanned or photographed, dark on light or light on dark."""

    def __init__(self, infer: Infer) -> None:
        self.infer = infer

    @classmethod
    def load(cls, path: str | Path = NETWORK) -> "Recognizer":
        """Load a network that the pipeline wrote: an .onnx file or, which takes TensorFlow, a .keras file.

        By default models/digits.onnx of the repository. Raises InputError if it is not such a network.
        """
        if Path(path).suffix != ".keras":
            return cls(runtime.load(Path(path)))
        from digits.model import network

        model = network.load(Path(path))
        return cls(lambda images: np.asarray(model.predict(images, batch_size=SPLIT, verbose=0)))

    def read(self, image: Source) -> Reading:
        """Read an image: a path, a file's bytes, a PIL image or an array, as ``digits.reading.decoding.decode`` takes.

        Raises InputError if it is not an image.
        """
        return self._read([finding.find(image)])[0]

    def read_all(self, sources: Iterable[Source]) -> Iterator[Reading | InputError]:
        """Read images in batches; for one that cannot be read, yield the error instead of a reading."""
        # The network reads one batch while Python prepares the next; more threads would only wait for each other.
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
                [Reading([[list(chain.from_iterable(next(pieces) for _ in line))] for line in lines]) for lines in ways]
            )
            for ways in found
        ]

    def _read_pieces(self, crops: Sequence[Crop]) -> list[list[Digit]]:
        """Return each crop's digit, or those of its parts if they are certain and the whole is not."""
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
        images = np.stack([crop.image for crop in crops])
        rows = np.concatenate([self.infer(images[start : start + SPLIT]) for start in range(0, len(images), SPLIT)])
        return [_digit(crop, probabilities) for crop, probabilities in zip(crops, rows, strict=True)]


def _surest(readings: Sequence[Reading]) -> Reading:
    """Return the best of the readings of one image; the first belongs to its likeliest interpretation."""
    first = readings[0]
    if first.digits and min(each.probability for each in first.digits) > CERTAIN:
        return first
    # An empty reading is no alternative to one with digits.
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
