import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from digits.core import params
from digits.core.errors import InputError
from digits.core.files import write_json, write_table
from digits.model import metrics
from studies.recipes.stages import compare, comparison
from studies.recipes.stages.comparison import Article, Claim, Result
from tests.repository import PARAMS

SMALL = params.Params.model_validate(PARAMS)
RECIPES = dict.fromkeys(["quick", "dense", "chollet"], SMALL)
TRAINED = {"parameters": 10, "epochs": 2, "images": 45_000, "validation_images": 5_000, "loss": 0.02}
TIMING = {"loss": 0.02, "seconds": 9.0, "images_per_second": 1e4, "machine": "2 cores"}
ARTICLES = [Article(title="A book", recipes={"dense": Claim(), "chollet": Claim(accuracy=0.994)})]


def result(
    name: str, errors: int, claim: float | None = None, seconds: float | None = 60.0, *,
    at_least: bool = False, dataset: str = "mnist",
) -> Result:  # fmt: skip
    measured = metrics.accuracy(errors, 10_000)
    return Result(
        name=name,
        article=0 if name == "default" else 1,
        claim=Claim(accuracy=claim, at_least=at_least),
        dataset=dataset,
        parameters=93_322,
        epochs=5,
        trained=55_000,
        validated=5_000,
        seconds=seconds,
        images_per_second=seconds and 275_000 / seconds,
        machine="2 cores" if seconds else None,
        images=10_000,
        loss=0.0312,
        errors=errors,
        accuracy=measured["accuracy"],
        accuracy_low=measured["accuracy_low"],
        accuracy_high=measured["accuracy_high"],
    )


@pytest.mark.parametrize(
    ("measured", "holds"),
    [
        (result("a", 100, 0.990), "yes"),
        (result("a", 100, 0.9915), "yes"),
        (result("a", 100, 0.995), "ours is lower"),
        (result("a", 100, 0.98), "ours is higher"),
        (result("a", 100, 0.98, at_least=True), "yes"),
        (result("a", 100, 0.995, at_least=True), "ours is lower"),
        (result("a", 100), ""),
        (result("a", 100, 0.995, dataset="mnist-sample"), ""),
    ],
)
def test_a_claim_is_confirmed_if_it_lies_within_the_interval(measured: Result, holds: str) -> None:
    assert comparison.confirmed(measured) == holds


