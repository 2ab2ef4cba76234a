"""How the cost of training grows with the number of pictures.

    python -m benchmarks.growth

One training of params.yaml's system on a quarter of a pass of data/augmented (made by dvc repro augment), on one pass
and on four, each picture once. Linear in time: a further picture costs the same from one row to the next, but for the
first row, which has the time that compiling the network takes. Flat in memory: the peak stays the same.
"""

import tempfile
from pathlib import Path

import yaml

from benchmarks import processes
from digits.core import store
from digits.core.errors import InputError, run_main
from digits.core.files import read_json


def main() -> None:
    passes = sorted(Path("data/augmented").glob("*.npz"))[:4]
    if len(passes) < 4:
        raise InputError(
            f"data/augmented: {len(passes)} passes, fewer than four; set augment.passes: 4 and dvc repro augment"
        )
    print(f"{'pictures':>10}{'seconds':>9}{'µs a further picture':>22}{'peak MB':>9}")
    images, seconds = 0, 0.0
    for quarters in (1, 4, 16):
        with tempfile.TemporaryDirectory() as folder:
            augmented = Path(folder) / "data" / "augmented"
            for path in passes[: max(1, quarters // 4)]:
                whole = store.load(path, "augment")
                count = len(whole.labels) // 4 if quarters == 1 else len(whole.labels)
                store.save(augmented / path.name, store.Dataset(whole.name, whole.images[:count], whole.labels[:count]))
            file = Path(folder) / "recipe.yaml"
            file.write_text(yaml.safe_dump({"once": {"train": {"epochs": max(1, quarters // 4)}}}), encoding="utf-8")
            cost = processes.run_module("stages.train", "--recipe", f"{file}:once", "--folder", folder)
            timing = read_json(Path(folder) / "metrics" / "timing.json", "train")
        further = 1e6 * (timing["seconds"] - seconds) / (timing["images"] - images)
        images, seconds = timing["images"], timing["seconds"]
        print(f"{images:10,}{seconds:9.1f}{further:22.0f}{cost.bytes / 1e6:9,.0f}", flush=True)


if __name__ == "__main__":
    run_main(main)
