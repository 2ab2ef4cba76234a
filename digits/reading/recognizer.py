"""Read images: find what may be digits, classify it, reject what is none, and arrange the rest in lines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.core import files, params
from digits.core.errors import InputError, needing
from digits.core.store import SIDE
from digits.core.task import DIGITS, Task
from digits.onnx import runtime
from digits.onnx.runtime import Infer
from digits.reading.classes import CLASSES
from digits.reading.converting import convert
from digits.reading.decoding import Grey, Source, decode
from digits.reading.finding import (
    Candidates,
    Network,
    areas,
    find_candidates,
    intersections,
    joined,
    load_network,
    lone_candidates,
)
from digits.reading.fusion import Detections, accept, fuse, in_context, touching
from digits.reading.ink import lean, strokes
from digits.reading.levels import pad_cut_out
from digits.reading.lines import arrange
from digits.reading.lone_ink import find_lone_ink
from digits.reading.reading import Digit, Reading, Sign
from digits.reading.settings import Ink, Settings
from digits.reading.signs import find_sign

ROOT, INSTALLED = Path(__file__).parents[2], Path(__file__).parents[1] / "models"
# In a clone of the repository, or in the installed package, wherever the command is run.
NETWORK, READER = (
    (INSTALLED / "digits.onnx", INSTALLED / "reader")
    if INSTALLED.exists()
    else (ROOT / "models" / "digits.onnx", ROOT / "reader" / "models")
)
# Images are read together up to this number and this many pixels.
BATCH, MAX_PIXELS = 64, 1_000_000
# The networks take this many crops at a time, which bounds their memory.
MAX_CROPS = 256
# An image, uint8 (H, W), and the factor it was shrunk by; or why it cannot be read.
Decoded = tuple[Grey, float] | InputError


class Reader(NamedTuple):
    """What the reader's pipeline trained: the networks that find and classify digits, and how to use them."""

    detector: Network
    classifier: Network
    settings: Settings

    @classmethod
    def load(cls, folder: Path = READER, threads: int = 0) -> "Reader":
        """Load what the reader's pipeline wrote into ``folder``; its networks run on ``threads``, as in
        ``runtime.load``.

        Raises InputError if a file is missing, damaged or another network.
        """
        detector, classifier = (load_network(folder / f"{name}.onnx", threads) for name in ("detector", "classifier"))
        return cls(detector, classifier, load_settings(folder))


def load_settings(folder: Path) -> Settings:
    """Read the settings that the reader's pipeline wrote into ``folder``. Raises InputError if they are malformed."""
    file = folder / "reading.json"
    return params.check(files.read_json(file, "evaluate"), file, Settings)


