"""Train an entry of studies/params.yaml and measure it on the validation set, or on the images of its fold."""

import os
import platform
import shutil
from pathlib import Path

from digits.core import store
from digits.core.errors import run_main
from digits.core.files import write_json
from digits.core.store import Dataset
from digits.model import checkpoint, metrics, network
from studies.stages import entries, training
from studies.stages.entries import PROCESSED, Entry, Fold


def main() -> None:
    name, entry, folder = entries.named(__doc__)
    train, validation = PROCESSED / "train.npz", PROCESSED / "validation.npz"
    # Where an interrupted training goes on, and beside it, its deformed copies.
    state = checkpoint.path(entry.model_dump(), [train, validation], ["digits", "studies"])
    work = state.with_suffix("")
    held_out, index = store.load(validation, "preprocess"), None
    if entry.fold:
        train = work / "train.npz"
        held_out, index = hold_out(name, entry, entry.fold, train)

    (trained,) = training.train(
        entry, train, held_out, work, [entry.train.epochs], curves=folder / "training.tsv", state=state
    )
    seconds = sum(row["seconds"] for row in trained.rows)
    for file, content in {
        "training": {
            "images": trained.images,
            "validation_images": len(held_out.labels),
            "parameters": trained.model.count_params(),
            "epochs": len(trained.rows),
        },
        "validation": {"dataset": held_out.name, **trained.measured},
        "timing": {
            "seconds": seconds,
            "images_per_second": len(trained.rows) * trained.images / seconds,
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        },
    }.items():
        write_json(folder / f"{file}.json", content)
    if index is None:
        network.save(trained.model, folder / "model.keras", held_out.task)
    else:
        store.save(folder / "predictions.npz", held_out, probabilities=trained.probabilities, index=index)
    state.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    print(f"{name}, {held_out.name}, validation: {metrics.summary(trained.measured)}")


def hold_out(name: str, entry: Entry, fold: Fold, kept: Path) -> tuple[Dataset, training.Indices]:
    """Write the images to train on to ``kept``; return the others, and their indices among the training images,
    followed by the validation images.

    Raises InputError if the training would choose something on the images that measure it.
    """
    entries.refuse_choices(name, entry.train, "nothing may be chosen on the fold that measures it")
    train, validation = (store.load(PROCESSED / f"{part}.npz", "preprocess") for part in ("train", "validation"))
    whole = entries.joined(train, validation)
    rest, index = training.split(whole.labels, fold, f"{name}.fold.of")
    store.save(kept, whole.part(rest))
    return whole.part(index), index


if __name__ == "__main__":
    run_main(main)
