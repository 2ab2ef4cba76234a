"""Compare the recipes: a page with a table, a figure, and their learning curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from pydantic import Field

from digits.core import params
from digits.core.errors import InputError, run_main
from digits.core.files import read_json, read_table, write_table, write_text
from digits.core.params import Section
from digits.report import basics
from digits.report.basics import BLUE, ORANGE, logarithmic
from studies.stages import entries
from studies.stages.entries import FILE, RUNS

# The recipe that the others' errors are compared with, and the seed that is the root's params.yaml.
BASELINE, DEFAULT = "dense", "seed-0"
# How a claim is drawn.
CLAIM: dict[str, Any] = {"color": "black", "markerfacecolor": "none", "markersize": 9}


class Claim(Section):
    """What an article claims for a system: its test accuracy, exact or a lower bound, if it gives one; and other claims
    in its own words."""

    accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    at_least: bool = False
    besides: str = ""


class Article(Section):
    """An article, the claims for its systems by the name of our recipe, and a note on differences."""

    title: str
    recipes: dict[str, Claim]
    note: str = ""


class Result(NamedTuple):
    """The results of a recipe.

    ``article`` counts from 1, 0 for none; accuracies are 0 to 1; ``trained``, ``validated`` and ``images`` are numbers
    of images to train on, to validate and to test.
    """

    name: str
    article: int
    claim: Claim
    dataset: str
    parameters: int
    epochs: int
    trained: int
    validated: int
    seconds: float
    images_per_second: float
    machine: str
    images: int
    errors: int
    loss: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


HEAD = """\
# The systems of five articles, compared

Written by `dvc --cd studies repro recipes`; do not edit. Each article's systems are reproduced with its network,
optimiser, batch size, number of epochs and augmentation, as far as it states them. All are trained on {trained:,}
images of {dataset}, validated on {validated:,} others, and tested once, on {images:,} images. Seconds cover all epochs,
including validation, on {machines}; loss, errors and accuracy are on the test set. Recipes without an article are
ours; `default` is the root's params.yaml.

![Test error against training time, and the default with other numbers of epochs](tradeoff.png)

![Test error and training time of each recipe](comparison.png)

| recipe | article | parameters | epochs | seconds | images/s | loss | errors | accuracy (95 % interval) \
| fewer errors than {baseline} | the article claims | confirmed |
|---|--:|--:|--:|--:|--:|--:|--:|---|--:|---|---|
"""

TAIL = """
"Confirmed" refers to the accuracy alone: it is "yes" if the article's accuracy lies within our 95 % interval or, if the
article gives a lower bound, below the interval's upper end; otherwise it says on which side ours is.

