"""Learning curves."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digits.report.basics import BLUE, ORANGE, logarithmic, percent


def curves(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the loss and the error (1 - accuracy) on the training and validation sets by epoch, on logarithmic scales.

    rows: one per epoch, from 1, with ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy``.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    loss, error = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for prefix, label, colour in (("", "training set (augmented)", BLUE), ("val_", "validation set", ORANGE)):
        style = {"marker": ".", "color": colour, "label": label}
        loss.plot(epochs, [row[f"{prefix}loss"] for row in rows], **style)
        error.plot(epochs, [1 - row[f"{prefix}accuracy"] for row in rows], **style)
    logarithmic(loss.yaxis)
    logarithmic(error.yaxis, as_percent=True)
    last = round(1 - rows[-1]["val_accuracy"], 4)
    loss.set(title="Loss", ylabel="loss")
    error.set(title=f"Error (validation: {percent(last)} after epoch {epochs[-1]})", ylabel="misclassified images")
    for axes in (loss, error):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
