"""Several models that read together: the mean of their probabilities."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digits.model.metrics import Labels, Probabilities


def growth(labels: Labels, members: Sequence[Probabilities]) -> list[dict[str, float]]:
    """Return, for each size from 1 to all of ``members``, the errors of the ensembles of that size: the mean, the least
    and the most of every choice of members. There are 2^N of them: N should be a dozen at the most.

    labels: (N,); each member's probabilities: (N, 10).
    """
    rows = []
    for size in range(1, len(members) + 1):
        errors = [
            int((np.sum(chosen, axis=0).argmax(axis=1) != labels).sum()) for chosen in combinations(members, size)
        ]
        rows.append({"members": size, "errors": float(np.mean(errors)), "least": min(errors), "most": max(errors)})
    return rows


def figure(rows: Sequence[dict[str, float]], images: int) -> Figure:
    """Draw what ``growth`` returned for a set of so many ``images``."""
    drawn = Figure(figsize=(7, 4.5), layout="constrained")
    axes = drawn.subplots()
    sizes = [row["members"] for row in rows]
    least, mean, most = ([row[column] for row in rows] for column in ("least", "errors", "most"))
    axes.fill_between(sizes, least, most, alpha=0.2, label="least to most")
    axes.plot(sizes, mean, "o-", label="mean of every choice of members")
    axes.set(xlabel="models that read together", ylabel=f"errors in {images:,} test pictures", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    return drawn
