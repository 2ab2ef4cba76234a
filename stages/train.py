"""Train the network on the augmented pictures; choices are made on the validation set."""

import hashlib
import json
import os
import platform
import sys
from pathlib import Path

from digits.core import store
from digits.core.files import write_json, write_table
from digits.core.job import run_stage
from digits.core.params import Params, Train
from digits.model import metrics, network, training


def main(params: Params, processed: Path, augmented: Path, folder: Path) -> None:
    section, plots, measured = params.train, folder / "plots", folder / "metrics"
    held_out = processed / "validation.npz"
    validation = store.load(held_out, "preprocess")
    passes = sorted(augmented.glob("*.npz")) or [augmented / "00.npz"]
    images = training.count_images(passes)

    training.make_deterministic(section.seed)
    model = network.build(section.network)
    steps = section.epochs * -(-images // section.batch_size)
    network.compile_model(model, section.optimizer, section.loss, steps)
    if section.calibrate:
        network.readout(model)  # Not after hours of training.
    write_table(plots / "layers.csv", network.list_layers(model))
    checkpoint = checkpoint_path(section, [*passes, held_out])
    rows = training.train(
        model,
        passes,
        validation,
        images=images,
        epochs=section.epochs,
        batch_size=section.batch_size,
        seed=section.seed,
        keep=section.keep,
        curves=plots / "training.tsv",
        checkpoint=checkpoint,
    )
    kept = training.kept_row(rows, section.keep)
    probabilities = model.predict(validation.images, batch_size=1000, verbose=0)
    calibration: dict[str, float] = {}
    if section.calibrate:
        calibration = {"temperature": metrics.temperature(validation.labels, probabilities)}
        network.calibrate(model, **calibration)
        probabilities = model.predict(validation.images, batch_size=1000, verbose=0)
    write_json(
        measured / "train.json",
        {
            "dataset": validation.name,
            "images": images,
            "parameters": model.count_params(),
            "epochs": section.epochs,
            "kept_epoch": kept["epoch"],
            "loss": kept["loss"],
            "accuracy": kept["accuracy"],
            **calibration,
            "validation": metrics.classification(validation.labels, probabilities),
        },
    )
    # No output in dvc.yaml, where it would change dvc.lock with every run.
    seconds = sum(row["seconds"] for row in rows)
    write_json(
        measured / "timing.json",
        {
            "dataset": validation.name,
            "images": section.epochs * images,
            "seconds": seconds,
            "images_per_second": section.epochs * images / seconds,
            # Tells which training this was of.
            "loss": kept["loss"],
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        },
    )
    network.save(model, folder / "models" / "model.keras")
    checkpoint.unlink(missing_ok=True)


def checkpoint_path(section: Train, inputs: list[Path]) -> Path:
    """Return a path that is the same for two runs if, and only if, one may go on where the other stopped.

    DVC deletes the outputs of a stage before it runs, hence a folder that DVC does not know; it is in the
    repository from which a queued experiment, which runs in a temporary copy, was started.
    """
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in ("digits", "stages", "__main__")]
    code = sorted(Path(file) for file in (getattr(module, "__file__", None) for module in modules) if file)
    key = hashlib.sha256(json.dumps([section.model_dump(), *training.VERSIONS]).encode())
    for path in [*code, *inputs]:
        key.update(hashlib.sha256(path.read_bytes()).digest())
    return Path(os.environ.get("DVC_ROOT", "."), ".checkpoints", key.hexdigest()[:16] + ".npz")


if __name__ == "__main__":
    run_stage(main)