"""


def main() -> None:
    folder, path = FILE.parent / "recipes", FILE.parent / "recipes" / "articles.yaml"
    articles = params.check(params.read(path), path, list[Article])
    claims = {
        name: (number, claim)
        for number, article in enumerate(articles, start=1)
        for name, claim in article.recipes.items()
    }
    groups = entries.groups()
    names = sorted(groups["recipes"], key=lambda name: name not in claims)
    results = [result(name, *claims.get(name, (0, Claim())), RUNS / "recipes" / name) for name in names]
    results.append(result("default", 0, Claim(), RUNS / "seeds" / DEFAULT))
    lengths = [result(name, 0, Claim(), RUNS / "lengths" / name) for name in groups["lengths"]]
    write_text(folder / "README.md", page(results, articles))
    dpi = params.load().plot.dpi
    basics.save(figure(results), folder / "comparison.png", dpi)
    basics.save(tradeoff(results[:-1], [*lengths, results[-1]]), folder / "tradeoff.png", dpi)
    curves = {name: RUNS / "recipes" / name / "training.tsv" for name in names}
    write_table(
        folder / "curves.tsv",
        [
            {"recipe": name, "epoch": epoch, "accuracy": row["val_accuracy"]}
            for name, curve in curves.items()
            for epoch, row in enumerate(read_table(curve, "recipe", {"val_accuracy": float}), start=1)
        ],
    )


def result(name: str, article: int, claim: Claim, run: Path) -> Result:
    """Collect the results of the recipe in the folder ``run``."""
    training, test, timing = (read_json(run / f"{file}.json", "recipe-test") for file in ("training", "test", "timing"))
    return Result(
        name=name,
        article=article,
        claim=claim,
        trained=training["images"],
        validated=training["validation_images"],
        **{key: value for key, value in (training | test | timing).items() if key in Result._fields},
    )


def page(results: Sequence[Result], articles: Sequence[Article]) -> str:
    """Return a Markdown page with ``results``. Raises InputError if the baseline is not among them."""
    base = next((result for result in results if result.name == BASELINE), None)
    if base is None:
        raise InputError(f"{FILE}: recipes: no {BASELINE!r}, which the others are compared with")
    machines = " or ".join(sorted({result.machine for result in results}))
    head = HEAD.format(**base._asdict(), baseline=BASELINE, machines=machines)
    titles = "".join(
        f"{number}. {article.title}{'. ' + article.note if article.note else ''}\n"
        for number, article in enumerate(articles, start=1)
    )
    return head + "".join(_row(result, base) for result in results) + TAIL + titles


def _row(result: Result, base: Result) -> str:
    claim = result.claim.accuracy
    claims = [] if claim is None else [f"{'> ' if result.claim.at_least else ''}{claim:.2%}"]
    claims += [result.claim.besides] if result.claim.besides else []
    cells = (
        result.name,
        f"{result.article}" if result.article else "",
        f"{result.parameters:,}",
        f"{result.epochs}",
        f"{result.seconds:.0f}",
        f"{result.images_per_second:,.0f}",
        f"{result.loss:.3f}",
        f"{result.errors}",
        f"{result.accuracy:.2%} ({result.accuracy_low:.2%} to {result.accuracy_high:.2%})",
        "" if result is base or not base.errors else f"{1 - result.errors / base.errors:.0%}",
        ", ".join(claims),
        confirmed(result),
    )
    return f"| {' | '.join(cells)} |\n"


def confirmed(result: Result) -> str:
    """Return whether the claim, if there is one for this dataset, agrees with what was measured."""
    claim = result.claim.accuracy
    if claim is None or result.dataset != "mnist":
        return ""
    if claim > result.accuracy_high:
        return "ours is lower"
    if claim < result.accuracy_low and not result.claim.at_least:
        return "ours is higher"
    return "yes"


def figure(results: Sequence[Result]) -> Figure:
    """Draw each result's test error with its 95 % interval, the least at the top, and beside it its training time."""
    ranked = sorted(results, key=lambda result: result.accuracy)
    drawn = Figure(figsize=(10, 0.33 * len(ranked) + 1.8), layout="constrained")
    error, time = drawn.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    for place, result in enumerate(ranked):
        colour = BLUE if result.article else ORANGE
        error.hlines(place, 1 - result.accuracy_high, 1 - result.accuracy_low, color=colour, alpha=0.35, linewidth=7)
        error.plot(1 - result.accuracy, place, "o", color=colour)
        # What the articles report, they report of MNIST.
        if result.claim.accuracy is not None and result.dataset == "mnist":
            error.plot(1 - result.claim.accuracy, place, "<" if result.claim.at_least else "D", **CLAIM)
        time.plot(result.seconds, place, "o", color=colour)
    error.set_yticks(range(len(ranked)), [f"{result.name}  {100 * (1 - result.accuracy):.2f} %" for result in ranked])
    logarithmic(error.xaxis, as_percent=True)
    error.set(title="Error on the test set", xlabel="misclassified images")
    time.set(title="Training time", xlabel="seconds")
    _scale_seconds(time.xaxis)
    time.secondary_yaxis("right").set_yticks(range(len(ranked)), [f"{result.seconds:,.0f} s" for result in ranked])
    time.tick_params(axis="y", length=0)
    for axes in (error, time):
        axes.grid(alpha=0.3)
    drawn.legend(
        handles=[
            Line2D([], [], color=BLUE, marker="o", linestyle="", label="recipe of an article"),
            Line2D([], [], color=ORANGE, marker="o", linestyle="", label="our own"),
            Line2D([], [], color="grey", alpha=0.5, linewidth=7, label="95 % interval"),
            Line2D([], [], marker="D", linestyle="", label="reported by the article", **CLAIM),
            Line2D([], [], marker="<", linestyle="", label="reported upper limit", **CLAIM),
        ],
        loc="outside lower center",
        ncols=5,
    )
    return drawn


def tradeoff(results: Sequence[Result], curve: Sequence[Result]) -> Figure:
    """Draw the test error of ``results`` against their training time, and of ``curve``, the default with several
    numbers of epochs, as a line."""
    drawn = Figure(figsize=(8, 5), layout="constrained")
    axes = drawn.subplots()
    ordered = sorted(curve, key=lambda result: result.epochs)
    axes.plot(*_points(ordered), "o-", color=ORANGE, label="the default, with its number of epochs")
    for result in ordered:
        axes.annotate(f"{result.epochs} epochs", _point(result), (4, 6), textcoords="offset points", fontsize=8)
    for reproduced, colour, label in ((True, BLUE, "recipe of an article"), (False, ORANGE, "our own")):
        chosen = [result for result in results if bool(result.article) == reproduced]
        axes.plot(*_points(chosen), "o", color=colour, markerfacecolor="none", label=label)
        for result in chosen:
            axes.annotate(result.name, _point(result), (4, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel="seconds to train", ylabel="misclassified test images")
    # Room for the names.
    axes.margins(x=0.12)
    _scale_seconds(axes.xaxis)
    logarithmic(axes.yaxis, as_percent=True)
    axes.grid(alpha=0.3)
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


def _scale_seconds(axis: XAxis) -> None:
    axis.axes.set_xscale("log")
    axis.set_major_locator(FixedLocator([1, 10, 100, 1000, 10000]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _point(result: Result) -> tuple[float, float]:
    return result.seconds, 1 - result.accuracy


def _points(results: Sequence[Result]) -> tuple[list[float], list[float]]:
    return [result.seconds for result in results], [1 - result.accuracy for result in results]


if __name__ == "__main__":
    run_main(main)