class Recognizer(ABC):
    """Reads images: the digits of each, or one symbol of another kind in each."""

    task: Task
    infer: Infer

    @staticmethod
    def load(path: str | Path = NETWORK, reader: str | Path = READER, threads: int = 0) -> "Recognizer":
        """Load a network that the pipeline wrote, an .onnx file or, which needs TensorFlow, a .keras file; and the
        folder with the ``reader``'s networks. By default those of the repository, or of the installed package.

        threads: of each .onnx network, 0 for as many as there are cores
        Raises InputError if one of them is something else.
        """
        if Path(path).suffix not in (".keras", ".onnx"):
            raise InputError(f"{path}: not a network that is read; take an .onnx file, or a .keras file")
        if Path(path).suffix == ".onnx":
            infer, task = runtime.load(Path(path), threads)
        else:
            with needing("train"):
                from digits.model import network
            model, task = network.load(Path(path))

            def infer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
                return np.asarray(model.predict(images, batch_size=MAX_CROPS, verbose=0))

        if task.are_digits:
            return DigitRecognizer(infer, Reader.load(Path(reader), threads))
        return SymbolRecognizer(infer, task, load_settings(Path(reader)).ink)

    def read(self, image: Source) -> Reading:
        """Read an image: a path, a file's bytes, a PIL image or an array, as ``digits.reading.decoding.decode`` takes.

        Raises InputError if it is not an image.
        """
        return self._read([decode(image)])[0]

    def read_all(self, sources: Iterable[Source]) -> Iterator[Reading | InputError]:
        """Read images in batches; for one that cannot be read, yield the error instead of a reading."""
        # One batch is decoded while the one before is read.
        previous: Future[list[Reading | InputError]] | None = None
        with ThreadPoolExecutor(1) as thread:
            for batch in _batches(sources):
                current = thread.submit(self._read_decoded, batch)
                if previous:
                    yield from previous.result()
                previous = current
            if previous:
                yield from previous.result()

    def classify(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 (N, classes), for images that are in MNIST's format already.

        images: (N, 28, 28), light on dark, 0 to 255; or floats from 0 to 1, as tutorials divide them
        Raises InputError if they have another shape or range.
        """
        if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
            raise InputError(f"the images: an array of shape {images.shape}, not (images, {SIDE}, {SIDE})")
        low, high = (images.min(), images.max()) if images.size else (0, 0)
        if not 0 <= low <= high <= 255:
            raise InputError(f"the images: from {low} to {high}, not from 0 to 255, or to 1")
        divided = np.issubdtype(images.dtype, np.floating) and high <= 1
        levels = np.rint(images * 255 if divided else images).astype(np.uint8)
        return _run(self.infer, [levels], len(self.task.classes))[0]

    def _read_decoded(self, batch: Sequence[Decoded]) -> list[Reading | InputError]:
        readings = iter(self._read([decoded for decoded in batch if not isinstance(decoded, InputError)]))
        return [decoded if isinstance(decoded, InputError) else next(readings) for decoded in batch]

    @abstractmethod
    def _read(self, images: Sequence[tuple[Grey, float]]) -> list[Reading]:
        """Read images, uint8 (H, W), each with the factor it was shrunk by."""


class SymbolRecognizer(Recognizer):
    """Reads one symbol in each image; none where all of it is one grey level."""

    def __init__(self, infer: Infer, task: Task, ink: Ink) -> None:
        self.infer, self.task, self.ink = infer, task, ink

    def _read(self, images: Sequence[tuple[Grey, float]]) -> list[Reading]:
        converted = [convert(grey, self.task, self.ink) for grey, _ in images]
        rows = self.infer(np.stack(converted)) if converted else ()
        readings = []
        for (grey, scale), image, row in zip(images, converted, rows, strict=True):
            width, height = (round(side * scale) for side in grey.shape[::-1])
            label = int(row.argmax())
            symbol = Digit(label, float(row[label]), row, (0, 0, width, height), image, self.task.classes)
            readings.append(Reading([[[symbol]]] if image.min() < image.max() else []))
        return readings


@dataclass
class Page:
    """An image on its way through the reader.

    pixels: uint8 (H, W), shrunk if it was large, and padded if a digit in it was cut out tightly
    scale: how many pixels of the image one of these is wide
    margin: by how many pixels it was padded
    lone: the box of the only piece of ink, float32 (4,), if there is one and no other
    turns: by how many quarters of a circle it was turned to the left
    candidates: what may be digits
    digits: what is seen as digits, none of them twice
    accepted: bool (N,), which of them are digits
    strokes: uint8 (M, 28, 28), those of each that is accepted, in MNIST's format
    probabilities: float32 (N, 10), of each class, that of the accepted ones with the vote of MNIST's network
    certain: float32 (N,), how probable it is that each is read rightly
    """

    pixels: Grey
    scale: float
    margin: int
    lone: NDArray[np.float32] | None
    turns: int = 0
    candidates: Candidates = field(init=False)
    digits: Detections = field(init=False)
    accepted: NDArray[np.bool_] = field(init=False)
    strokes: NDArray[np.uint8] = field(init=False)
    probabilities: NDArray[np.float32] = field(init=False)
    certain: NDArray[np.float32] = field(init=False)

    @property
    def filled(self) -> float:
        """The fraction of the image's longer side that its only piece of ink takes; 0 if there are others."""
        if self.lone is None:
            return 0.0
        return float(max(self.lone[2:] - self.lone[:2]) / (max(self.pixels.shape) - 2 * self.margin))

    @property
    def sense(self) -> float:
        """How much sense it makes: how many digits more are probably right than wrong."""
        return float((2 * self.certain[self.accepted] - 1).sum())

    @property
    def certainty(self) -> float:
        """The mean probability that an accepted digit is right; 0 if there is none."""
        return float(self.certain[self.accepted].mean()) if self.accepted.any() else 0.0

    def in_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``boxes``, float32 (N, 4), in pixels of the image, from its upper left corner."""
        height, width = (side - 2 * self.margin for side in self.pixels.shape)
        # Without the margin, into which a digit's box may reach.
        left, top, right, bottom = ((boxes - self.margin).clip(0, [width, height] * 2) * self.scale).T
        wide, high = width * self.scale, height * self.scale
        for _ in range(self.turns):
            left, top, right, bottom, wide, high = high - bottom, left, high - top, right, high, wide
        return np.stack([left, top, right, bottom], axis=1)


class DigitRecognizer(Recognizer):
    """Reads the digits of an image: drawn, scanned or photographed, dark on light or light on dark."""

    task = DIGITS

    def __init__(self, infer: Infer, reader: Reader) -> None:
        """infer: MNIST's network, which has a vote on which digit one is."""
        self.infer, self.reader, self.settings = infer, reader, reader.settings

    def _read(self, images: Sequence[tuple[Grey, float]]) -> list[Reading]:
        pages = [self._load(*image) for image in images]
        self._see(pages)
        return [self._arrange(self._look_again(page)) for page in pages]

    def _see(self, pages: Sequence[Page]) -> None:
        """Find the digits of each page."""
        alone = [page for page in pages if page.filled >= self.settings.min_filled]
        for page in alone:
            assert page.lone is not None
            page.candidates = lone_candidates(page.pixels, page.lone, self.settings)
        self._classify(alone)
        # Where the only piece of ink is certainly a digit, no other need be looked for.
        certain = {id(page) for page in alone if page.digits.scores.max(initial=0) >= self.settings.sure_alone}
        others = [page for page in pages if id(page) not in certain]
        self._propose(others)
        self._classify(others)
        self._vote(pages)

    def _look_again(self, page: Page) -> Page:
        """Return the page as it makes the most sense: as it is or, if that is little, turned or enlarged."""
        settings, others = self.settings, list[Page]()
        # A digit alone tells little of how a page is turned, and nothing is to be gained where hardly anything is seen.
        if page.lone is not None or len(page.accepted) < 2:
            return page
        sizes = (page.digits.boxes[:, 2:] - page.digits.boxes[:, :2]).max(axis=1)
        if page.certainty < settings.min_certainty:
            for turns in (1, 2, 3):
                pixels = np.ascontiguousarray(np.rot90(page.pixels, turns))
                others.append(Page(pixels, page.scale, page.margin, None, turns))
        if np.median(sizes[page.accepted] if page.accepted.any() else sizes) < settings.enlarge_below:
            larger = cv2.resize(page.pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            others.append(Page(np.asarray(larger, np.uint8), page.scale / 2, 2 * page.margin, None))
        for other in others:
            self._see([other])
        # Many words, turned, have something that looks a little like a digit.
        others = [other for other in others if not other.turns or other.certainty >= settings.min_certainty]
        best = max(others, key=lambda other: other.sense, default=page)
        return best if best.sense > page.sense + settings.min_gain else page

    def _load(self, grey: Grey, scale: float) -> Page:
        lone = find_lone_ink(grey)
        pixels, margin = pad_cut_out(grey, lone, self.settings)
        return Page(pixels, scale, margin, lone if lone is None else lone + margin)

    def _propose(self, pages: Sequence[Page]) -> None:
        """Find the candidates of each page."""
        for _, group in groupby(pages, key=lambda page: page.pixels.shape):
            alike = list(group)
            found = find_candidates(np.stack([page.pixels for page in alike]), self.reader.detector, self.settings)
            for page, candidates in zip(alike, found, strict=True):
                page.candidates = candidates
                if page.lone is not None:
                    page.candidates = joined([lone_candidates(page.pixels, page.lone, self.settings), candidates])

    def _classify(self, pages: Sequence[Page]) -> None:
        """Classify the candidates of each page, fuse those of the same digit, and accept those that are digits."""
        classified = _run(self.reader.classifier, [page.candidates.crops for page in pages], CLASSES)
        for page, rows in zip(pages, classified, strict=True):
            page.digits = in_context(fuse(page.candidates, rows, self.settings), self.settings)
            # In a picture of one digit there are no other places to be mistaken in.
            area = page.pixels.size if page.lone is None else int(np.prod(page.lone[2:] - page.lone[:2]))
            page.accepted = accept(page.digits, area, self.settings)
            if page.lone is not None and page.accepted.any():
                # A long stroke may be found twice, side by side.
                best = page.digits.scores.argmax()
                boxes = page.digits.boxes
                inside = intersections(boxes, boxes[[best]])[:, 0] / np.minimum(areas(boxes), areas(boxes)[best])
                page.accepted &= (inside < self.settings.fusion_iou) | (np.arange(len(boxes)) == best)

    def _vote(self, pages: Sequence[Page]) -> None:
        """Let MNIST's network vote on which digits the accepted ones are."""
        for page in pages:
            cut = [strokes(page.pixels, box, self.settings.ink) for box in page.digits.boxes[page.accepted]]
            page.strokes = np.array(cut, np.uint8).reshape(-1, SIDE, SIDE)
        for page, named in zip(pages, _run(self.infer, [page.strokes for page in pages], 10), strict=True):
            page.probabilities = page.digits.class_probabilities.copy()
            close = touching(page.digits.boxes, self.settings.touching_distance)[page.accepted]
            # Where no ink was found, MNIST's network has seen nothing.
            seen = page.strokes.any(axis=(1, 2))
            weight = (self.settings.mnist_weight * np.where(close, self.settings.touching_factor, 1) * seen)[:, None]
            voted = page.probabilities[page.accepted] ** (1 - weight) * np.maximum(named, 1e-4) ** weight
            page.probabilities[page.accepted] = voted / voted.sum(axis=1, keepdims=True)
            constant, score_factor, class_factor = self.settings.calibration
            best = page.probabilities.max(axis=1, initial=0)
            self._refuse_signs(page)
            odds = constant + score_factor * log_odds(page.digits.scores) + class_factor * log_odds(best)
            page.certain = np.asarray(1 / (1 + np.exp(-odds)), np.float32)

    def _refuse_signs(self, page: Page) -> None:
        """Accept no stroke that leans more than the digits do and may well be a sign, as / between ones."""
        settings, places = self.settings, np.flatnonzero(page.accepted)
        leans = np.array([lean(image) for image in page.strokes])
        usual = np.median(leans) if len(leans) > 1 else 0
        signs = (page.probabilities[places].argmax(axis=1) == 1) & (leans > usual + settings.max_lean)
        signs &= page.digits.signs[places] > settings.max_sign
        page.accepted[places[signs]] = False
        page.strokes = page.strokes[~signs]

    def _arrange(self, page: Page) -> Reading:
        """Return the digits of a page in lines, each with the probability that it is right."""
        images = np.zeros((len(page.accepted), SIDE, SIDE), np.uint8)
        images[page.accepted] = page.strokes
        digits = [
            Digit(int(row.argmax()), float(probability), row, _box(box), image)
            for row, probability, box, image in zip(
                page.probabilities, page.certain, page.in_image(page.digits.boxes), images, strict=True
            )
        ]
        places = np.flatnonzero(page.accepted)
        arranged = arrange(page.digits.boxes[places], self.settings.lines)
        lines, signs = [], list[Sign]()
        for line in arranged:
            words = list[list[Digit]]()
            for word in line:
                words.append([])
                for index, following in zip_longest(word, word[1:]):
                    place, sign = places[index], None
                    if following is not None:
                        before, after = (page.digits.boxes[places[each]].tolist() for each in (index, following))
                        sign = find_sign(page.pixels, before, after, self.settings.signs)
                    words[-1].append(digits[place]._replace(sign=sign.name if sign else ""))
                    if sign:
                        (box,) = page.in_image(np.array([sign.box], np.float32))
                        signs.append(Sign(sign.name, _box(box)))
                        words.append([])
            lines.append(words)
        rejected = [digits[place] for place in np.flatnonzero(~page.accepted)]
        return Reading(lines, rejected, signs, 90 * page.turns)


def log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithm of p / (1 - p) of each probability, within ±9.2."""
    clipped = probabilities.astype(np.float64).clip(1e-4, 1 - 1e-4)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)


def _run(
    run: Callable[[NDArray[Any]], NDArray[np.float32]], images: Sequence[NDArray[Any]], classes: int
) -> list[NDArray[np.float32]]:
    """Run a network on the arrays of all images together; return its rows for those of each image."""
    if not images:
        return []
    whole = np.concatenate(images)
    rows = [run(whole[start : start + MAX_CROPS]) for start in range(0, len(whole), MAX_CROPS)]
    ends = np.cumsum([len(array) for array in images])[:-1]
    return np.split(np.concatenate([np.zeros((0, classes), np.float32), *rows]), ends)


def _box(sides: NDArray[np.float32]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(float(side)) for side in sides)
    return left, top, max(1, right - left), max(1, bottom - top)


def _batches(sources: Iterable[Source]) -> Iterator[list[Decoded]]:
    batch, pixels = list[Decoded](), 0
    for source in sources:
        try:
            grey, scale = decode(source)
            pixels += grey.size
            batch.append((grey, scale))
        except InputError as error:
            batch.append(error)
        if len(batch) >= BATCH or pixels >= MAX_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch
