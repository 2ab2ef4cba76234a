"""Train the network on the augmented images; choices are made on the validation set."""

import os
import platform
from pathlib import Path

from digits.core import store
from digits.core.files import write_json, write_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.model import backend, checkpoint, metrics, network, training

MODELS, METRICS, PLOTS = Path("models"), Path("metrics"), Path("plots")


def main(params: Params) -> None:
    section, validation_file, augmented = params.train, Path("data/processed/validation.npz"), Path("data/augmented")
    validation = store.load(validation_file, "preprocess")
    passes = sorted(augmented.glob("*.npz")) or [augmented / "00.npz"]
    count = training.count_images(passes)
    # Where an interrupted training of the same network on the same images goes on.
    state = checkpoint.path(section.model_dump(), [*passes, validation_file], ["digits", "stages"])

    backend.use(section.parts)
    backend.make_deterministic(section.seed)
    model = training.prepare(section, count, len(validation.task.classes))
    # Imported here, because it determines no output. Without it, this would surface after all training.
    from digits.onnx import export

    export.check(model, validation.task, "train.network")
    write_table(PLOTS / "layers.csv", network.list_layers(model))
    rows = training.train(model, section, passes, validation, PLOTS / "training.tsv", state)

    temperature = training.calibrate(model, validation) if section.calibrate else None
    measured = metrics.evaluate(network.predict(model, validation.images), validation.labels)
    write_json(METRICS / "validation.json", {"dataset": validation.name, **measured})
    kept = checkpoint.kept_row(rows, section.keep)
    write_json(
        MODELS / "training.json",
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
    seconds = sum(row["seconds"] for row in rows)
    # Not an output in dvc.yaml: dvc.lock would change with every run.
    write_json(
        METRICS / "timing.json",
        {
            "dataset": validation.name,
            "images": section.epochs * count,
            "seconds": seconds,
            "images_per_second": section.epochs * count / seconds,
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        },
    )
    network.save(model, MODELS / "model.keras", validation.task)
    state.unlink(missing_ok=True)
    print(f"{validation.name}, validation after {section.epochs} epochs: {metrics.summary(measured)}")


if __name__ == "__main__":
    run_stage(main)
