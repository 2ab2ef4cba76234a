"""Write randomly deformed copies of the training set, one file per pass."""

from pathlib import Path

from digits.core.job import run_stage
from digits.core.params import Params
from digits.data.augmentation import write_passes


def main(params: Params) -> None:
    write_passes(params.augment, Path("data/processed/train.npz"), Path("data/augmented"))


if __name__ == "__main__":
    run_stage(main)
