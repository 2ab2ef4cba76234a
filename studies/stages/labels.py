"""List and draw the images whose labels are most doubtful, by confident learning: C. Northcutt et al., "Confident
learning: estimating uncertainty in dataset labels" (2021)."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from digits.core import params, store
from digits.core.errors import run_main
from digits.core.files import read_table, write_json, write_table
from digits.core.params import Section
from digits.core.store import Dataset
from digits.model import metrics
from digits.report import basics
from studies.stages import entries
from studies.stages.entries import FILE, PROCESSED, RUNS

# Where an image comes from: the set and the place there, and its file, or its place in MNIST's training files.
ORIGIN = ("set", "index", "image")
COLUMNS = 10
# Characters of a class's name that fit above an image, beside another name.
FITTING = 5


class Labels(Section):
    """How many images the gallery shows."""

    shown: Annotated[int, Field(ge=1, le=200)]


class Content(BaseModel):
    """What this stage reads of studies/params.yaml."""

    labels: Labels


class Doubt(NamedTuple):
    """How doubtful the labels of N images are.

    doubtful: bool (N,): whether another class is at least as probable as it is, on average, for that class's own images
    suggested: int (N,): the most probable class besides the label
    scores: (N,): 0 if the suggestion is certain, 0.5 if it is as probable as the label, 1 if the label is certain
    order: int (N,): the indices of the images, those with doubtful labels before the others, each by score
    """

    doubtful: NDArray[np.bool_]
    suggested: NDArray[np.intp]
    scores: NDArray[np.float64]
    order: NDArray[np.intp]


def main() -> None:
    shown, folder = params.check(params.read(FILE), FILE, Content).labels.shown, FILE.parent / "labels"
    dataset, probabilities = load(list(entries.groups()["folds"]))
    origins = read_table(PROCESSED / "images.csv", "preprocess", dict.fromkeys(ORIGIN, str))
    labels, classes = dataset.labels, dataset.task.classes
    # Networks trained with smoothed labels are too uncertain for confident learning. One temperature for all images
    # reveals no label.
    probabilities = probabilities ** (1 / metrics.fit_temperature(probabilities, labels))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    doubtful, suggested, scores, order = doubt(labels, probabilities)
    count = int(doubtful.sum())
    write_table(
        folder / "doubtful.csv",
        [
            {
                "rank": rank,
                **origins[index],
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
    figure = gallery(dataset.images[first], names, doubtful[first], title)
    basics.save(figure, folder / "doubtful.png", params.load().plot.dpi)
    print(f"{dataset.name}: {count:,} doubtful labels of {len(labels):,}; see {folder / 'doubtful.png'}")


def load(folds: Sequence[str]) -> tuple[Dataset, NDArray[np.float32]]:
    """Return the images that the ``folds`` held out, in the order of images.csv, and their probabilities."""
    paths = [RUNS / "folds" / name / "predictions.npz" for name in folds]
    datasets = [store.load(path, "fold") for path in paths]
    arrays = [store.load_arrays(path, "fold", "probabilities", "index") for path in paths]
    order = np.argsort(np.concatenate([array["index"] for array in arrays]))
    images, labels = (
        np.concatenate([getattr(dataset, field) for dataset in datasets])[order] for field in ("images", "labels")
    )
    probabilities = np.concatenate([array["probabilities"] for array in arrays])[order]
    return datasets[0]._replace(images=images, labels=labels), probabilities


def doubt(labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> Doubt:
    """Judge ``labels`` (N,) by ``probabilities`` (N, classes) of models that did not train on the image."""
    wide, exact = labels.astype(np.int64), probabilities.astype(np.float64)
    doubtful = find_label_issues(wide, exact, filter_by="confident_learning", n_jobs=1)
    scores = get_label_quality_scores(wide, exact, method="normalized_margin")
    others = exact.copy()
    others[np.arange(len(wide)), wide] = -1
    return Doubt(doubtful, others.argmax(axis=1), scores, np.lexsort((scores, ~doubtful)))


def gallery(images: basics.Images, names: Sequence[tuple[str, str]], doubtful: NDArray[np.bool_], title: str) -> Figure:
    """Draw ``images``, uint8 (N, 28, 28), each under its rank and ``names``: that of its label, and the one suggested.

    doubtful: bool (N,): which of them stand out in colour
    """
    rows = -(-len(images) // COLUMNS)
    figure = Figure(figsize=(COLUMNS, 1.4 * rows + 0.7), layout="constrained")
    figure.suptitle(f"{title}\n(rank, label → suggestion; coloured: doubtful by confident learning)", fontsize=12)
    places = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in places:
        axes.axis("off")
    for rank, (axes, image, pair, stands_out) in enumerate(zip(places, images, names, doubtful, strict=False), 1):
        basics.show(axes, image)
        caption = f"{rank}\n{' → '.join(basics.readable(name, FITTING) for name in pair)}"
        colour = basics.WRONG if stands_out else "black"
        axes.set_title(caption, fontsize=11, color=colour, pad=3, **basics.NAMED)
    return figure


if __name__ == "__main__":
    run_main(main)
