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
PAIR = {"actual": str, "predicted": str}
PLOTS, PREDICTIONS = Path("plots"), Path("data/predictions.npz")


def main(params: Params) -> None:
    section = params.plot
    train = store.load(Path("data/processed/train.npz"), "preprocess")
    augmented = store.load(Path("data/augmented/00.npz"), "augment")
    test = store.load(PREDICTIONS, "evaluate")
    probabilities = store.load_arrays(PREDICTIONS, "evaluate", "probabilities")["probabilities"]
    names, predicted = test.task.classes, probabilities.argmax(axis=1)
    train_examples, test_examples = (
        galleries.of_each_class(dataset.labels, len(names), section.examples) for dataset in (train, test)
    )
    row = galleries.of_each_class(train.labels, len(names), galleries.COLUMNS, galleries.COLUMNS)
    epochs = read_table(PLOTS / "training.tsv", "train", EPOCH)
    layers = read_table(PLOTS / "layers.csv", "train", LAYER)
    classes = read_table(PLOTS / "classes.csv", "evaluate", CLASS)
    bins = read_table(PLOTS / "reliability.csv", "evaluate", BIN)
    pairs = read_table(PLOTS / "confusion.csv", "evaluate", PAIR)
    confused = {name for pair in pairs for name in pair.values()}
    figures = {
        "examples": galleries.examples(train.images[train_examples], train.labels[train_examples], names),
        "augmentation": galleries.augmentation(train.images[row], augmented.images[row]),
        "network": architecture.layers(layers),
        "curves": curves.curves(epochs),
        "predictions": galleries.predictions(
            test.images[test_examples], test.labels[test_examples], probabilities[test_examples], names
        ),
        "confusion_matrix": measures.confusion(
            test.labels, predicted, names, [label for label, name in enumerate(names) if name in confused]
        ),
        "accuracy_by_class": measures.accuracy_by_class(classes),
        "reliability_diagram": measures.reliability(bins),
        "mistakes": galleries.mistakes(test.images, test.labels, probabilities, section.mistakes, names),
    }
    for name, figure in figures.items():
        basics.save(figure, PLOTS / "figures" / f"{name}.png", section.dpi)
    print(f"{test.name}: see {PLOTS / 'figures'}")
    print("see also: dvc metrics show, dvc plots show --open; to read your own image: python -m digits read IMAGE")


if __name__ == "__main__":
    run_stage(main)
