"""Measure the model on the test set, which no other stage reads."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.core import store
from digits.core.files import write_json, write_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.model import metrics, network


def main(params: Params, processed: Path, folder: Path) -> None:
    section, plots = params.evaluate, folder / "plots"
    test = store.load(processed / "test.npz", "preprocess")
    model = network.load(folder / "models" / "model.keras")
    views = [model.predict(view, batch_size=1000, verbose=0) for view in shifted(test.images, section.shift)]
    probabilities = np.mean(views, axis=0)

    measured = metrics.classification(test.labels, probabilities)
    for name, each in (("test", measured), ("unshifted", metrics.classification(test.labels, views[0]))):
        write_json(folder / "metrics" / f"{name}.json", {"dataset": test.name, **each})
    store.save(folder / "data" / "predictions.npz", test, probabilities=probabilities)
    pairs = zip(test.labels, probabilities.argmax(axis=1), strict=True)
    write_table(plots / "confusion.csv", [{"actual": actual, "predicted": predicted} for actual, predicted in pairs])
    write_table(plots / "digits.csv", metrics.by_digit(test.labels, probabilities))
    write_table(plots / "reliability.csv", metrics.reliability(test.labels, probabilities))
    print(f"{test.name}, test: {metrics.summary(measured)}")


def shifted(images: NDArray[np.uint8], pixels: int) -> list[NDArray[np.uint8]]:
    """Return ``images``, uint8 (N, 28, 28), and, unless ``pixels`` is 0, copies shifted by it in four directions."""
    if not pixels:
        return [images]
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels)))
    corners = [(1, 1), (1, 0), (1, 2), (0, 1), (2, 1)]
    return [padded[:, y * pixels : y * pixels + height, x * pixels : x * pixels + width] for y, x in corners]


if __name__ == "__main__":
    run_stage(main)
