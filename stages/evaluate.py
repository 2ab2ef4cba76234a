"""Measure the exported model on the test set, which no other stage reads."""

from pathlib import Path

import numpy as np

from digits.core import store
from digits.core.files import write_json, write_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.model import metrics
from digits.onnx import runtime

METRICS, PLOTS = Path("metrics"), Path("plots")
# Images predicted at a time: each takes about 0.1 MB.
BATCH = 1000


def main(params: Params) -> None:
    test = store.load(Path("data/processed/test.npz"), "preprocess")
    infer, _ = runtime.load(Path("models/digits.onnx"), threads=1)
    batches = [test.images[start : start + BATCH] for start in range(0, len(test.images), BATCH)]
    probabilities = np.concatenate([infer(batch) for batch in batches])

    measured = metrics.evaluate(probabilities, test.labels)
    write_json(METRICS / "test.json", {"dataset": test.name, **measured})
    store.save(Path("data/predictions.npz"), test, probabilities=probabilities)
    classes = test.task.classes
    write_table(PLOTS / "confusion.csv", metrics.confusion(probabilities.argmax(axis=1), test.labels, classes))
    write_table(PLOTS / "classes.csv", metrics.by_class(probabilities, test.labels, classes))
    write_table(PLOTS / "reliability.csv", metrics.reliability(probabilities, test.labels))
    print(f"{test.name}, test: {metrics.summary(measured)}")


if __name__ == "__main__":
    run_stage(main)
