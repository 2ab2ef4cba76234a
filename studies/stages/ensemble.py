"""Average the probabilities of the seeds' models, and draw how an ensemble improves with the number of its members."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digits.core import params, store
from digits.core.errors import InputError, run_main
from digits.core.files import write_json, write_table
from digits.model import metrics
from digits.model.metrics import Labels, Probabilities
from digits.report import basics
from studies.stages import entries
from studies.stages.entries import FILE, RUNS


def main() -> None:
    names, folder = list(entries.groups()["seeds"]), FILE.parent / "ensemble"
    if len(names) < 2:
        raise InputError(f"{FILE}: seeds: an ensemble needs two or more")
    paths = [RUNS / "seeds" / name / "predictions.npz" for name in names]
    test = store.load(paths[0], "seed-test")
    probabilities = [store.load_arrays(path, "seed-test", "probabilities")["probabilities"] for path in paths]
    members = {name: metrics.evaluate(member, test.labels) for name, member in zip(names, probabilities, strict=True)}
    together = metrics.evaluate(np.mean(probabilities, axis=0), test.labels)
    spread = metrics.spread([member["accuracy"] for member in members.values()])
    write_json(
        folder / "metrics.json",
        {
            "dataset": test.name,
            "members": len(names),
            **spread,
            "together": together,
            "member": members,
        },
    )
    rows = growth(test.labels, probabilities)
    write_table(folder / "growth.tsv", rows)
    basics.save(figure(rows, len(test.labels)), folder / "growth.png", params.load().plot.dpi)
    for name, member in members.items():
        print(f"{name}: {metrics.summary(member)}")
    print(f"{test.name}: {metrics.describe_spread(spread)} over {len(names)} members")
    print(f"{test.name}, all members together: {metrics.summary(together)}")


def growth(labels: Labels, members: Sequence[Probabilities]) -> list[dict[str, float]]:
    """Return the mean, the fewest and the most errors over all ensembles of each size, from 1 to all ``members``.

    labels: (N,); a member's probabilities: (N, classes). M members make 2^M ensembles: M should be at most 12.
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
    sizes, least, mean, most = ([row[column] for row in rows] for column in ("members", "least", "errors", "most"))
    axes.vlines(
        sizes, least, most, color=basics.BLUE, alpha=0.35, linewidth=8, label="range over all choices of models"
    )
    axes.plot(sizes, mean, "o", color=basics.BLUE, label="mean over all choices of models")
    axes.set(xlabel="models whose probabilities are averaged", ylabel="errors", ylim=(0, None))
    axes.set_title(f"Errors of ensembles on {images:,} test images")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn


if __name__ == "__main__":
    run_main(main)
