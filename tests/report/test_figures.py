from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from digits.core.store import Dataset
from digits.report import annotated, architecture, basics, curves, galleries, measures

EPOCHS = [
    {"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 0.1 / epoch**3, "val_loss": 0.4, "val_accuracy": 0.99}
    for epoch in (1, 2, 3)
]
PERFECT = {"epoch": 4, "loss": 1e-6, "accuracy": 1.0, "val_loss": 0.1, "val_accuracy": 1.0}
LAYERS = [
    {"layer": "Conv2D", "details": "3×3, stride 2, relu", "output": "13×13×2", "parameters": 20},
    {"layer": "New", "details": "", "output": "10", "parameters": 0},
]
DIGITS = [
    {"digit": digit, "errors": 100, "accuracy": 1 - digit / 100, "accuracy_low": 0.9, "accuracy_high": 1.0}
    for digit in range(10)
]
BINS = [
    {"images": 3, "confidence": 0.4, "accuracy": 0.3, "accuracy_low": 0.05, "accuracy_high": 0.8},
    {"images": 9000, "confidence": 0.999, "accuracy": 1.0, "accuracy_low": 0.99, "accuracy_high": 1.0},
]


class Digit(NamedTuple):
    digit: int
    probability: float
    box: tuple[int, int, int, int]
    image: basics.Images


def inches_cut_off(figure: Figure) -> float:
    """Draw ``figure`` and return how far its contents extend beyond its edges, in inches."""
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
        "two of each": galleries.examples(dataset.images[:20], dataset.labels[:20]),
        "augmentation": galleries.augmentation(some, some[::-1]),
        "predictions": galleries.predictions(some, dataset.labels[:10], probabilities[:10]),
        "mistakes": galleries.mistakes(dataset.images, dataset.labels, probabilities, 25),
        "no mistakes": galleries.mistakes(dataset.images, dataset.labels, np.eye(10)[dataset.labels], 25),
        "confusion": measures.confusion(dataset.labels, probabilities.argmax(axis=1)),
        "curves": curves.curves(EPOCHS),
        "one epoch": curves.curves(EPOCHS[:1]),
        "no error": curves.curves([*EPOCHS, PERFECT]),
        "network": architecture.layers(LAYERS),
        "accuracy by digit": measures.accuracy_by_digit(DIGITS),
        "reliability": measures.reliability(BINS),
        "reading": annotated.reading(
            np.zeros((100, 300), np.uint8),
            1,
            [Digit(3, 0.97, (2, 0, 20, 30), some[3])],
            [Digit(1, 0.2, (280, 70, 20, 30), some[1])],
        ),
    }


def test_nothing_is_cut_off(dataset: Dataset) -> None:
    cut = {name: inches_cut_off(figure) for name, figure in all_figures(dataset).items()}
    assert max(cut.values()) < 0.01, cut


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


@pytest.mark.parametrize(
    ("labels", "count", "expected"),
    [
        (np.repeat(np.arange(10), 50), 1, list(range(0, 500, 50))),
        (np.repeat(np.arange(10), 50), 2, [*range(0, 500, 50), *range(1, 500, 50)]),
        (np.array([3, 1, 3, 3]), 2, [1, 0, 2]),
    ],
)
def test_the_first_images_of_each_digit_are_chosen(labels: np.ndarray, count: int, expected: list[int]) -> None:
    assert galleries.of_each_digit(labels, count).tolist() == expected


def test_mistakes_are_drawn_most_confident_first(dataset: Dataset) -> None:
    probabilities = np.eye(10)[dataset.labels] * 0.9 + 0.01
    for index, probability in ((3, 0.6), (7, 0.8), (8, 0.9999)):
        probabilities[index] = 0
        probabilities[index, 0] = probability
    figure = galleries.mistakes(dataset.images, dataset.labels, probabilities, 2)
    assert titles(figure) == ["8 → 0\n> 99.9 %", "7 → 0\n80.0 %"]
    assert figure.get_suptitle().startswith("3 of 40 test images wrong, the 2 most confident\n")
    figure = galleries.mistakes(dataset.images, dataset.labels, probabilities, 3)
    assert figure.get_suptitle().startswith("3 of 40 test images wrong, the most confident first\n")


