"""Systems beside each other: a table and a figure."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, ScalarFormatter


class Result(NamedTuple):
    """What is known of a trained system; the accuracies, their 95 % interval and an article's claim are 0 to 1."""

    name: str
    dataset: str
    parameters: int
    epochs: int
    seconds: float
    images_per_second: float
    images: int
    errors: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    claim: float | None


HEAD = """\
# The systems of five articles, compared

Written by `dvc repro studies/recipes/dvc.yaml`; do not edit. Tested on {images:,} pictures of {dataset}. The seconds
are those of the epochs, on the machine that ran them. "Holds" says whether the article's figure lies within the 95 %
interval of ours. Against {baseline}: how many of its errors are gone.

![Accuracy over training time](comparison.png)

| recipe | parameters | epochs | seconds | pictures/s | errors | accuracy (95 % interval) | against {baseline} \
| the article | holds |
|---|--:|--:|--:|--:|--:|---|--:|--:|---|
"""


def page(results: Sequence[Result], baseline: str) -> str:
    """Return a Markdown page on ``results``, which hold one named ``baseline``."""
    base = next(result for result in results if result.name == baseline)
    head = HEAD.format(images=base.images, dataset=base.dataset, baseline=baseline)
    return head + "".join(_row(result, base) for result in results)


def _row(result: Result, base: Result) -> str:
    if result.claim is None:
        claim, holds = "", ""
    else:
        claim = f"{result.claim:.2%}"
        if result.accuracy_low <= result.claim <= result.accuracy_high:
            holds = "yes"
        else:
            holds = "ours is higher" if result.claim < result.accuracy_low else "ours is lower"
    reduction = "" if result is base or not base.errors else f"{1 - result.errors / base.errors:.0%}"
    cells = (
        result.name,
        f"{result.parameters:,}",
        f"{result.epochs}",
        f"{result.seconds:.0f}",
        f"{result.images_per_second:,.0f}",
        f"{result.errors}",
        f"{result.accuracy:.2%} ({result.accuracy_low:.2%} to {result.accuracy_high:.2%})",
        reduction,
        claim,
        holds,
    )
    return f"| {' | '.join(cells)} |\n"


def figure(results: Sequence[Result]) -> Figure:
    """Draw the accuracy over the training time, each with its 95 % interval, its name and a line that leads there."""
    drawn = Figure(figsize=(10, 7))
    axes = drawn.add_axes((0.09, 0.09, 0.65, 0.86))
    axes.set(xlabel="seconds of training", ylabel="accuracy on the test set", xscale="log", yscale="logit")
    for result in results:
        interval = [result.accuracy_low, result.accuracy_high]
        axes.plot([result.seconds] * 2, interval, color=_colour(result), alpha=0.3, linewidth=4)
        axes.plot(result.seconds, result.accuracy, "o", color=_colour(result))
    axes.yaxis.set_major_locator(FixedLocator([0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.grid(alpha=0.3)
    # The names stand in a column at the right, in the order of the accuracies and evenly spaced: none can overlap.
    ranked = sorted(results, key=lambda result: result.accuracy)
    for rank, result in enumerate(ranked):
        axes.annotate(
            f"{result.name}  {result.accuracy:.2%}",
            (result.seconds, result.accuracy),
            (1.06, (rank + 0.5) / len(ranked)),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            color=_colour(result),
            arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "linewidth": 0.7, "shrinkB": 4},
        )
    return drawn


def _colour(result: Result) -> str:
    return "tab:red" if result.name == "default" else "tab:blue"
