"""Train an entry of the group distilled on all training and validation images; labels are the teachers' probabilities.

After G. Hinton et al., "Distilling the knowledge in a neural network", 2015. No image is held out.
"""

import os
import platform

import numpy as np

from digits.core import store
from digits.core.errors import run_main
from digits.core.files import write_json
from digits.model import backend, checkpoint, network, training
from studies.stages import entries
from studies.stages.entries import COPIES, TEACHERS


def main() -> None:
    name, entry, folder = entries.named(__doc__)
    section = entry.train
    entries.refuse_choices(name, section, "no image is held out to choose on")
    passes = sorted(COPIES.glob("*.npz")) or [COPIES / "00.npz"]
    teachers = [TEACHERS / f"{seed}.npz" for seed in entries.distillation().teachers]
    count, task = training.count_images(passes), store.load(passes[0], "copies").task
    seen = [store.load_arrays(path, "teach", "probabilities")["probabilities"] for path in teachers]
    # For each of the passes, float32 (N, classes).
    soft_labels = list(np.stack(seen).mean(axis=0, dtype=np.float32))
    state = checkpoint.path(section.model_dump(), [*passes, *teachers], ["digits", "studies"])
    backend.use(section.parts)
    backend.make_deterministic(section.seed)
    model = training.prepare(section, count, len(task.classes))
    rows = training.train(model, section, passes, None, folder / "training.tsv", state, soft_labels=soft_labels)
    seconds = sum(row["seconds"] for row in rows)
    write_json(
        folder / "training.json",
        {"images": count, "validation_images": 0, "parameters": model.count_params(), "epochs": len(rows)},
    )
    write_json(
        folder / "timing.json",
        {
            "seconds": seconds,
            "images_per_second": len(rows) * count / seconds,
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        },
    )
    network.save(model, folder / "model.keras", task)
    state.unlink(missing_ok=True)


if __name__ == "__main__":
    run_main(main)
