"""Draw what the other stages have made."""

from digits import figures, store
from digits.files import read_table
from stages.job import Job, run

EPOCH = {"epoch": int, "loss": float, "accuracy": float, "val_loss": float, "val_accuracy": float}
LAYER = {"layer": str, "output": str, "parameters": int}
DIGIT = {"digit": int, "errors": int, "accuracy": float, "accuracy_low": float, "accuracy_high": float}
BIN = {"images": int, "confidence": float, "accuracy": float}


def main(job: Job) -> None:
    section, data, plots = job.params.plot, job.folder / "data", job.folder / "plots"
    some = slice(section.examples)
    train = store.load(job.processed / "train.npz", "preprocess")
    augmented = store.load(job.augmented / "00.npz", "augment")
    test = store.load(data / "predictions.npz", "evaluate")
    probabilities = store.load_arrays(data / "predictions.npz", "evaluate", "probabilities")["probabilities"]
    epochs = read_table(plots / "training.tsv", "train", EPOCH)
    layers = read_table(plots / "layers.csv", "train", LAYER)
    digits = read_table(plots / "digits.csv", "evaluate", DIGIT)
    bins = read_table(plots / "reliability.csv", "evaluate", BIN)
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
        figures.save(figure, plots / f"{name}.png", section.dpi)


if __name__ == "__main__":
    run(main)
