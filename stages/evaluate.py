"""Measure the model on the test set; nothing else reads that set."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits import metrics, network, params, store
from digits.errors import run
from digits.files import write_json, write_table

MODEL, TEST = Path("models/model.keras"), Path("data/processed/test.npz")
METRICS, PREDICTIONS = Path("metrics/test.json"), Path("data/predictions.npz")
CONFUSION, DIGITS = Path("plots/confusion.csv"), Path("plots/digits.csv")
RELIABILITY = Path("plots/reliability.csv")


def main() -> None:
    section = params.load().evaluate
    test = store.load(TEST, "preprocess")
    model = network.load(MODEL)
    views = [model.predict(view, batch_size=1000, verbose=0) for view in shifted(test.images, section.shift)]
    probabilities = np.mean(views, axis=0)

    measured = metrics.classification(test.labels, probabilities)
    digits = metrics.by_digit(test.labels, probabilities)
    by_digit = {str(row["digit"]): row["accuracy"] for row in digits}
    write_json(METRICS, {"dataset": test.name, **measured, "accuracy_by_digit": by_digit})
    store.save(PREDICTIONS, test, probabilities=probabilities)
    pairs = zip(test.labels, probabilities.argmax(axis=1), strict=True)
    write_table(CONFUSION, [{"actual": actual, "predicted": predicted} for actual, predicted in pairs])
    write_table(DIGITS, digits)
    write_table(RELIABILITY, metrics.reliability(test.labels, probabilities))
    print(
        f"{test.name}: {measured['errors']} errors in {measured['images']} test pictures, "
        f"accuracy {measured['accuracy']:.2%} ({measured['accuracy_low']:.2%} to {measured['accuracy_high']:.2%})"
    )


def shifted(images: NDArray[np.uint8], pixels: int) -> list[NDArray[np.uint8]]:
    """Return ``images`` and, unless ``pixels`` is 0, copies shifted by so much left, right, up and down."""
    if not pixels:
        return [images]
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels)))
    corners = [(1, 1), (1, 0), (1, 2), (0, 1), (2, 1)]
    return [padded[:, y * pixels : y * pixels + height, x * pixels : x * pixels + width] for y, x in corners]


if __name__ == "__main__":
    run(main)
