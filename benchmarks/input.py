"""What reading, shuffling and batching the pictures adds to an epoch.

    python -m benchmarks.input

An epoch of params.yaml's system with its real input, from data/augmented (made by dvc repro augment), against one whose
batches are already in memory, of the same sizes. They take turns, since a machine's speed drifts; the ratio is the
median of the pairs'.
"""

import statistics
import time
from pathlib import Path

from digits.core import params
from digits.core.errors import run_main

ROUNDS = 3


def main() -> None:
    import tensorflow as tf

    from digits.model import network, training

    def batches(number: int) -> tf.data.Dataset:
        return training.batches(passes, range(number, number + 1), images, section.batch_size, section.seed)

    section = params.load().train
    passes = sorted(Path("data/augmented").glob("*.npz")) or [Path("data/augmented/00.npz")]
    images = training.count_images(passes)
    steps = -(-images // section.batch_size)
    training.make_deterministic(section.seed)
    model = network.build(section.network)
    network.compile_model(model, section.optimizer, section.loss, steps * (2 * ROUNDS + 2))
    resident = batches(0).cache().prefetch(tf.data.AUTOTUNE)
    ratios = []
    # The first round compiles, and fills the memory.
    for number in range(ROUNDS + 1):
        seconds = []
        for taken in (batches(number), resident):
            start = time.perf_counter()
            model.fit(taken, epochs=1, verbose=0)
            seconds.append(time.perf_counter() - start)
        if number:
            real, memory = seconds
            ratios.append(real / memory)
            print(f"real input {real:.2f} s, in memory {memory:.2f} s an epoch: ratio {ratios[-1]:.3f}", flush=True)
    print(f"median {statistics.median(ratios):.3f} of {ROUNDS} rounds")


if __name__ == "__main__":
    run_main(main)
