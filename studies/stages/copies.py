"""Write augmented copies of all training and validation images, for the distilled networks."""

from digits.core import store
from digits.core.errors import run_main
from digits.data.augmentation import write_passes
from studies.stages import entries
from studies.stages.entries import COPIES, PROCESSED


def main() -> None:
    train, validation = (store.load(PROCESSED / f"{part}.npz", "preprocess") for part in ("train", "validation"))
    whole = COPIES / "whole.npz"
    store.save(whole, entries.joined(train, validation))
    write_passes(entries.distillation().augment, whole, COPIES)
    whole.unlink()


if __name__ == "__main__":
    run_main(main)
