"""Draw what each parameter of the search did."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from digits.core import params
from digits.core.errors import run_main
from digits.core.files import read_table
from digits.report.basics import BLUE, ORANGE, logarithmic, plain, save
from studies.stages import trials
from studies.stages.entries import FILE
from studies.stages.trials import Domain

COLUMNS = 3
STYLES: dict[str, dict[str, Any]] = {
    "stopped": {"color": "#999999", "marker": "x", "label": "stopped early"},
    "ended": {"color": BLUE, "marker": "o", "label": "trained to the end"},
    "start": {"color": "black", "marker": "D", "markerfacecolor": "none", "markersize": 10, "label": "where it starts"},
    "best": {"color": ORANGE, "marker": "*", "markersize": 14, "label": "best"},
}


def main() -> None:
    search, folder = trials.load(), FILE.parent / "search"
    kinds = {path: str if "choice" in domain else float for path, domain in search.space.items()}
    columns = {"outcome": str, search.judge: lambda text: float(text or "nan"), **kinds}
    rows = read_table(folder / "trials.tsv", "search", columns)
    save(panels(rows, search.space, search.judge), folder / "search.png", params.load().plot.dpi)


def panels(rows: Sequence[Mapping[str, Any]], space: Mapping[str, Domain], judge: str) -> Figure:
    """Draw a panel for each parameter of ``space``: the last loss or error of all trials by its value.

    rows: one per trial, where the search starts first, with its values, those of a choice as text, ``outcome`` and what
    is the ``judge``, loss or accuracy
    """
    lines = -(-len(space) // COLUMNS)
    figure = Figure(figsize=(11, 3.1 * lines + 0.9), layout="constrained")
    places = figure.subplots(lines, min(len(space), COLUMNS), sharey=True, squeeze=False)
    groups = {name: [row for row in rows if row["outcome"] == name] for name in STYLES} | {"start": rows[:1]}
    for axes, (path, domain) in zip(places.ravel(), space.items(), strict=False):
        choices = [str(choice) for choice in domain.get("choice", [])]
        for name, style in STYLES.items():
            across = [choices.index(row[path]) if choices else row[path] for row in groups[name]]
            up = [row[judge] if judge == "loss" else 1 - row[judge] for row in groups[name]]
            axes.plot(across, up, linestyle="", alpha=0.8, **style)
        parents, _, last = path.rpartition(".")
        axes.set_title(parents, fontsize=8)
        axes.set_xlabel(last)
        axes.grid(alpha=0.3)
        if choices:
            axes.set_xticks(range(len(choices)), choices)
            axes.set_xlim(-0.5, len(choices) - 0.5)
        elif "loguniform" in domain:
            low, high = map(float, domain["loguniform"])
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low <= 100 else (1,)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(lambda value, _: plain(value))
    for axes in places.ravel()[len(space) :]:
        axes.axis("off")
    for axes in places[:, 0]:
        logarithmic(axes.yaxis, as_percent=judge == "accuracy")
        axes.set_ylabel("loss" if judge == "loss" else "misclassified images")
    handles = [Line2D([], [], linestyle="", **style) for style in STYLES.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


if __name__ == "__main__":
    run_main(main)
