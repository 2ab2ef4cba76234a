"""Predict each image with the model that did not train on it."""

from pathlib import Path

import numpy as np

from digits.core import store
from digits.core.files import read_table
from digits.core.job import run_stage
from digits.model import backend, network
from studies.folds.stages import fold
from studies.folds.stages.schema import FoldsParams

# Where an image comes from: the set and the place there, and its file, or its place in MNIST's training files.
ORIGIN = {"set": str, "index": int, "image": str}


def main(params: FoldsParams, processed: Path, folder: Path) -> None:
    threads = params.train.threads
    backend.use(threads)
    whole = fold.load(processed)
    probabilities = np.zeros((len(whole.labels), len(whole.symbols.classes)), np.float32)
    for number, (_, held_out) in enumerate(fold.split(whole, params.folds)):
        model = network.divide(network.load(folder / "runs" / str(number) / "models" / "model.keras")[0], threads)
        probabilities[held_out] = model.predict(whole.images[held_out], batch_size=1000, verbose=0)
    rows = read_table(processed / "images.csv", "preprocess", ORIGIN)
    origins = {column: np.array([row[column] for row in rows]) for column in ORIGIN}
    store.save(folder / "predictions.npz", whole, probabilities=probabilities, **origins)


if __name__ == "__main__":
    run_stage(main)
