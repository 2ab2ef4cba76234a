"""Download the raw files of the dataset, or write a sample of MNIST if no mirror can be reached; or list the images of
a folder."""

import os
import sys
from pathlib import Path

from digits.core.errors import InputError
from digits.core.job import run_stage
from digits.core.params import Params
from digits.data import datasets, folders, mirrors

WARNING = """
################################################################################
#  NO MIRROR IS USABLE: CONTINUING WITH A SAMPLE OF 5,000 OF THE 70,000 DIGITS
#
#  Its results are labelled "mnist-sample" and cannot be compared with MNIST's.
#  To train on all of MNIST once a mirror can be reached:
#
#      dvc repro --force download && dvc repro
#
#  A folder with the four original files is a mirror too: MNIST_MIRROR=folder
################################################################################
"""


def main(params: Params) -> None:
    section, raw = params.download, Path("data/raw")
    if section.dataset == "folder":
        path = Path(section.path)
        images = folders.find(path)
        folders.save(images, raw / path.resolve().name / folders.LIST)
        print(f"{path}: {len(images):,} images of {len(folders.classes(images)):,} classes")
        return
    sources = [*filter(None, [os.environ.get("MNIST_MIRROR")]), *section.mirrors.get(section.dataset, [])]
    try:
        mirrors.download(section.dataset, sources, raw / section.dataset)
    except mirrors.UnavailableError as error:
        if section.offline == "fail":
            raise
        if section.dataset != "mnist":
            raise InputError(f"{error}. The offline sample exists for mnist only") from None
        datasets.write_sample(raw / datasets.SAMPLE)
        print(WARNING, file=sys.stderr)


if __name__ == "__main__":
    run_stage(main)
