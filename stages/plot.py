"""Draw what the other stages have made."""

from pathlib import Path

from digits.core import store
from digits.core.files import read_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.report import architecture, basics, curves, galleries, measures

EPOCH = {"epoch": int, "loss": float, "accuracy": float, "val_loss": float, "val_accuracy": float}
LAYER = {"layer": str, "output": str, "parameters": int}
DIGIT = {"digit": int, "errors": int, "accuracy": float, "accuracy_low": float, "accuracy_high": float}
BIN = {"images": int, "confidence": float, "accuracy": float}


def main(params: Params, processed: Path, augmented: Path, folder: Path) -> None:
    section, data, plots = params.plot, folder / "data", folder / "plots"
    some = slice(section.examples)
    train = store.load(processed / "train.npz", "preprocess")
    deformed = store.load(augmented / "00.npz", "augment")
    test = store.load(data / "predictions.npz", "evaluate")
    probabilities = store.load_arrays(data / "predictions.npz", "evaluate", "probabilities")["probabilities"]
    epochs = read_table(plots / "training.tsv", "train", EPOCH)
    layers = read_table(plots / "layers.csv", "train", LAYER)
    digits = read_table(plots / "digits.csv", "evaluate", DIGIT)
    bins = read_table(plots / "reliability.csv", "evaluate", BIN)
    for name, figure in {
        "examples": galleries.examples(train.images[some], train.labels[some]),
        "augmentation": galleries.augmentation(train.images[some], deformed.images[some]),
        "network": architecture.layers(layers),
        "curves": curves.curves(epochs),
        "predictions": galleries.predictions(test.images[some], test.labels[some], probabilities[some]),
        "confusion_matrix": measures.confusion(test.labels, probabilities.argmax(axis=1)),
        "accuracy_by_digit": measures.accuracy_by_digit(digits),
        "reliability_diagram": measures.reliability(bins),
        "mistakes": galleries.mistakes(test.images, test.labels, probabilities, section.mistakes),
    }.items():
        basics.save(figure, plots / f"{name}.png", section.dpi)


if __name__ == "__main__":
    run_stage(main)
