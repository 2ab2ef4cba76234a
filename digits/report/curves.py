"""What a training reached, epoch by epoch."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def curves(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss and accuracy of training and validation by epoch."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for column, label in ((name, "training (augmented)"), (f"val_{name}", "validation")):
            axes.plot(epochs, [row[column] for row in rows], marker=".", label=label)
        axes.set(xlabel="epoch", ylabel=name, title=name.capitalize())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    # What matters happens far below the first epochs' loss and above their accuracy.
    figure.axes[0].set_yscale("log")
    lowest = 1 - 3 * (1 - float(np.median([row["val_accuracy"] for row in rows])))
    lowest = max(0.0, min(lowest, 0.99))
    figure.axes[1].set_ylim(lowest, 1)
    figure.axes[1].set_title(f"Accuracy above {lowest:.3f}")
    return figure
