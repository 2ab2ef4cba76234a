"""Predict each augmented copy with a teacher, a seed of the root's network."""

import argparse

import numpy as np
from tqdm import tqdm

from digits.core import store
from digits.core.errors import run_main
from digits.core.files import replacing
from digits.model import backend, network
from digits.model.virtual_batches import divide
from studies.stages import entries
from studies.stages.entries import COPIES, RUNS, TEACHERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", help="such as seed-0")
    seed = parser.parse_args().seed
    # As many as a training has, and not as there are cores: the number may decide how a result is rounded.
    parts = entries.distillation().train.parts
    backend.use(parts)
    teacher = divide(network.load(RUNS / "seeds" / seed / "model.keras")[0], parts)
    passes = sorted(COPIES.glob("*.npz"))
    probabilities = [
        network.predict(teacher, store.load(path, "copies").images) for path in tqdm(passes, desc=seed, unit="pass")
    ]
    with replacing(TEACHERS / f"{seed}.npz") as path, path.open("wb") as file:
        np.savez_compressed(file, probabilities=np.array(probabilities, np.float16))


if __name__ == "__main__":
    run_main(main)
