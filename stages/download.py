"""Fetch the raw files of the dataset, or MNIST's sample where no mirror answers."""

import os
import shutil
import sys
from pathlib import Path

from digits.core.errors import InputError
from digits.core.job import run_stage
from digits.core.params import Params
from digits.data import datasets

WARNING = """
################################################################################
#  NO MIRROR ANSWERS: GOING ON WITH A SAMPLE OF 5,000 DIGITS INSTEAD OF 70,000
#
#  Its results say "mnist-sample" and cannot be compared with those on MNIST.
#  The way back to the full set, once there is a network or a mirror:
#
#      dvc repro --force download && dvc repro
#
#  A folder with the four original files is a mirror too: MNIST_MIRROR=folder
################################################################################
"""


def main(params: Params, folder: Path) -> None:
    section, raw = params.download, folder / "data" / "raw"
    mirrors = [*filter(None, [os.environ.get("MNIST_MIRROR")]), *section.mirrors.get(section.dataset, [])]
    try:
        datasets.download(section.dataset, mirrors, raw / section.dataset)
    except datasets.UnavailableError as error:
        if section.offline == "fail":
            raise
        if section.dataset != "mnist":
            raise InputError(f"{error}. The sample for working offline is of MNIST only") from None
        # What a mirror has served before it failed would pass for a second dataset.
        shutil.rmtree(raw / section.dataset, ignore_errors=True)
        datasets.write_sample(raw / datasets.SAMPLE)
        print(WARNING, file=sys.stderr)


if __name__ == "__main__":
    run_stage(main)
