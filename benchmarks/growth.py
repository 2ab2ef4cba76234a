"""Measure how the cost of training grows with the number of images.

    python -m benchmarks.growth

The network of params.yaml is trained on a quarter of a pass of data/augmented (made by dvc repro augment), on one pass,
and on four, each image once. Time should be linear: each additional image costs the same in every row but the first,
which includes compiling the network. Memory should be constant: the peak stays the same.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import yaml

from benchmarks import processes
from digits.core import store
from digits.core.errors import InputError, run_main
from digits.core.files import read_json


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    passes = sorted(Path("data/augmented").glob("*.npz"))[:4]
    if len(passes) < 4:
        raise InputError(
            f"data/augmented: {len(passes)} passes, not four; set augment.passes: 4 and run: dvc repro augment"
        )
    print(f"{'images':>10}{'seconds':>9}{'µs per additional image':>25}{'peak MB':>9}")
    images, seconds = 0, 0.0
    for quarters in (1, 4, 16):
        with tempfile.TemporaryDirectory() as folder:
            augmented = Path(folder) / "data" / "augmented"
            for path in passes[: max(1, quarters // 4)]:
                whole = store.load(path, "augment")
                count = len(whole.labels) // 4 if quarters == 1 else len(whole.labels)
                store.save(augmented / path.name, whole.part(np.arange(count)))
            file = Path(folder) / "recipe.yaml"
            file.write_text(yaml.safe_dump({"once": {"train": {"epochs": max(1, quarters // 4)}}}), encoding="utf-8")
            cost = processes.run_module("stages.train", "--recipe", f"{file}:once", "--folder", folder)
            timing = read_json(Path(folder) / "metrics" / "timing.json", "train")
        additional = 1e6 * (timing["seconds"] - seconds) / (timing["images"] - images)
        images, seconds = timing["images"], timing["seconds"]
        print(f"{images:10,}{seconds:9.1f}{additional:25.0f}{cost.bytes / 1e6:9,.0f}", flush=True)


if __name__ == "__main__":
    run_main(main)
