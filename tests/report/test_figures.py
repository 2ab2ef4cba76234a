import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from digits.core.store import Dataset
from digits.report import architecture, curves, galleries, measures

EPOCHS = [
    {"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 0.1 / epoch, "val_loss": 1 / epoch, "val_accuracy": 1.0}
    for epoch in (1, 2, 3)
]
LAYERS = [{"layer": "Conv2D", "output": "26×26×2", "parameters": 20}, {"layer": "New", "output": "10", "parameters": 0}]
DIGITS = [
    {"digit": digit, "errors": digit, "accuracy": 1 - digit / 100, "accuracy_low": 0.9, "accuracy_high": 1.0}
    for digit in range(10)
]
BINS = [{"images": 3, "confidence": 0.4, "accuracy": 0.3}, {"images": 900, "confidence": 0.99, "accuracy": 1.0}]


def inches_cut_off(figure: Figure) -> float:
    """Draw ``figure`` and return by how much its contents reach beyond its edges."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    box = figure.get_tightbbox(canvas.get_renderer())  # type: ignore[no-untyped-call]
    width, height = figure.get_size_inches()
    return float(max(-box.x0, -box.y0, box.x1 - width, box.y1 - height))


def all_figures(dataset: Dataset) -> dict[str, Figure]:
    probabilities = np.full((40, 10), 0.01)
    probabilities[np.arange(40), np.roll(dataset.labels, 5) // 2] = 0.91
    some = dataset.images[:10]
    return {
        "examples": galleries.examples(some, dataset.labels[:10]),
        "one example": galleries.examples(some[:1], dataset.labels[:1]),
        "augmentation": galleries.augmentation(some, some[::-1]),
        "predictions": galleries.predictions(some, dataset.labels[:10], probabilities[:10]),
        "mistakes": galleries.mistakes(dataset.images, dataset.labels, probabilities, 25),
        "no mistakes": galleries.mistakes(dataset.images, dataset.labels, np.eye(10)[dataset.labels], 25),
        "confusion": measures.confusion(dataset.labels, probabilities.argmax(axis=1)),
        "curves": curves.curves(EPOCHS),
        "one epoch": curves.curves(EPOCHS[:1]),
        "network": architecture.layers(LAYERS),
        "accuracy by digit": measures.accuracy_by_digit(DIGITS),
        "reliability": measures.reliability(BINS),
    }


def test_nothing_is_cut_off(dataset: Dataset) -> None:
    cut = {name: inches_cut_off(figure) for name, figure in all_figures(dataset).items()}
    assert max(cut.values()) < 0.01, cut


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_mistakes_are_the_wrong_readings_the_most_confident_first(dataset: Dataset) -> None:
    probabilities = np.eye(10)[dataset.labels] * 0.9 + 0.01
    for index, confidence in ((3, 0.6), (7, 0.8), (8, 0.9999)):
        probabilities[index] = 0
        probabilities[index, 0] = confidence
    figure = galleries.mistakes(dataset.images, dataset.labels, probabilities, 2)
    assert titles(figure) == ["is 8, read 0\n> 99.9%", "is 7, read 0\n80.0%"]
    assert figure.get_suptitle() == "2 of 3 mistakes, the most confident first"


def test_the_confusion_matrix_counts(dataset: Dataset) -> None:
    predicted = dataset.labels.copy()
    predicted[:3] = 9
    figure = measures.confusion(dataset.labels, predicted)
    assert titles(figure) == ["3 of 40 read wrongly"]
    assert sum(int(text.get_text()) for text in figure.axes[0].texts) == 40


@pytest.mark.parametrize(("parameters", "total"), [(20, "20 in all"), (1234567, "1,234,567 in all")])
def test_the_network_adds_its_parameters_up(parameters: int, total: str) -> None:
    figure = architecture.layers([{**LAYERS[0], "parameters": parameters}, LAYERS[1]])
    assert figure.axes[0].texts[-1].get_text() == total
