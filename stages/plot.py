"""Draw the data, the training and the results."""

from pathlib import Path

from digits.core import store
from digits.core.files import read_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.report import architecture, basics, curves, galleries, measures

EPOCH = {"epoch": int, "loss": float, "accuracy": float, "val_loss": float, "val_accuracy": float}
LAYER = {"layer": str, "details": str, "output": str, "parameters": int}
ACCURACY = {"images": int, "errors": int, "accuracy": float, "accuracy_low": float, "accuracy_high": float}
CLASS = {"class": str, **ACCURACY}
BIN = {"confidence": float, **ACCURACY}


def main(params: Params, processed: Path, augmented: Path, folder: Path) -> None:
    section, data, plots = params.plot, folder / "data", folder / "plots"
    train = store.load(processed / "train.npz", "preprocess")
    deformed = store.load(augmented / "00.npz", "augment")
    test = store.load(data / "predictions.npz", "evaluate")
    probabilities = store.load_arrays(data / "predictions.npz", "evaluate", "probabilities")["probabilities"]
    names, predicted = test.symbols.classes, probabilities.argmax(axis=1)
    some, tested = (galleries.of_each_class(each.labels, len(names), section.examples) for each in (train, test))
    row = galleries.of_each_class(train.labels, len(names), galleries.COLUMNS, galleries.COLUMNS)
    epochs = read_table(plots / "training.tsv", "train", EPOCH)
    layers = read_table(plots / "layers.csv", "train", LAYER)
    classes = read_table(plots / "classes.csv", "evaluate", CLASS)
    bins = read_table(plots / "reliability.csv", "evaluate", BIN)
    for name, figure in {
        "examples": galleries.examples(train.images[some], train.labels[some], names),
        "augmentation": galleries.augmentation(train.images[row], deformed.images[row]),
        "network": architecture.layers(layers),
        "curves": curves.curves(epochs),
        "predictions": galleries.predictions(test.images[tested], test.labels[tested], probabilities[tested], names),
        "confusion_matrix": measures.confusion(test.labels, predicted, names),
        "accuracy_by_class": measures.accuracy_by_class(classes),
        "reliability_diagram": measures.reliability(bins),
        "mistakes": galleries.mistakes(test.images, test.labels, probabilities, section.mistakes, names),
    }.items():
        basics.save(figure, plots / "figures" / f"{name}.png", section.dpi)
    print(f"{test.name}: see {plots / 'figures'}")
    if folder == Path():
        print("see also: dvc metrics show, dvc plots show --open; to read your own image: python -m digits read IMAGE")


if __name__ == "__main__":
    run_stage(main)
