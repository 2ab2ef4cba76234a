"""Each file that stages hand to each other, damaged: it is refused in one line, or read as it is."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from digits.core import files, store
from digits.core.store import Dataset
from digits.data import datasets
from digits.model import checkpoint, network, runtime
from digits.reading.recognizer import NETWORK, READER, Reader
from tests.attacks.limits import tried

RANDOM = np.random.default_rng(0)
LAYERS: list[dict[str, dict[str, Any]]] = [{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}]


def _files(folder: Path) -> dict[Path, Callable[[], object]]:
    """Write one file of each kind, and return for each a function that reads it."""
    dataset = Dataset("mnist", RANDOM.integers(0, 256, (50, 28, 28), np.uint8), np.arange(50, dtype=np.uint8) % 10)
    names = ["train.npz", "labels.gz", "table.csv", "metrics.json", "model.keras", "digits.onnx", "state.npz"]
    npz, idx, table, metrics, model, onnx, state = (folder / name for name in names)
    store.save(npz, dataset)
    datasets.write_idx(idx, dataset.labels.astype(np.uint8))
    files.write_table(table, [{"epoch": number, "loss": 1 / number} for number in range(1, 20)])
    files.write_json(metrics, {"dataset": "mnist", "accuracy": 0.99})
    network.save(network.build(LAYERS), model)
    shutil.copyfile(NETWORK, onnx)
    checkpoint.save(state, [{"epoch": 1}], weights=[np.arange(100)])
    shutil.copytree(READER, folder / "reader")
    load = partial(Reader.load, folder / "reader")
    return {
        npz: partial(store.load, npz, "preprocess"),
        idx: partial(datasets.read_idx, idx, 1),
        table: partial(files.read_table, table, "train", {"epoch": int, "loss": float}),
        metrics: partial(files.read_json, metrics, "evaluate", "dataset"),
        model: partial(network.load, model),
        onnx: partial(runtime.load, onnx),
        state: partial(checkpoint.load, state, "weights"),
        **{folder / "reader" / name: load for name in ("detector.onnx", "classifier.onnx", "reading.json")},
    }


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as temporary:
        readers = _files(Path(temporary))
        whole = {path: path.read_bytes() for path in readers}
        for number in range(seed, seed + (100 if long else 8)):
            random = np.random.default_rng(number)
            for path, read in readers.items():
                content = bytearray(whole[path])
                match number % 5:
                    case 0:
                        content.clear()
                    case 1:
                        del content[int(random.integers(len(content))) :]
                    case 2:
                        content[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
                    case 3:
                        other = sorted(readers)[int(random.integers(len(readers)))]
                        content[:] = whole[other]
                    case _:
                        for place in random.integers(len(content), size=50):
                            content[place] = random.integers(256)
                path.write_bytes(content)
                yield f"{number} ({path.name})", tried(read)
                path.write_bytes(whole[path])
