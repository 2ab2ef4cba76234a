"""How an ensemble improves with the number of its members."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digits.model.metrics import Labels, Probabilities
from digits.report.basics import BLUE


def growth(labels: Labels, members: Sequence[Probabilities]) -> list[dict[str, float]]:
    """Return the mean, the fewest and the most errors over all ensembles of each size, from 1 to all ``members``.

    labels: (N,); each member's probabilities: (N, 10). With M members there are 2^M ensembles: M should be at most 12.
    """
    rows = []
    for size in range(1, len(members) + 1):
        errors = [
            int((np.sum(chosen, axis=0).argmax(axis=1) != labels).sum()) for chosen in combinations(members, size)
        ]
        rows.append({"members": size, "errors": float(np.mean(errors)), "least": min(errors), "most": max(errors)})
    return rows


def figure(rows: Sequence[dict[str, float]], images: int) -> Figure:
    """Draw what ``growth`` returned for a test set with this number of ``images``."""
    drawn = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = drawn.subplots()
    sizes = [row["members"] for row in rows]
    least, mean, most = ([row[column] for row in rows] for column in ("least", "errors", "most"))
    axes.vlines(sizes, least, most, color=BLUE, alpha=0.35, linewidth=8, label="range over all choices of models")
    axes.plot(sizes, mean, "o", color=BLUE, label="mean over all choices of models")
    axes.set(xlabel="models whose probabilities are averaged", ylabel="errors", ylim=(0, None))
    axes.set_title(f"Errors of ensembles on {images:,} test images")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn
