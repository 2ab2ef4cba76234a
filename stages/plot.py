"""Draw what the other stages have made."""

from pathlib import Path

from digits import figures, params, store
from digits.errors import run
from digits.files import read_table, replacing

TRAIN, AUGMENTED = Path("data/processed/train.npz"), Path("data/augmented/00.npz")
PREDICTIONS, PLOTS = Path("data/predictions.npz"), Path("plots")

EPOCH = {"epoch": int, "loss": float, "accuracy": float, "val_loss": float, "val_accuracy": float}
LAYER = {"layer": str, "output": str, "parameters": int}
DIGIT = {"digit": int, "errors": int, "accuracy": float, "accuracy_low": float, "accuracy_high": float}
BIN = {"images": int, "confidence": float, "accuracy": float}


def main() -> None:
    section = params.load().plot
    some = slice(section.examples)
    train, augmented = store.load(TRAIN, "preprocess"), store.load(AUGMENTED, "augment")
    test = store.load(PREDICTIONS, "evaluate")
    probabilities = store.load_arrays(PREDICTIONS, "evaluate", "probabilities")["probabilities"]
    epochs = read_table(PLOTS / "training.tsv", "train", EPOCH)
    layers = read_table(PLOTS / "layers.csv", "train", LAYER)
    digits = read_table(PLOTS / "digits.csv", "evaluate", DIGIT)
    bins = read_table(PLOTS / "reliability.csv", "evaluate", BIN)
    for name, figure in {
        "examples": figures.examples(train.images[some], train.labels[some]),
        "augmentation": figures.augmentation(train.images[some], augmented.images[some]),
        "network": figures.network(layers),
        "curves": figures.curves(epochs),
        "predictions": figures.predictions(test.images[some], test.labels[some], probabilities[some]),
        "confusion_matrix": figures.confusion(test.labels, probabilities.argmax(axis=1)),
        "accuracy_by_digit": figures.accuracy_by_digit(digits),
        "reliability_diagram": figures.reliability(bins),
        "mistakes": figures.mistakes(test.images, test.labels, probabilities, section.mistakes),
    }.items():
        with replacing(PLOTS / f"{name}.png") as path:
            # Without the version of Matplotlib, the bytes depend on the picture alone.
            figure.savefig(path, format="png", dpi=section.dpi, metadata={"Software": None})


if __name__ == "__main__":
    run(main)
