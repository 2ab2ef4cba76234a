"""Measure how much time reading, shuffling and batching the images adds to an epoch.

    python -m benchmarks.input

An epoch of params.yaml's network on its real input, data/augmented (made by dvc repro augment), is compared with one on
batches of the same sizes that are already in memory. They take turns, because a machine's speed drifts; the result is
the median of the rounds' ratios.
"""

import argparse
import statistics
import time
from pathlib import Path

from digits.core import params, store
from digits.core.errors import run_main

ROUNDS = 3


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    from digits.model import network, training
    from digits.model.backend import tf

    def batches(number: int) -> tf.data.Dataset:
        epochs = range(number, number + 1)
        return training.batches(passes, epochs, images, section.batch_size, section.seed, classes)

    section = params.load().train
    passes = sorted(Path("data/augmented").glob("*.npz")) or [Path("data/augmented/00.npz")]
    images = training.count_images(passes)
    classes = len(store.load(passes[0], "augment").symbols.classes)
    steps = -(-images // section.batch_size)
    training.make_deterministic(section.seed)
    model = network.build(section.network, section.batch_size, classes)
    network.compile_model(model, section.optimizer, section.loss, steps * (2 * ROUNDS + 2))
    in_memory = batches(0).cache().prefetch(tf.data.AUTOTUNE)
    ratios = []
    # The first round compiles the network and loads the batches into memory.
    for number in range(ROUNDS + 1):
        seconds = []
        for dataset in (batches(number), in_memory):
            start = time.perf_counter()
            model.fit(dataset, epochs=1, verbose=0)
            seconds.append(time.perf_counter() - start)
        if number:
            real, memory = seconds
            ratios.append(real / memory)
            print(f"seconds per epoch: real {real:.2f}, in memory {memory:.2f}, ratio {ratios[-1]:.3f}", flush=True)
    print(f"median ratio of {ROUNDS} rounds: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    run_main(main)
