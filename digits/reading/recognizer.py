"""Read images: find what may be digits, tell what they are, reject what is none, and arrange the rest in lines."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.core import params
from digits.core.errors import InputError
from digits.core.store import SIDE
from digits.core.symbols import DIGITS, Symbols
from digits.model import runtime
from digits.model.runtime import Infer
from digits.reading import decoding, networks
from digits.reading.converting import convert
from digits.reading.decoding import Grey, Source
from digits.reading.finding import Candidates, candidates
from digits.reading.ink import strokes
from digits.reading.levels import widened
from digits.reading.lines import arrange
from digits.reading.merging import Merged, longer_sides, merge, touching, usual_size
from digits.reading.networks import Run
from digits.reading.reading import Digit, Reading
from digits.reading.settings import Settings

ROOT, INSTALLED = Path(__file__).parents[2], Path(__file__).parents[1] / "networks"
# In a clone of the repository, or in the installed package, wherever the command is run.
NETWORK, READER = (
    (INSTALLED / "digits.onnx", INSTALLED / "reader")
    if INSTALLED.exists()
    else (ROOT / "models" / "digits.onnx", ROOT / "reader" / "models")
)
# Images are read together up to this number and this many pixels.
BATCH, PIXELS = 64, 1_000_000
# The networks take this many crops at a time, which bounds their memory.
SPLIT = 256
# What each of the reader's networks takes and returns.
SHAPES = {"detector": ((1, 16, 16, 2), (1, 4, 4, 15)), "classifier": ((1, 32, 32, 3), (1, 11))}


class Reader(NamedTuple):
    """What the reader's pipeline trained: the networks that find and sort digits, and how to use them."""

    detector: Run
    classifier: Run
    settings: Settings

    @classmethod
    def load(cls, folder: Path = READER, threads: int = 0) -> "Reader":
        """Load what the reader's pipeline wrote into ``folder``; its networks run on ``threads``, as in
        ``runtime.load``.

        Raises InputError if a file is missing, damaged or another network.
        """
        file = folder / "reading.json"
        if not file.exists():
            raise InputError(f"{file}: no such file; make it with: dvc --cd reader repro evaluate")
        settings = params.check(params.read(file), file, Settings)
        return cls(_network(folder, "detector", threads), _network(folder, "classifier", threads), settings)


