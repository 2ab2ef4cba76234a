import itertools
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text

from digits.core import params
from digits.core.errors import InputError
from digits.core.files import write_json, write_table
from digits.model import metrics
from studies.recipes.stages import compare, comparison
from studies.recipes.stages.comparison import Article, Claim, Result
from tests.repository import PARAMS

SMALL = params.Params.model_validate(PARAMS)
RECIPES = dict.fromkeys(["quick", "dense", "chollet"], SMALL)
TRAINED = {"parameters": 10, "epochs": 2, "images": 45_000, "loss": 0.02, "validation": {"images": 5_000}}
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
def test_a_claim_holds_where_it_lies_within_the_interval(measured: Result, holds: str) -> None:
    assert comparison.holds(measured) == holds


def test_the_page_has_a_row_a_recipe_and_the_articles_titles() -> None:
    page = comparison.page([result("dense", 200), result("chollet", 100, 0.994, seconds=None)], ARTICLES, "dense")
    row = next(line for line in page.splitlines() if line.startswith("| chollet"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "chollet", "1", "93,322", "5", "–", "–", "0.031", "100", "99.00% (98.79% to 99.18%)", "50%", "99.40%",
        "ours is lower",
    ]  # fmt: skip
    assert "1. A book" in page
    text = " ".join(page.split())
    assert "on 55,000 pictures of mnist, while 5,000 others were held out" in text
    assert "of the epochs, validation included, on 2 cores; loss" in text


def test_what_an_article_says_besides_its_accuracy_is_told() -> None:
    boasting = result("dense", 200)._replace(claim=Claim(accuracy=0.98, at_least=True, besides="a low loss"))
    assert "| > 98.00%, a low loss | yes |" in comparison.page([boasting], ARTICLES, "dense")


def test_a_page_without_its_baseline_is_refused() -> None:
    with pytest.raises(InputError, match="no recipe 'dense'"):
        comparison.page([result("chollet", 100)], ARTICLES, "dense")


def test_names_in_the_figure_do_not_overlap_and_no_line_crosses_one() -> None:
    close = [result(f"keras-16-36-short-{number}", 80 + number % 3, seconds=50 + number) for number in range(14)]
    figure = comparison.figure([*close, result("untimed", 90, seconds=None)])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    names = [text for text in figure.axes[0].texts if isinstance(text, Annotation)]
    boxes = [Text.get_window_extent(name, renderer) for name in names]
    assert len(boxes) == 14
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert max(box.x1 for box in boxes) <= canvas.get_width_height()[0]
    # The lines lead to the left of the names' common edge.
    for name in names:
        assert name.arrow_patch is not None
        assert name.arrow_patch.get_window_extent(renderer).x1 <= min(box.x0 for box in boxes) + 1


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of two articles' recipes and one of ours, trained and measured; two of them came from the cache."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "study"
    for place, errors in (
        (tmp_path, 40), (folder / "runs" / "dense", 200), (folder / "runs" / "chollet", 100),
        (folder / "runs" / "quick", 70),
    ):  # fmt: skip
        write_json(place / "metrics" / "train.json", TRAINED)
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


def test_the_seconds_of_another_training_are_not_told(study: Path) -> None:
    path = study / "runs" / "dense" / "metrics" / "timing.json"
    for loss, told in ((0.02, "| 9 |"), (0.021, "| – |")):
        write_json(path, {**TIMING, "loss": loss})
        compare.main(SMALL, RECIPES, study)
        page = (study / "README.md").read_text(encoding="utf-8")
        assert told in next(line for line in page.splitlines() if line.startswith("| dense"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("runs/dense/metrics/test.json", "{}"),
        ("runs/dense/metrics/train.json", "[1]"),
        ("runs/dense/metrics/timing.json", "{"),
        ("articles.yaml", "{a: 1}"),
        ("articles.yaml", "- {title: A, recipes: {dense: {accuracy: 99}}}"),
        ("articles.yaml", "- {title: A, recipes: {other: {}}}"),
    ],
)
def test_a_damaged_file_is_one_line(study: Path, file: str, content: str) -> None:
    (study / file).write_text(content)
    with pytest.raises(InputError) as caught:
        compare.main(SMALL, RECIPES, study)
    assert "\n" not in str(caught.value)