def test_the_page_has_one_row_per_recipe_and_the_titles_of_the_articles() -> None:
    page = comparison.page([result("dense", 200), result("chollet", 100, 0.994, seconds=None)], ARTICLES, "dense")
    row = next(line for line in page.splitlines() if line.startswith("| chollet"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "chollet", "1", "93,322", "5", "–", "–", "0.031", "100", "99.00% (98.79% to 99.18%)", "50%", "99.40%",
        "ours is lower",
    ]  # fmt: skip
    assert "1. A book" in page
    text = " ".join(page.split())
    assert "on 55,000 images of mnist, validated on 5,000 others" in text
    assert "cover all epochs, including validation, on 2 cores; loss" in text


def test_other_claims_of_an_article_are_shown() -> None:
    measured = result("dense", 200)._replace(claim=Claim(accuracy=0.98, at_least=True, besides="a low loss"))
    assert "| > 98.00%, a low loss | yes |" in comparison.page([measured], ARTICLES, "dense")


def test_a_page_without_the_baseline_is_rejected() -> None:
    with pytest.raises(InputError, match="no recipe 'dense'"):
        comparison.page([result("chollet", 100)], ARTICLES, "dense")


def test_the_figure_is_sorted_by_error_and_its_labels_neither_overlap_nor_are_cut_off() -> None:
    close = [result(f"keras-16-36-short-{number}", 80 + number % 3, 0.99, seconds=50 + number) for number in range(14)]
    perfect, unknown = result("perfect", 0), result("unknown", 90, 0.98, seconds=None, at_least=True)
    figure = comparison.figure([unknown, *close, perfect, result("default", 27, seconds=12_345)])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    error, time = figure.axes
    names = error.get_yticklabels()
    assert [name.get_text() for name in (names[-1], names[-2], names[0])] == [
        "perfect  0.00 %", "default  0.27 %", "unknown  0.90 %"
    ]  # fmt: skip
    times = time.child_axes[0].get_yticklabels()
    assert [label.get_text() for label in (times[-2], times[0])] == ["12,345 s", "not measured"]
    low, high = error.get_xlim()
    ticks = [label for label in error.get_xticklabels() if low <= label.get_position()[0] <= high]
    for texts in (names, times, ticks):
        boxes = [Text.get_window_extent(text, renderer) for text in texts]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    box, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()  # type: ignore[no-untyped-call]
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -0.01


def test_the_figure_shows_intervals_and_claims_for_mnist_only() -> None:
    measured = [result("a", 100, 0.99), result("b", 90, 0.98, at_least=True), result("c", 80)]
    error = comparison.figure(measured).axes[0]
    (ends, *_) = (collection.get_segments()[0] for collection in error.collections)  # type: ignore[attr-defined]
    low, high = measured[0].accuracy_low, measured[0].accuracy_high
    assert sorted(ends[:, 0]) == pytest.approx([1 - high, 1 - low])

    def claims(results: list[Result]) -> dict[object, float]:
        lines = comparison.figure(results).axes[0].lines
        return {line.get_marker(): float(np.ravel(line.get_xdata())[0]) for line in lines if line.get_marker() != "o"}

    assert claims(measured) == {"D": pytest.approx(0.01), "<": pytest.approx(0.02)}
    assert not claims([result("a", 100, 0.99, dataset="mnist-sample")])


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of an article's two recipes and one of ours, with their results; two of them came from the cache."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "study"
    for place, errors in (
        (tmp_path, 40), (folder / "runs" / "dense", 200), (folder / "runs" / "chollet", 100),
        (folder / "runs" / "quick", 70),
    ):  # fmt: skip
        write_json(place / "models" / "training.json", TRAINED)
        write_json(
            place / "metrics" / "test.json", {"dataset": "mnist", "loss": 0.03, **metrics.accuracy(errors, 10_000)}
        )
    write_json(folder / "runs" / "dense" / "metrics" / "timing.json", TIMING)
    for name, epochs in (("dense", 1), ("chollet", 2), ("quick", 1)):
        rows = [{"epoch": epoch, "val_accuracy": 0.9} for epoch in range(1, epochs + 1)]
        write_table(folder / "runs" / name / "plots" / "training.tsv", rows)
    (folder / "articles.yaml").write_text("- {title: A book, recipes: {dense: {}, chollet: {accuracy: 0.99}}}")
    return folder


def test_a_study_is_compared_with_the_default_recipe(study: Path) -> None:
    compare.main(SMALL, RECIPES, study)
    page = (study / "README.md").read_text(encoding="utf-8")
    assert [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")][1:] == [
        "dense", "chollet", "quick", "default"
    ]  # fmt: skip
    assert (study / "comparison.png").read_bytes().startswith(b"\x89PNG")
    curves = (study / "curves.tsv").read_text(encoding="utf-8").splitlines()
    assert curves == ["recipe\tepoch\taccuracy", "dense\t1\t0.9", "chollet\t1\t0.9", "chollet\t2\t0.9", "quick\t1\t0.9"]


def test_the_seconds_of_another_training_are_not_shown(study: Path) -> None:
    path = study / "runs" / "dense" / "metrics" / "timing.json"
    for loss, cell in ((0.02, "| 9 |"), (0.021, "| – |")):
        write_json(path, {**TIMING, "loss": loss})
        compare.main(SMALL, RECIPES, study)
        page = (study / "README.md").read_text(encoding="utf-8")
        assert cell in next(line for line in page.splitlines() if line.startswith("| dense"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("runs/dense/metrics/test.json", "{}"),
        ("runs/dense/models/training.json", "[1]"),
        ("runs/dense/metrics/timing.json", "{"),
        ("articles.yaml", "{a: 1}"),
        ("articles.yaml", "- {title: A, recipes: {dense: {accuracy: 99}}}"),
        ("articles.yaml", "- {title: A, recipes: {other: {}}}"),
    ],
)
def test_a_damaged_file_is_reported_in_one_line(study: Path, file: str, content: str) -> None:
    (study / file).write_text(content)
    with pytest.raises(InputError) as caught:
        compare.main(SMALL, RECIPES, study)
    assert "\n" not in str(caught.value)
