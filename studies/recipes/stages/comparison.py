"""A comparison of recipes: a page and a figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from pydantic import Field

from digits.core import params
from digits.core.errors import InputError
from digits.core.params import Section
from digits.report.basics import BLUE, ORANGE, logarithmic

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


def load_articles(path: Path) -> list[Article]:
    """Read a YAML list of articles. Raises InputError if it is not one."""
    return params.check(params.read(path), path, list[Article])


class Result(NamedTuple):
    """The results of a recipe.

    ``article`` counts from 1, 0 for none; accuracies are 0 to 1; ``trained`` and ``validated`` are numbers of images;
    ``seconds``, ``images_per_second`` and ``machine`` are None if the training came from the cache.
    """

    name: str
    article: int
    claim: Claim
    dataset: str
    parameters: int
    epochs: int
    trained: int
    validated: int
    seconds: float | None
    images_per_second: float | None
    machine: str | None
    images: int
    errors: int
    loss: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


HEAD = """\
# The systems of five articles, compared

Written by `dvc --cd studies/recipes repro`; do not edit. Each article's systems are reproduced with its network,
optimiser, batch size, number of epochs and augmentation, as far as it states them. All are trained on {trained:,}
images of {dataset}, validated on {validated:,} others, and tested once, on {images:,} images. Seconds cover all epochs,
including validation{machine}; loss, errors and accuracy are on the test set. Recipes without an article are
ours; `default` is the root's params.yaml.

![Test error and training time of each recipe](comparison.png)

| recipe | article | parameters | epochs | seconds | images/s | loss | errors | accuracy (95 % interval) \
| fewer errors than {baseline} | the article claims | confirmed |
|---|--:|--:|--:|--:|--:|--:|--:|---|--:|---|---|
"""

TAIL = """
"Confirmed" refers to the accuracy alone: it is "yes" if the article's accuracy lies within our 95 % interval or, if the
article gives a lower bound, below the interval's upper end; otherwise it says on which side ours is.

"""


def page(results: Sequence[Result], articles: Sequence[Article], baseline: str) -> str:
    """Return a Markdown page with ``results``. Raises InputError if none of them is named ``baseline``."""
    base = next((result for result in results if result.name == baseline), None)
    if base is None:
        raise InputError(f"no recipe {baseline!r}, which is the baseline of the comparison")
    machines = sorted({result.machine for result in results if result.machine})
    head = HEAD.format(
        **base._asdict() | {"baseline": baseline, "machine": f", on {' or '.join(machines)}" if machines else ""}
    )
    titles = "".join(
        f"{number}. {article.title}{'. ' + article.note if article.note else ''}\n"
        for number, article in enumerate(articles, start=1)
    )
    return head + "".join(_row(result, base) for result in results) + TAIL + titles


def _row(result: Result, base: Result) -> str:
    claim = result.claim.accuracy
    said = [] if claim is None else [f"{'> ' if result.claim.at_least else ''}{claim:.2%}"]
    said += [result.claim.besides] if result.claim.besides else []
    cells = (
        result.name,
        f"{result.article}" if result.article else "",
        f"{result.parameters:,}",
        f"{result.epochs}",
        "–" if result.seconds is None else f"{result.seconds:.0f}",
        "–" if result.images_per_second is None else f"{result.images_per_second:,.0f}",
        f"{result.loss:.3f}",
        f"{result.errors}",
        f"{result.accuracy:.2%} ({result.accuracy_low:.2%} to {result.accuracy_high:.2%})",
        "" if result is base or not base.errors else f"{1 - result.errors / base.errors:.0%}",
        ", ".join(said),
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
        if result.seconds is not None:
            time.plot(result.seconds, place, "o", color=colour)
    error.set_yticks(range(len(ranked)), [f"{result.name}  {100 * (1 - result.accuracy):.2f} %" for result in ranked])
    logarithmic(error.xaxis, as_percent=True)
    error.set(title="Error on the test set", xlabel="misclassified images")
    time.set(title="Training time", xlabel="seconds", xscale="log")
    told = ["not measured" if result.seconds is None else f"{result.seconds:,.0f} s" for result in ranked]
    time.secondary_yaxis("right").set_yticks(range(len(ranked)), told)
    time.xaxis.set_major_locator(FixedLocator([1, 10, 100, 1000, 10000]))
    time.xaxis.set_minor_locator(NullLocator())
    time.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
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
