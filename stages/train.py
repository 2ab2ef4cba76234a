"""Train the network on the augmented images; choices are made on the validation set."""

import os
import platform
from pathlib import Path

from digits.core import store
from digits.core.files import write_json, write_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.model import backend, checkpoint, metrics, network, training


def main(params: Params, processed: Path, augmented: Path, folder: Path) -> None:
    section, plots, measured = params.train, folder / "plots", folder / "metrics"
    held_out = processed / "validation.npz"
    validation = store.load(held_out, "preprocess")
    passes = sorted(augmented.glob("*.npz")) or [augmented / "00.npz"]
    count = training.count_images(passes)

    backend.use(section.threads)
    training.make_deterministic(section.seed)
    steps = section.epochs * -(-count // section.batch_size)
    with backend.spread():
        model = network.build(section.network, section.batch_size, len(validation.symbols.classes))
        model = network.divide(model, training.parts(count, section.batch_size, section.threads))
        network.compile_model(model, section.optimizer, section.loss, steps)
    if section.calibrate:
        network.output_layer(model)  # Fails now rather than after hours of training.
    write_table(plots / "layers.csv", network.list_layers(model))
    state = checkpoint.path(section.model_dump(), [*passes, held_out], ["digits", "stages"])
    checkpoint.tidy(state.parent)
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
        state=state,
    )
    kept = training.kept_row(rows, section.keep)
    temperature, validated = network.measure(model, validation, section.calibrate)
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
    network.save(model, folder / "models" / "model.keras", validation.symbols)
    state.unlink(missing_ok=True)
    print(f"{validation.name}, validation after {section.epochs} epochs: {metrics.summary(validated)}")


if __name__ == "__main__":
    run_stage(main)
