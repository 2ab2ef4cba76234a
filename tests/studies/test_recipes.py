"""The recipes agree with what the articles say about them; the page and the figure tell how they compare."""

import itertools
from pathlib import Path
from typing import Any

import keras
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from digits.core import params
from digits.core.errors import InputError
from digits.model import metrics, network
from studies.stages import recipes
from studies.stages.recipes import Article, Claim, Result
from tests.repository import ROOT

ENTRIES: dict[str, dict[str, Any]] = params.read(ROOT / "studies" / "params.yaml")
# Number of parameters, optimiser, batch size, epochs. Three of these numbers of parameters are in the articles.
TRAININGS = {
    "flyai": (887_530, "Adam", 32, 5),
    "tf-cnn": (215_370, "Adam", 32, 5),
    "tf-dnn": (101_770, "Adam", 32, 5),
    "keras-16-36": (232_590, "Adam", 256, 20),
    "keras-16-36-short": (232_590, "Adam", 256, 10),
    "keras-32-64": (421_642, "Adam", 256, 10),
    "keras-64-128": (878_730, "Adam", 256, 10),
    "keras-128-256": (1_903_498, "Adam", 256, 10),
    "keras-3-conv": (101_326, "Adam", 256, 10),
    "keras-1-conv": (402_986, "Adam", 256, 10),
    "kfold": (206_186, "RMSprop", 512, 60),
    "chollet": (93_322, "RMSprop", 64, 5),
    "dense": (407_050, "RMSprop", 64, 5),
    "quick": (29_594, "AdamW", 128, 2),
    "quickest": (29_658, "AdamW", 256, 1),
    "small": (48_986, "AdamW", 128, 16),
}


def build(name: str) -> keras.Model:
    return network.build(ENTRIES["recipes"][name]["train"]["network"])


@pytest.mark.parametrize("name", TRAININGS)
def test_a_recipe_has_its_number_of_parameters_optimizer_batch_size_and_epochs(name: str) -> None:
    train = ENTRIES["recipes"][name]["train"]
    (optimizer,) = train["optimizer"]
    assert (build(name).count_params(), optimizer, train["batch_size"], train["epochs"]) == TRAININGS[name]


def test_all_recipes_of_the_articles_come_first_and_only_flyai_is_augmented() -> None:
    articles = params.check(params.read(ROOT / "studies" / "recipes" / "articles.yaml"), Path(), list[Article])
    described = [name for article in articles for name in article.recipes]
    assert list(ENTRIES["recipes"]) == list(TRAININGS) == [*described, "quick", "quickest", "small"]
    deforming = ("rotation", "zoom", "shift", "shear", "elastic_alpha")
    strengths = {name: tuple(ENTRIES["recipes"][name]["augment"][key] for key in deforming) for name in described}
    assert strengths.pop("flyai") == (10, 0.1, 0.1, 0, 0)
    assert set(strengths.values()) == {(0, 0, 0, 0, 0)}


def test_the_convolutions_of_chollet_have_the_number_of_parameters_in_the_article() -> None:
    layers = network.list_layers(build("chollet"))
    assert sum(layer["parameters"] for layer in layers if layer["layer"] == "Conv2D") == 55_744


def result(
    name: str, errors: int, claim: float | None = None, *,
    seconds: float = 60, at_least: bool = False, dataset: str = "mnist", besides: str = "",
) -> Result:  # fmt: skip
    measured = metrics.accuracy(errors, 10_000)
    return Result(
        name=name,
        article=0 if name == "default" else 1,
        claim=Claim(accuracy=claim, at_least=at_least, besides=besides),
        dataset=dataset,
        parameters=93_322,
        epochs=5,
        trained=55_000,
        validated=5_000,
        seconds=seconds,
        images_per_second=275_000 / seconds,
        machine="2 cores",
        images=10_000,
        loss=0.0312,
        errors=errors,
        **{key: measured[key] for key in ("accuracy", "accuracy_low", "accuracy_high")},
    )


@pytest.mark.parametrize(
    ("measured", "holds"),
    [
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
    assert recipes.confirmed(measured) == holds


def test_the_page_has_a_row_for_each_recipe_and_the_titles_of_the_articles() -> None:
    results = [result("dense", 200, 0.98, at_least=True, besides="a low loss"), result("chollet", 100, 0.994)]
    page = recipes.page(results, [Article(title="A book", recipes={})])
    row = next(line for line in page.splitlines() if line.startswith("| chollet"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "chollet", "1", "93,322", "5", "60", "4,583", "0.031", "100", "99.00% (98.79% to 99.18%)", "50%", "99.40%",
        "ours is lower",
    ]  # fmt: skip
    assert "| > 98.00%, a low loss | yes |" in page
    assert "1. A book" in page
    text = " ".join(page.split())
    assert "on 55,000 images of mnist, validated on 5,000 others" in text
    assert "including validation, on 2 cores; loss" in text
    with pytest.raises(InputError, match="no 'dense'"):
        recipes.page(results[1:], [])


def test_the_figure_is_sorted_by_error_and_its_labels_neither_overlap_nor_are_cut_off() -> None:
    close = [result(f"keras-16-36-short-{number}", 80 + number % 3, 0.99, seconds=50 + number) for number in range(14)]
    figure = recipes.figure([result("worst", 90, 0.98, at_least=True), *close, result("default", 27, seconds=12_345)])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    error, time = figure.axes
    names = error.get_yticklabels()
    assert (names[0].get_text(), names[-1].get_text()) == ("worst  0.90 %", "default  0.27 %")
    times = time.child_axes[0].get_yticklabels()
    assert times[-1].get_text() == "12,345 s"
    low, high = error.get_xlim()
    ticks = [label for label in error.get_xticklabels() if low <= label.get_position()[0] <= high]
    for texts in (names, times, ticks):
        boxes = [Text.get_window_extent(text, renderer) for text in texts]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    box, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()  # type: ignore[no-untyped-call]
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -0.01
