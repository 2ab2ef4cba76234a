"""Train the network on the augmented pictures; choices are made on the validation set."""

import hashlib
import json
import os
import sys
from pathlib import Path

import keras
import tensorflow as tf

from digits import metrics, network, params, store, training
from digits.errors import run
from digits.files import write_json, write_table

AUGMENTED, VALIDATION = Path("data/augmented"), Path("data/processed/validation.npz")
MODEL, METRICS = Path("models/model.keras"), Path("metrics/train.json")
CURVES, LAYERS = Path("plots/training.tsv"), Path("plots/layers.csv")


def main() -> None:
    section = params.load().train
    passes = sorted(AUGMENTED.glob("*.npz"))
    validation = store.load(VALIDATION, "preprocess")
    train = store.load(passes[0] if passes else AUGMENTED / "00.npz", "augment")

    training.make_deterministic(section.seed)
    model = network.build(section.network)
    steps = section.epochs * -(-len(train.labels) // section.batch_size)
    model.compile(
        optimizer=network.make_optimizer(section.optimizer, steps),
        loss=network.make_loss(section.loss),
        metrics=["accuracy"],
    )
    write_table(LAYERS, network.list_layers(model))
    checkpoint = checkpoint_path(section, [*passes, VALIDATION])
    rows = training.train(
        model,
        passes,
        validation,
        epochs=section.epochs,
        batch_size=section.batch_size,
        seed=section.seed,
        keep=section.keep,
        curves=CURVES,
        checkpoint=checkpoint,
    )
    probabilities = model.predict(validation.images, batch_size=1000, verbose=0)
    write_json(
        METRICS,
        {
            "dataset": train.name,
            "images": len(train.labels),
            "parameters": model.count_params(),
            "epochs": section.epochs,
            "loss": rows[-1]["loss"],
            "accuracy": rows[-1]["accuracy"],
            "validation": metrics.classification(validation.labels, probabilities),
        },
    )
    network.save(model, MODEL)
    checkpoint.unlink()


def checkpoint_path(section: params.Train, inputs: list[Path]) -> Path:
    """Return a path that is the same for two runs if, and only if, one may go on where the other stopped.

    DVC deletes the outputs of a stage before it runs, hence a folder that DVC does not know; it is in the
    repository from which a queued experiment, which runs in a temporary copy, was started.
    """
    modules = [getattr(module, "__file__", None) for module in sys.modules.values()]
    here = Path(__file__).parent.parent
    code = sorted(Path(file) for file in modules if file and Path(file).parent.parent == here)
    key = hashlib.sha256(json.dumps([section.model_dump(), keras.__version__, tf.__version__]).encode())
    for path in [*code, *inputs]:
        key.update(hashlib.sha256(path.read_bytes()).digest())
    return Path(os.environ.get("DVC_ROOT", "."), ".checkpoints", key.hexdigest()[:16] + ".npz")


if __name__ == "__main__":
    run(main)
