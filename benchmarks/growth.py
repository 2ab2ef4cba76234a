"""How the cost of training grows with the number of pictures.

    python -m benchmarks.growth

One training of params.yaml's system on a quarter of a pass of data/augmented (made by dvc repro augment), on one pass
and on four, each picture once. Linear in time: the seconds a picture stay the same. Flat in memory: so does the peak.
"""

import tempfile
from pathlib import Path

import yaml

from benchmarks import processes
from digits import store
from digits.errors import InputError, run
from digits.files import read_json


def main() -> None:
    passes = sorted(Path("data/augmented").glob("*.npz"))[:4]
    if len(passes) < 4:
        raise InputError(
            f"data/augmented: {len(passes)} passes, fewer than four; set augment.passes: 4 and dvc repro augment"
        )
    print(f"{'pictures':>10}{'seconds':>9}{'µs a picture':>14}{'peak MB':>9}")
    for quarters in (1, 4, 16):
        with tempfile.TemporaryDirectory() as folder:
            augmented = Path(folder) / "data" / "augmented"
            for path in passes[: max(1, quarters // 4)]:
                whole = store.load(path, "augment")
                count = len(whole.labels) // 4 if quarters == 1 else len(whole.labels)
                store.save(augmented / path.name, store.Dataset(whole.name, whole.images[:count], whole.labels[:count]))
            file = Path(folder) / "recipe.yaml"
            file.write_text(yaml.safe_dump({"once": {"train": {"epochs": max(1, quarters // 4)}}}), encoding="utf-8")
            cost = processes.run("stages.train", "--recipe", f"{file}:once", "--folder", folder)
            timing = read_json(Path(folder) / "metrics" / "timing.json", "train")
        print(
            f"{timing['images']:10,}{timing['seconds']:9.1f}{1e6 * timing['seconds'] / timing['images']:14.0f}"
            f"{cost.bytes / 1e6:9,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    run(main)
