"""List and draw the images whose labels are most doubtful."""

from pathlib import Path

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import write_json, write_table
from digits.core.job import run_stage
from digits.model import metrics
from digits.report import basics
from studies.labels.stages import gallery
from studies.labels.stages.doubt import doubt
from studies.labels.stages.schema import LabelsParams

ORIGIN = ("set", "index", "image")


def main(params: LabelsParams, folder: Path) -> None:
    path = folder.parent / "folds" / "predictions.npz"
    if not path.exists():
        raise InputError(f"{path}: no such file; make it with: dvc --cd studies/folds repro")
    dataset = store.load(path, "predict")
    probabilities, *origin = store.load_arrays(path, "predict", "probabilities", *ORIGIN).values()

    labels, classes, shown = dataset.labels, dataset.symbols.classes, params.labels.shown
    # Networks trained with smoothed labels are too uncertain for confident learning. A single number betrays no label.
    probabilities = probabilities ** (1 / metrics.temperature(labels, probabilities))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    doubtful, suggested, scores, order = doubt(labels, probabilities)
    count = int(doubtful.sum())
    write_table(
        folder / "doubtful.csv",
        [
            {
                "rank": rank,
                **{column: values[index] for column, values in zip(ORIGIN, origin, strict=True)},
                "label": classes[labels[index]],
                "suggestion": classes[suggested[index]],
                "label_probability": f"{probabilities[index, labels[index]]:.4f}",
                "suggestion_probability": f"{probabilities[index, suggested[index]]:.4f}",
                "score": f"{scores[index]:.6f}",
                "doubtful": "yes" if doubtful[index] else "no",
            }
            for rank, index in enumerate(order[: max(count, shown)], 1)
        ],
    )
    write_json(
        folder / "metrics.json",
        {
            "dataset": dataset.name,
            "images": len(labels),
            "errors": int((probabilities.argmax(axis=1) != labels).sum()),
            "doubtful": count,
            "class": {name: int(doubtful[labels == label].sum()) for label, name in enumerate(classes)},
        },
    )
    first = order[:shown]
    names = [(classes[labels[index]], classes[suggested[index]]) for index in first]
    title = f"{dataset.name}: the {len(first)} most doubtful of {len(labels):,} labels"
    figure = gallery.gallery(dataset.images[first], names, doubtful[first], title)
    basics.save(figure, folder / "doubtful.png", params.plot.dpi)
    print(f"{dataset.name}: {count:,} doubtful labels of {len(labels):,}; see {folder / 'doubtful.png'}")


if __name__ == "__main__":
    run_stage(main)
