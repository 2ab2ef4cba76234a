"""Measure the model on the test set, which no other stage reads."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.core import confusion, store
from digits.core.files import write_json, write_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.model import backend, metrics, network


def main(params: Params, processed: Path, folder: Path) -> None:
    section, plots = params.evaluate, folder / "plots"
    backend.use(params.train.threads)
    test = store.load(processed / "test.npz", "preprocess")
    model = network.divide(network.load(folder / "models" / "model.keras")[0], params.train.threads)
    views = [model.predict(view, batch_size=1000, verbose=0) for view in shifted(test.images, section.shift)]
    probabilities = np.mean(views, axis=0)

    measured = metrics.classification(test.labels, probabilities)
    for name, each in (("test", measured), ("unshifted", metrics.classification(test.labels, views[0]))):
        write_json(folder / "metrics" / f"{name}.json", {"dataset": test.name, **each})
    store.save(folder / "data" / "predictions.npz", test, probabilities=probabilities)
    classes, predicted = test.symbols.classes, probabilities.argmax(axis=1)
    shown = confusion.most_confused(confusion.matrix(test.labels, predicted, len(classes)))
    kept = np.isin(test.labels, shown) & np.isin(predicted, shown)
    pairs = zip(test.labels[kept], predicted[kept], strict=True)
    write_table(
        plots / "confusion.csv", [{"actual": classes[true], "predicted": classes[each]} for true, each in pairs]
    )
    write_table(plots / "classes.csv", metrics.by_class(test.labels, probabilities, classes))
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
