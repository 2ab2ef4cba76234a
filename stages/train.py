"""Train the network on the augmented images; choices are made on the validation set."""

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
    count = training.count_images(passes)

    training.make_deterministic(section.seed)
    model = network.build(section.network)
    steps = section.epochs * -(-count // section.batch_size)
    network.compile_model(model, section.optimizer, section.loss, steps)
    if section.calibrate:
        network.output_layer(model)  # Fails now rather than after hours of training.
    write_table(plots / "layers.csv", network.list_layers(model))
    checkpoint = checkpoint_path(section, [*passes, held_out])
    rows = training.train(
        model,
        passes,
        validation,
        count=count,
        epochs=section.epochs,
        batch_size=section.batch_size,
        seed=section.seed,
        keep=section.keep,
        curves=plots / "training.tsv",
        checkpoint=checkpoint,
    )
    kept = training.kept_row(rows, section.keep)
    probabilities = model.predict(validation.images, batch_size=1000, verbose=0)
    temperature = None
    if section.calibrate:
        temperature = metrics.temperature(validation.labels, probabilities)
        network.calibrate(model, temperature)
        probabilities = model.predict(validation.images, batch_size=1000, verbose=0)
    validated = metrics.classification(validation.labels, probabilities)
    write_json(measured / "validation.json", {"dataset": validation.name, **validated})
    write_json(
        folder / "models" / "training.json",
        {
            "dataset": validation.name,
            "images": count,
            "validation_images": len(validation.labels),
            "parameters": model.count_params(),
            "epochs": section.epochs,
            "kept_epoch": kept["epoch"],
            "loss": kept["loss"],
            "accuracy": kept["accuracy"],
            "temperature": temperature,
        },
    )
    # Not an output in dvc.yaml: dvc.lock would change with every run.
    seconds = sum(row["seconds"] for row in rows)
    write_json(
        measured / "timing.json",
        {
            "dataset": validation.name,
            "images": section.epochs * count,
            "seconds": seconds,
            "images_per_second": section.epochs * count / seconds,
            # Identifies the training whose seconds these are.
            "loss": kept["loss"],
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        },
    )
    network.save(model, folder / "models" / "model.keras")
    checkpoint.unlink(missing_ok=True)
    print(f"{validation.name}, validation after {section.epochs} epochs: {metrics.summary(validated)}")


def checkpoint_path(section: Train, inputs: list[Path]) -> Path:
    """Return a path that is the same for two runs if and only if one may resume where the other stopped.

    DVC deletes a stage's outputs before it runs, so checkpoints are in a folder that DVC does not track. A queued
    experiment runs in a temporary copy; its checkpoints are in the repository that it was started from.
    """
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in ("digits", "stages", "__main__")]
    code = sorted(Path(file) for file in (getattr(module, "__file__", None) for module in modules) if file)
    key = hashlib.sha256(json.dumps([section.model_dump(), *training.VERSIONS]).encode())
    for path in [*code, *inputs]:
        key.update(hashlib.sha256(path.read_bytes()).digest())
    return Path(os.environ.get("DVC_ROOT", "."), ".checkpoints", key.hexdigest()[:16] + ".npz")


if __name__ == "__main__":
    run_stage(main)
