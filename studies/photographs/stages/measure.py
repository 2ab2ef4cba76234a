"""Measure how synthetic photographs are read: pages by type of distortion, and single digits by size."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import Field

from digits.core import store
from digits.core.files import write_json
from digits.core.job import run_stage
from digits.core.params import Params, Section, Seed
from digits.model import metrics
from digits.reading import decoding
from digits.reading.reading import Reading
from digits.reading.recognizer import Recognizer
from digits.report import annotated, basics
from studies.photographs.stages import photographs

# From the root pipeline. The predictions include the test images; only evaluate reads the test set itself.
PREDICTIONS, NETWORK = Path("data/predictions.npz"), Path("models/digits.onnx")

CONDITIONS: dict[str, tuple[str, ...]] = {
    "no distortion": (),
    **{name: (name,) for name in (*photographs.ON_PAPER, *photographs.THROUGH_LENS)},
    "combined": photographs.HOSTILE,
}
# The page that is shown with what was read in it.
SHOWN = "combined"
# The fractions of a photograph that a single digit fills, and its distortions: those that need no larger sheet.
FRACTIONS = (0.25, 0.5, 0.8)
SINGLE = ("pen", "texture", "light", "blur", "noise", "jpeg")


class Photographs(Section):
    """The number of pages per type of distortion, of single digits per size, and of enlarged test images, the first
    ones of their set."""

    seed: Seed
    pages: Annotated[int, Field(ge=1, le=1000)]
    single: Annotated[int, Field(ge=1, le=10_000)]
    enlarged: Annotated[int, Field(ge=1, le=60_000)]


class PhotographsParams(Params):
    """The root's sections and the section of this study."""

    photographs: Photographs


def main(params: PhotographsParams, folder: Path) -> None:
    section = params.photographs
    test = store.load(PREDICTIONS, "evaluate")
    probabilities = store.load_arrays(PREDICTIONS, "evaluate", "probabilities")["probabilities"]
    recognizer = Recognizer.load(NETWORK)
    measured, samples = {}, {}
    for name, effects in CONDITIONS.items():
        pages = [page(test, effects, np.random.default_rng([section.seed, number])) for number in range(section.pages)]
        measured[name] = score([text for _, text in pages], read(recognizer, [image for image, _ in pages]))
        samples[name] = pages[0][0]
        print(f"{name}: {metrics.summary(measured[name])}")

    for fraction in FRACTIONS:
        single = [
            single_digit(test, fraction, np.random.default_rng([section.seed, number]))
            for number in range(section.single)
        ]
        texts = read(recognizer, [image for image, _ in single])
        errors = sum(text != written for text, (_, written) in zip(texts, single, strict=True))
        name = f"single digit, {fraction:.0%}"
        measured[name], samples[name] = metrics.accuracy(errors, len(single)), single[0][0]
        print(f"{name}: {metrics.summary(measured[name])}")

    labels, images = test.labels[: section.enlarged], test.images[: section.enlarged]
    texts = read(recognizer, (enlarge(image, number) for number, image in enumerate(images)))
    errors = sum(text != str(label) for text, label in zip(texts, labels, strict=True))
    originals = int((probabilities[: len(labels)].argmax(axis=1) != labels).sum())
    enlarged = metrics.accuracy(errors, len(labels))
    print(f"enlarged: {metrics.summary(enlarged)}; {originals} errors in the originals")
    write_json(
        folder / "metrics.json",
        {
            "dataset": test.name,
            "photographs": measured,
            "enlarged": {**enlarged, "errors_in_originals": originals},
        },
    )
    chart = gallery(samples, {name: row["accuracy"] for name, row in measured.items()})
    basics.save(chart, folder / "photographs.png", params.plot.dpi)
    shown = annotated.reading(*decoding.decode(samples[SHOWN]), recognizer.read(samples[SHOWN]).digits)
    basics.save(shown, folder / "reading.png", params.plot.dpi)


def read(recognizer: Recognizer, sources: Iterable[NDArray[np.uint8]]) -> list[str]:
    """Return what is read in each image, without the spaces between words: what was written has none."""
    return [reading.text.replace(" ", "") for reading in recognizer.read_all(sources) if isinstance(reading, Reading)]


def score(written: Sequence[str], texts: Sequence[str]) -> dict[str, Any]:
    """Return how many digits were read in the right order, as an accuracy, and ``found``, how many were read in all."""
    right = sum(in_order(*pair) for pair in zip(written, texts, strict=True))
    count, found = (sum(len(text.replace("\n", "")) for text in each) for each in (written, texts))
    return {**metrics.accuracy(count - right, count), "found": found}


def page(
    dataset: store.Dataset, effects: tuple[str, ...], random: np.random.Generator
) -> tuple[NDArray[np.uint8], str]:
    """Photograph one to three lines of three to eight digits; return the photograph and its text."""
    rows = [int(random.integers(3, 9)) for _ in range(int(random.integers(1, 4)))]
    chosen = random.integers(0, len(dataset.labels), sum(rows))
    labels = iter(dataset.labels[chosen])
    text = "\n".join("".join(str(next(labels)) for _ in range(count)) for count in rows)
    return photographs.photograph(photographs.write(dataset.images[chosen], rows, random), effects, random), text


def single_digit(dataset: store.Dataset, fraction: float, random: np.random.Generator) -> tuple[NDArray[np.uint8], str]:
    """Photograph one digit that fills this ``fraction`` of the image; return the photograph and the digit."""
    chosen = int(random.integers(len(dataset.labels)))
    sheet = photographs.write_one(dataset.images[chosen], fraction, random)
    return photographs.photograph(sheet, SINGLE, random), str(dataset.labels[chosen])


def enlarge(image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Return a digit enlarged ten times, dark on light, at a random place on 400×400 pixels."""
    sheet = np.full((400, 400), 255, np.uint8)
    left, top = np.random.default_rng(seed).integers(0, 120, 2)
    sheet[top : top + 280, left : left + 280] = 255 - cv2.resize(image, (280, 280), interpolation=cv2.INTER_CUBIC)
    return sheet


def in_order(written: str, read: str) -> int:
    """Return how many digits of ``written`` occur in ``read`` in the same order."""
    blocks = SequenceMatcher(None, written, read, autojunk=False).get_matching_blocks()
    return sum(len(written[block.a : block.a + block.size].replace("\n", "")) for block in blocks)


def gallery(samples: Mapping[str, NDArray[np.uint8]], accuracies: Mapping[str, float]) -> Figure:
    """Draw one photograph, uint8 (H, W, 3), of each kind, under the fraction of digits read correctly in its kind."""
    columns = 4
    drawn = Figure(figsize=(12, 2.6 * -(-len(samples) // columns)), layout="constrained")
    grid = drawn.subplots(-(-len(samples) // columns), columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (name, image) in zip(grid, samples.items(), strict=False):
        axes.imshow(image)
        axes.set_title(f"{name}: {accuracies[name]:.1%}", fontsize=10)
    return drawn


if __name__ == "__main__":
    run_stage(main)