class Recognizer:
    """Reads the digits of an image: drawn, scanned or photographed, dark on light or light on dark.

    With a network for other symbols, it reads one in each image.
    """

    def __init__(self, infer: Infer, reader: Reader, symbols: Symbols = DIGITS) -> None:
        self.infer, self.reader, self.symbols = infer, reader, symbols

    @classmethod
    def load(cls, path: str | Path = NETWORK, reader: str | Path = READER, threads: int = 0) -> "Recognizer":
        """Load a network that the pipeline wrote, an .onnx file or, which needs TensorFlow, a .keras file; and the
        folder with the ``reader``'s networks. By default those of the repository, or of the installed package.

        threads: of each .onnx network, 0 for as many as there are cores
        Raises InputError if one of them is something else.
        """
        if Path(path).suffix != ".keras":
            infer, symbols = runtime.load(Path(path), threads)
            return cls(infer, Reader.load(Path(reader), threads), symbols)
        from digits.model import network

        model, symbols = network.load(Path(path))
        return cls(
            lambda images: np.asarray(model.predict(images, batch_size=SPLIT, verbose=0)),
            Reader.load(Path(reader), threads),
            symbols,
        )

    def read(self, image: Source) -> Reading:
        """Read an image: a path, a file's bytes, a PIL image or an array, as ``digits.reading.decoding.decode`` takes.

        Raises InputError if it is not an image.
        """
        return self._read([decoding.decode(image)])[0]

    def read_all(self, sources: Iterable[Source]) -> Iterator[Reading | InputError]:
        """Read images in batches; for one that cannot be read, yield the error instead of a reading."""
        # One batch is decoded while the one before is read.
        before: Future[list[Reading | InputError]] | None = None
        with ThreadPoolExecutor(1) as thread:
            for batch in _batches(sources):
                now = thread.submit(self._read_decoded, batch)
                if before:
                    yield from before.result()
                before = now
            if before:
                yield from before.result()

    def _read_decoded(self, batch: Sequence[tuple[Grey, float] | InputError]) -> list[Reading | InputError]:
        readings = iter(self._read([each for each in batch if not isinstance(each, InputError)]))
        return [each if isinstance(each, InputError) else next(readings) for each in batch]

    def _read(self, decoded: Sequence[tuple[Grey, float]]) -> list[Reading]:
        # Every image of a batch may be damaged.
        if not decoded:
            return []
        if not self.symbols.are_digits:
            return self._read_symbols(decoded)
        settings, found = self.reader.settings, list[Candidates]()
        wide = [widened(grey, settings.cut, settings.margin, settings.edge) for grey, _ in decoded]
        for _, same in groupby(wide, key=lambda each: each[0].shape):
            found += candidates(np.stack([grey for grey, _ in same]), self.reader.detector, settings)
        classified = _run(self.reader.classifier, [each.crops for each in found], 11)
        merged = [merge(*each, settings) for each in zip(found, classified, strict=True)]
        accepted = [self._accepted(each, grey.size) for each, (grey, _) in zip(merged, wide, strict=True)]
        seen = [
            np.array([strokes(grey, box, settings.ink) for box in each.boxes[kept]], np.uint8).reshape(-1, SIDE, SIDE)
            for (grey, _), each, kept in zip(wide, merged, accepted, strict=True)
        ]
        named = _run(self.infer, seen, len(self.symbols.classes))
        return [
            self._reading(*each)
            for each in zip(wide, merged, accepted, seen, named, (scale for _, scale in decoded), strict=True)
        ]

    def _read_symbols(self, decoded: Sequence[tuple[Grey, float]]) -> list[Reading]:
        """Read one symbol in each image; none where all of it is one grey level."""
        images = np.stack([convert(grey, self.symbols, self.reader.settings.ink) for grey, _ in decoded])
        readings = []
        for (grey, scale), image, row in zip(decoded, images, self.infer(images), strict=True):
            width, height = (round(side * scale) for side in grey.shape[::-1])
            label = int(row.argmax())
            read = Digit(label, float(row[label]), row, (0, 0, width, height), image, self.symbols.classes)
            readings.append(Reading([[[read]]] if image.min() < image.max() else []))
        return readings

    def _accepted(self, merged: Merged, area: int) -> NDArray[np.bool_]:
        """Return for each place whether it is a digit, bool (N,), in an image of this ``area`` in pixels."""
        settings = self.reader.settings
        accepted = merged.scores >= settings.accepted
        if accepted.any():
            sizes = longer_sides(merged.boxes)
            accepted &= sizes > settings.smallest * usual_size(Merged(*(each[accepted] for each in merged)))
            surest = settings.surest + settings.emptier * np.log2(area / sizes**2)
            accepted &= (accepted & (merged.scores >= surest)).any()
        return np.asarray(accepted, np.bool_)

    def _reading(
        self,
        wide: tuple[Grey, int],
        merged: Merged,
        accepted: NDArray[np.bool_],
        seen: NDArray[np.uint8],
        named: NDArray[np.float32],
        scale: float,
    ) -> Reading:
        if not len(accepted):
            return Reading([])
        settings, (grey, margin) = self.reader.settings, wide
        inked = seen.any(axis=(1, 2))
        weight = settings.vote * np.where(touching(merged.boxes, settings.near)[accepted], settings.touching, 1) * inked
        both = merged.labels[accepted] ** (1 - weight[:, None]) * np.maximum(named, 1e-4) ** weight[:, None]
        labels, images = merged.labels.copy(), np.zeros((len(accepted), SIDE, SIDE), np.uint8)
        labels[accepted], images[accepted] = both / both.sum(axis=1, keepdims=True), seen
        constant, there, label = settings.calibration
        odds = constant + there * log_odds(merged.scores) + label * log_odds(labels.max(axis=1))
        certain = 1 / (1 + np.exp(-odds))
        # Without the margin, into which a digit's box may reach.
        boxes = (merged.boxes - margin).clip(0, [side - 2 * margin for side in grey.shape[::-1]] * 2) * scale
        digits = [
            Digit(int(row.argmax()), float(probability), row, _box(box), image)
            for row, probability, box, image in zip(labels, certain, boxes, images, strict=True)
        ]
        kept = np.flatnonzero(accepted)
        arranged = arrange(merged.boxes[kept], settings.lines)
        lines = [[[digits[kept[each]] for each in word] for word in line] for line in arranged]
        return Reading(lines, [digits[each] for each in np.flatnonzero(~accepted)])


def _network(folder: Path, name: str, threads: int) -> Run:
    file, (given, returned) = folder / f"{name}.onnx", SHAPES[name]
    run = networks.load(file, name, threads)
    try:
        shape = run(np.zeros(given, np.float32)).shape
    except Exception:  # ONNX Runtime raises its own exceptions.
        shape = ()
    if shape != returned:
        raise InputError(f"{file}: not the reader's {name}; make it with: dvc --cd reader repro {name}")
    return run


def log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithm of p / (1 - p) of each probability, within ±9.2."""
    clipped = probabilities.astype(np.float64).clip(1e-4, 1 - 1e-4)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)


def _run(run: Run, images: Sequence[NDArray[Any]], columns: int) -> list[NDArray[np.float32]]:
    """Run a network on the images of all pictures together; return its rows for those of each picture."""
    joined = np.concatenate(images)
    rows = [run(joined[start : start + SPLIT]) for start in range(0, len(joined), SPLIT)]
    ends = np.cumsum([len(each) for each in images])[:-1]
    return np.split(np.concatenate([np.zeros((0, columns), np.float32), *rows]), ends)


def _box(sides: NDArray[np.float32]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(float(side)) for side in sides)
    return left, top, max(1, right - left), max(1, bottom - top)


def _batches(sources: Iterable[Source]) -> Iterator[list[tuple[Grey, float] | InputError]]:
    batch, pixels = list[tuple[Grey, float] | InputError](), 0
    for source in sources:
        try:
            decoded = decoding.decode(source)
            pixels += decoded[0].size
            batch.append(decoded)
        except InputError as error:
            batch.append(error)
        if len(batch) >= BATCH or pixels >= PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch
