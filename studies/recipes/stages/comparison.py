"""Systems beside each other: a table and a figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, ScalarFormatter
from pydantic import Field

from digits.core import params
from digits.core.errors import InputError
from digits.core.params import Section


class Claim(Section):
    """What an article says of a system: its accuracy on the test set, exactly or at least, if it says any; and more,
    in its words."""

    accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    at_least: bool = False
    besides: str = ""


class Article(Section):
    """An article, its systems by the name of the recipe, and where ours must differ from it."""

    title: str
    recipes: dict[str, Claim]
    note: str = ""


def load_articles(path: Path) -> list[Article]:
    """Read a YAML list of articles. Raises InputError where it is none."""
    return params.check(params.read(path), path, list[Article])


class Result(NamedTuple):
    """What is known of a trained system. ``article`` counts from 1, 0 for none; the accuracies are 0 to 1; ``trained``
    and ``validated`` are numbers of pictures; what is known of the training's time is None where it came from the
    cache."""

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

Written by `dvc repro studies/recipes/dvc.yaml`; do not edit. Those of an article have its network, optimiser, batch
size, epochs and augmentation, as far as it tells them; all have our protocol: trained on {trained:,} pictures
of {dataset}, while {validated:,} others were held out for validation, and tested once, on {images:,}. The seconds are
those of the epochs, validation included{machine}; loss, errors and accuracy are those of the test. The systems without
an article are ours; the last one is that of the root's params.yaml.

![Accuracy over training time](comparison.png)

| recipe | article | parameters | epochs | seconds | pictures/s | loss | errors | accuracy (95 % interval) \
| fewer errors than {baseline} | the article says | holds |
|---|--:|--:|--:|--:|--:|--:|--:|---|--:|---|---|
"""

TAIL = """
"Holds" says whether the article's accuracy, which alone is judged, lies within the 95 % interval of ours or, where it
says "over", below it; and if it does not, where ours lies.

"""


def page(results: Sequence[Result], articles: Sequence[Article], baseline: str) -> str:
    """Return a Markdown page on ``results``. Raises InputError where none is named ``baseline``."""
    base = next((result for result in results if result.name == baseline), None)
    if base is None:
        raise InputError(f"no recipe {baseline!r}, which the errors of the others are compared with")
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
        holds(result),
    )
    return f"| {' | '.join(cells)} |\n"


def holds(result: Result) -> str:
    """Return whether the claim, if there is one and it is of this dataset, agrees with what was measured."""
    claim = result.claim.accuracy
    if claim is None or result.dataset != "mnist":
        return ""
    if claim > result.accuracy_high:
        return "ours is lower"
    if claim < result.accuracy_low and not result.claim.at_least:
        return "ours is higher"
    return "yes"


def figure(results: Sequence[Result]) -> Figure:
    """Draw the accuracy over the training time of those whose time is known, each with its 95 % interval and name."""
    timed = [(result, result.seconds) for result in results if result.seconds is not None]
    drawn = Figure(figsize=(10, 7))
    axes = drawn.add_axes((0.09, 0.09, 0.65, 0.86))
    axes.set(
        xlabel="seconds of training",
        ylabel="accuracy on the test set, and its 95 % interval",
        xscale="log",
        yscale="logit",
    )
    for result, seconds in timed:
        # The scale has no place for an accuracy of one.
        top = 1 - 0.5 / result.images
        interval = [result.accuracy_low, min(result.accuracy_high, top)]
        axes.plot([seconds] * 2, interval, color=_colour(result), alpha=0.3, linewidth=4)
        axes.plot(seconds, min(result.accuracy, top), "o", color=_colour(result))
    axes.yaxis.set_major_locator(FixedLocator([0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([3, 10, 30, 100, 300, 1000, 3000, 10000]))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    # The names stand in a column at the right, evenly spaced, in the order of the accuracies: none can overlap. A line
    # leads from each to its point.
    ranked = sorted(timed, key=lambda pair: (pair[0].accuracy, -pair[1]))
    for rank, (result, seconds) in enumerate(ranked):
        axes.annotate(
            f"{result.name}  {result.accuracy:.2%}",
            (seconds, min(result.accuracy, 1 - 0.5 / result.images)),
            (1.06, (rank + 0.5) / len(ranked)),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            color=_colour(result),
            arrowprops={
                "arrowstyle": "-", "color": "#bbbbbb", "linewidth": 0.7, "shrinkA": 3, "shrinkB": 4, "relpos": (0, 0.5)
            },
        )  # fmt: skip
    return drawn


def _colour(result: Result) -> str:
    return "tab:blue" if result.article else "tab:red"
