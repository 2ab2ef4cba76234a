import string
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from digits.core.store import Dataset
from digits.model import metrics
from digits.report import annotated, architecture, basics, curves, galleries, measures

EPOCHS = [
    {"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 0.1 / epoch**3, "val_loss": 0.4, "val_accuracy": 0.99}
    for epoch in (1, 2, 3)
]
PERFECT = {"epoch": 4, "loss": 1e-6, "accuracy": 1.0, "val_loss": 0.1, "val_accuracy": 1.0}
LAYERS = [
    {"layer": "Conv2D", "details": "3×3, stride 2, relu", "output": "13×13×2", "parameters": 1_234_567},
    {"layer": "New", "details": "", "output": "10", "parameters": 0},
]
TEN = tuple("0123456789")
CLASSES = [
    {"class": name, "errors": 10, "accuracy": 1 - number / 100, "accuracy_low": 0.9, "accuracy_high": 1.0}
    for number, name in enumerate(TEN)
]
LONG = tuple(
    f"a {word} number {number}" for number in range(8) for word in ("plain", "MAGNIFICENT", "$x_y$", "l", "を")
)
BINS = [
    {"images": 3, "confidence": 0.4, "accuracy": 0.3, "accuracy_low": 0.05, "accuracy_high": 0.8},
    {"images": 9000, "confidence": 0.999, "accuracy": 1.0, "accuracy_low": 0.99, "accuracy_high": 1.0},
]


class Digit(NamedTuple):
    name: str
    probability: float
    box: tuple[int, int, int, int]
    image: basics.Images


def draw(figure: Figure) -> FigureCanvasAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return canvas


def inches_cut_off(figure: Figure) -> float:
    """Draw ``figure`` and return how far its contents extend beyond its edges, in inches."""
    box = figure.get_tightbbox(draw(figure).get_renderer())  # type: ignore[no-untyped-call]
    width, height = figure.get_size_inches()
    return float(max(-box.x0, -box.y0, box.x1 - width, box.y1 - height))


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def figures_of(classes: Sequence[str], images: int = 3) -> dict[str, Figure]:
    """Return the figures that show ``classes``, of which each has this number of ``images``, and is once taken for the
    next one."""
    count = len(classes)
    labels = np.tile(np.arange(count), images)
    predicted = np.concatenate([np.roll(labels[:count], -1), labels[count:]])
    probabilities = np.full((len(labels), count), 0.1 / count)
    probabilities[np.arange(len(labels)), predicted] = 0.9
    shown = galleries.of_each_class(labels, count)
    drawn = np.zeros((len(labels), 28, 28), np.uint8)
    return {
        "examples": galleries.examples(drawn[shown], labels[shown], classes),
        "predictions": galleries.predictions(drawn[shown], labels[shown], probabilities[shown], classes),
        "mistakes": galleries.mistakes(drawn, labels, probabilities, 10, classes),
        "confusion": measures.confusion(labels, predicted, classes, range(min(count, 30))),
        "accuracy by class": measures.accuracy_by_class(metrics.by_class(probabilities, labels, classes)),
        "reading": annotated.reading(drawn[0], 1, [Digit(classes[0], 0.97, (2, 5, 20, 20), drawn[0])]),
    }


def test_nothing_is_cut_off(dataset: Dataset) -> None:
    images, labels = dataset.images[:10], dataset.labels[:10]
    figures = [
        galleries.examples(images[:1], labels[:1], TEN),
        galleries.augmentation(images, images[::-1]),
        galleries.mistakes(images, labels, np.eye(10)[labels], 25, TEN),
        curves.curves(EPOCHS[:1]),
        architecture.layers(LAYERS),
        measures.reliability(BINS),
        *figures_of(TEN).values(),
    ]
    assert max(map(inches_cut_off, figures)) < 0.01


@pytest.mark.parametrize("classes", [tuple(string.ascii_uppercase), LONG], ids=["26 letters", "40 long names"])
def test_names_are_neither_cut_off_nor_do_they_overlap(classes: tuple[str, ...]) -> None:
    for name, figure in figures_of(classes).items():
        assert inches_cut_off(figure) < 0.01, name
        captions: list[Text] = [axes.title for axes in figure.axes if axes.images and name != "confusion"]
        ticks = [label for axes in figure.axes for label in axes.get_xticklabels() if label.get_text()]
        boxes = sorted(
            (text.get_window_extent() for text in captions or ticks), key=lambda box: (round(box.y0), box.x0)
        )
        beside = [(one, other) for one, other in pairwise(boxes) if one.y0 < other.y1 and other.y0 < one.y1]
        assert all(one.x1 <= other.x0 + 1 for one, other in beside if one.x0 < other.x0), name


def test_the_titles_tell_which_of_a_thousand_classes_are_shown() -> None:
    figures = figures_of([f"class {number}" for number in range(1000)])
    assert figures["examples"].get_suptitle() == "Training images of 100 of 1,000 classes under their labels"
    assert figures["predictions"].get_suptitle().startswith("Test images of 100 of 1,000 classes: ")
    (lowest,) = titles(figures["accuracy by class"])
    assert lowest.startswith("The 30 of 1,000 classes with the lowest accuracy")
    assert titles(figures["confusion"]) == [
        "1,000 of 3,000 wrong\nthe 30 of 1,000 classes that are confused most often"
    ]
    for name in ("confusion", "accuracy by class"):
        assert len(figures[name].axes[0].get_xticks()) == 30
    assert max(*(side for figure in figures.values() for side in figure.get_size_inches())) < 20


def test_the_classes_with_the_lowest_accuracy_are_shown() -> None:
    rows = [{**CLASSES[0], "class": f"c{number}", "accuracy": number / 100} for number in range(99, -1, -1)]
    ticks = measures.accuracy_by_class(rows).axes[0].get_xticklabels()
    assert [label.get_text() for label in ticks] == [f"c{number}: 10 errors" for number in range(30)]


def test_a_name_is_drawn_with_every_font_and_never_as_a_formula(caplog: pytest.LogCaptureFixture) -> None:
    # Formulas, and what Matplotlib would fail to parse as one.
    names = ("$x$", "$\\frac{1}$", "a_b^2", "$5 or $6", "\\$", "日本")
    for figure in figures_of(names).values():
        draw(figure)
        texts = [
            text
            for text in figure.findobj(Text)
            if isinstance(text, Text) and any(basics.readable(name) in text.get_text() for name in names)
        ]
        assert texts
        assert not any(text.get_parse_math() for text in texts)
        assert all(text.get_fontfamily() == basics.FONTS for text in texts)
    # Matplotlib would warn of fonts that are missing.
    assert caplog.text == ""


def test_a_name_that_no_font_can_draw_is_shown_as_code_points_without_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(basics, "FONTS", ["DejaVu Sans"])
    monkeypatch.setitem(basics.NAMED, "family", ["DejaVu Sans"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = figures_of(("お", "日本", "7"))["examples"]
        draw(figure)
    assert titles(figure) == ["U+304A", "U+65E5…+672C", "7"]
    # Without a check mark, and with one.
    for fonts, shown in ((["cmr10"], "A U+2713"), (["cmr10", "DejaVu Sans"], "A ✓")):
        monkeypatch.setattr(basics, "FONTS", fonts)
        assert basics.readable("A ✓") == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("class 11", "class 11"), ("class 1000011", "class…00011"), ("a  b", "a b")]
)
def test_a_long_name_loses_its_middle(name: str, shown: str) -> None:
    assert basics.readable(name, 11) == shown


@pytest.mark.parametrize(
    ("labels", "count", "indices"),
    [
        (np.repeat(np.arange(10), 50), 2, [*range(0, 500, 50), *range(1, 500, 50)]),
        (np.array([3, 1, 3, 3]), 2, [1, 0, 2]),
        (np.repeat(np.arange(10), 50), 20, [50 * digit + row for row in range(10) for digit in range(10)]),
    ],
)
def test_the_first_images_of_each_class_are_chosen(labels: np.ndarray, count: int, indices: list[int]) -> None:
    assert galleries.of_each_class(labels, 10, count).tolist() == indices


def test_mistakes_are_drawn_most_confident_first(dataset: Dataset) -> None:
    probabilities = np.eye(10)[dataset.labels] * 0.9 + 0.01
    for index, probability in ((3, 0.6), (7, 0.8), (8, 0.9999)):
        probabilities[index] = 0
        probabilities[index, 0] = probability
    figure = galleries.mistakes(dataset.images, dataset.labels, probabilities, 2, TEN)
    assert titles(figure) == ["8 → 0\n> 99.9 %", "7 → 0\n80.0 %"]
    assert figure.get_suptitle().startswith("3 of 40 test images wrong, the 2 most confident\n")
    figure = galleries.mistakes(dataset.images, dataset.labels, probabilities, 3, TEN)
    assert figure.get_suptitle().startswith("3 of 40 test images wrong, the most confident first\n")


def test_the_confusion_matrix_counts_images(dataset: Dataset) -> None:
    predicted = dataset.labels.copy()
    predicted[:3] = 9
    figure = measures.confusion(dataset.labels, predicted, TEN, range(10))
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
        image = measures.confusion(labels, predicted, TEN, range(10)).axes[0].images[1]
        return list(image.to_rgba(image.get_array())[true, digit])  # type: ignore[arg-type, index]

    assert colour(good, 0, 1) == colour(bad, 0, 1)
    assert colour(bad, 9, 4) != colour(bad, 0, 1)


def visible_ticks(axis: Axis) -> list[str]:
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
    draw(figure)
    for axes, expected in zip(figure.axes, (loss, error), strict=True):
        assert visible_ticks(axes.yaxis)[: len(expected)] == expected
        low, high = axes.get_ylim()
        points = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
        assert len(points) == 2 * len(rows)
        assert low < points.min() <= points.max() < high


@pytest.mark.parametrize(
    ("figure", "rows", "places"),
    [
        (measures.reliability(BINS), BINS, [row["confidence"] for row in BINS]),
        (measures.accuracy_by_class(CLASSES), CLASSES, range(10)),
    ],
)
def test_each_accuracy_has_its_interval(figure: Figure, rows: list[dict[str, float]], places: Sequence[float]) -> None:
    (lines,) = (drawn for drawn in figure.axes[0].collections if isinstance(drawn, LineCollection))
    expected = [
        [[place, row["accuracy_low"]], [place, row["accuracy_high"]]] for place, row in zip(places, rows, strict=True)
    ]
    np.testing.assert_allclose(lines.get_segments(), expected)


def test_the_reliability_diagram_shows_the_images_of_each_bin() -> None:
    (counts,) = measures.reliability(BINS).axes[0].child_axes
    assert [label.get_text() for label in counts.get_xticklabels()] == ["3", "9,000"]


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        basics.save(measures.reliability(BINS), tmp_path / name, 60)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("count", [0, 1])
def test_what_was_rejected_has_a_pale_dashed_box_without_a_label(dataset: Dataset, count: int) -> None:
    read, rejected = (Digit(str(digit), 0.97, (10 * digit, 20, 30, 40), dataset.images[digit]) for digit in (3, 7))
    axes = annotated.reading(np.zeros((100, 300), np.uint8), 2, [read][:count], [rejected]).axes[0]
    dashed, *solid = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert (dashed.get_xy(), dashed.get_width(), dashed.get_height()) == ((35, 10), 15, 20)
    assert dashed.get_linestyle() == "--"
    assert (dashed.get_alpha() or 1) < 1
    assert [box.get_xy() for box in solid] == [(15, 10)][:count]
    assert [text.get_text() for text in axes.texts] == ["3"][:count]


def test_the_network_figure_shows_details_and_the_total_number_of_parameters() -> None:
    texts = [text.get_text() for text in architecture.layers(LAYERS).axes[0].texts]
    assert "3×3, stride 2, relu" in texts
    assert texts[-1] == "1,234,567 in total"
