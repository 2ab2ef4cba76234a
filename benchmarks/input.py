"""What reading, shuffling and batching the pictures adds to an epoch.

    python -m benchmarks.input

An epoch of params.yaml's system with its real input, from data/augmented (made by dvc repro augment), against one that
trains as often on a batch already in memory. They take turns; the ratio is that of the medians.
"""

import statistics
import time
from pathlib import Path

from digits import params, store
from digits.errors import run

ROUNDS = 3


def main() -> None:
    import tensorflow as tf

    from digits import network, training

    section = params.load().train
    passes = sorted(Path("data/augmented").glob("*.npz")) or [Path("data/augmented/00.npz")]
    images = training.count_images(passes)
    steps = -(-images // section.batch_size)
    training.make_deterministic(section.seed)
    model = network.build(section.network)
    network.compile(model, section.optimizer, section.loss, steps * (2 * ROUNDS + 2))
    first = store.load(passes[0], "augment")
    batch = first.images[: section.batch_size], training.one_hot(first.labels[: section.batch_size])
    resident = tf.data.Dataset.from_tensors(batch).repeat()
    seconds: dict[str, list[float]] = {"real input": [], "in memory": []}
    for number in range(ROUNDS + 1):
        for name, taken in seconds.items():
            batches = (
                resident
                if name == "in memory"
                else training._batches(passes, range(number, number + 1), images, section.batch_size, section.seed)
            )
            start = time.perf_counter()
            model.fit(batches, steps_per_epoch=steps, verbose=0)
            # The first round compiles.
            if number:
                taken.append(time.perf_counter() - start)
    real, memory = (statistics.median(taken) for taken in seconds.values())
    print(f"real input {real:.2f} s, in memory {memory:.2f} s an epoch: ratio {real / memory:.3f} (of {ROUNDS} rounds)")


if __name__ == "__main__":
    run(main)