def test_the_confusion_matrix_counts_images(dataset: Dataset) -> None:
    predicted = dataset.labels.copy()
    predicted[:3] = 9
    figure = measures.confusion(dataset.labels, predicted)
    axes = figure.axes[0]
    assert titles(figure) == ["3 of 40 wrong"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert sum(int(text.get_text()) for text in axes.texts) == 40
    assert [text.get_position() for text in axes.texts if text.get_text() == "1"] == [(9, 0), (9, 1), (9, 2)]


def test_colours_mean_the_same_in_every_confusion_matrix() -> None:
    labels = np.repeat(np.arange(10), 100)
    good = labels.copy()
    good[0] = 1
    bad = good.copy()
    bad[900:990] = 4

    def colour(predicted: np.ndarray, true: int, digit: int) -> list[float]:
        image = measures.confusion(labels, predicted).axes[0].images[1]
        return list(image.to_rgba(image.get_array())[true, digit])  # type: ignore[arg-type, index]

    assert colour(good, 0, 1) == colour(bad, 0, 1)
    assert colour(bad, 9, 4) != colour(bad, 0, 1)


def ticks(axis: Axis) -> list[str]:
    """Return the labels of the visible ticks."""
    low, high = sorted(axis.get_view_interval())
    places, labels = axis.get_ticklocs(), axis.get_ticklabels()
    return [label.get_text() for place, label in zip(places, labels, strict=True) if low <= place <= high]


@pytest.mark.parametrize(
    ("rows", "loss", "error"),
    [
        (EPOCHS, ["0.4", "0.6", "0.8", "1"], ["0.5 %", "1 %", "2 %", "5 %", "10 %"]),
        ([*EPOCHS, PERFECT], ["0", "0.0001", "0.001", "0.01"], ["0 %", "0.01 %", "0.1 %", "1 %", "10 %"]),
        (EPOCHS[:1], ["0.4", "0.6", "0.8", "1"], ["1 %", "2 %", "5 %", "10 %"]),
    ],
)
def test_curves_have_plain_ticks_and_show_every_point(
    rows: list[dict[str, float]], loss: list[str], error: list[str]
) -> None:
    figure = curves.curves(rows)
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    for axes, expected in zip(figure.axes, (loss, error), strict=True):
        assert ticks(axes.yaxis)[: len(expected)] == expected
        low, high = axes.get_ylim()
        drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
        assert len(drawn) == 2 * len(rows)
        assert low < drawn.min() <= drawn.max() < high


@pytest.mark.parametrize(
    ("figure", "rows", "place"),
    [(measures.reliability(BINS), BINS, "confidence"), (measures.accuracy_by_digit(DIGITS), DIGITS, "digit")],
)
def test_each_accuracy_has_its_interval(figure: Figure, rows: list[dict[str, float]], place: str) -> None:
    (drawn,) = (each for each in figure.axes[0].collections if isinstance(each, LineCollection))
    expected = [[[row[place], row["accuracy_low"]], [row[place], row["accuracy_high"]]] for row in rows]
    np.testing.assert_allclose(drawn.get_segments(), expected)


def test_the_reliability_diagram_shows_the_images_of_each_bin() -> None:
    figure = measures.reliability(BINS)
    (counts,) = figure.axes[0].child_axes
    assert [label.get_text() for label in counts.get_xticklabels()] == ["3", "9,000"]


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        basics.save(measures.reliability(BINS), tmp_path / name, 60)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("count", [0, 1])
def test_what_was_rejected_has_a_pale_dashed_box_without_a_label(dataset: Dataset, count: int) -> None:
    read, rejected = (Digit(digit, 0.97, (10 * digit, 20, 30, 40), dataset.images[digit]) for digit in (3, 7))
    axes = annotated.reading(np.zeros((100, 300), np.uint8), 2, [read][:count], [rejected]).axes[0]
    dashed, *whole = (each for each in axes.patches if isinstance(each, Rectangle))
    assert (dashed.get_xy(), dashed.get_width(), dashed.get_height()) == ((35, 10), 15, 20)
    assert dashed.get_linestyle() == "--"
    assert (dashed.get_alpha() or 1) < 1
    assert [each.get_xy() for each in whole] == [(15, 10)][:count]
    assert [each.get_text() for each in axes.texts] == ["3"][:count]


@pytest.mark.parametrize(("parameters", "total"), [(20, "20 in total"), (1234567, "1,234,567 in total")])
def test_the_network_figure_shows_the_total_number_of_parameters(parameters: int, total: str) -> None:
    figure = architecture.layers([{**LAYERS[0], "parameters": parameters}, LAYERS[1]])
    assert figure.axes[0].texts[-1].get_text() == total


def test_the_network_figure_shows_the_details_of_each_layer() -> None:
    assert "3×3, stride 2, relu" in [text.get_text() for text in architecture.layers(LAYERS).axes[0].texts]
