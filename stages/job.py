"""What a stage works on: the parameters and folders of the root pipeline, or those that a study names."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digits import errors, params
from digits.params import Params


@dataclass(frozen=True)
class Job:
    """A stage's parameters and where its files lie.

    params: params.yaml, with what a recipe has in place of its keys
    processed: the folder of train.npz, validation.npz and test.npz
    augmented: the folder of the training set's passes
    folder: where data/, models/, metrics/ and plots/ of this pipeline lie
    """

    params: Params
    processed: Path
    augmented: Path
    folder: Path


def run(stage: Callable[[Job], None], schema: type[Params] = Params) -> None:
    """Call ``stage`` on the job that the command line describes; bad input ends it with one line and exit code 1.

    The parameters are read as ``schema``.
    """
    parser = argparse.ArgumentParser(description="A stage of the pipeline; without options, of the one in dvc.yaml.")
    parser.add_argument(
        "--recipe", metavar="FILE:NAME", help="take the keys that FILE has under NAME in place of those in params.yaml"
    )
    parser.add_argument("--processed", metavar="FOLDER", type=Path, default=Path("data/processed"))
    parser.add_argument("--augmented", metavar="FOLDER", type=Path, help="by default data/augmented in --folder")
    parser.add_argument("--folder", metavar="FOLDER", type=Path, default=Path())
    arguments = parser.parse_args()

    def main() -> None:
        loaded = params.load(recipe=arguments.recipe, schema=schema)
        augmented = arguments.augmented or arguments.folder / "data" / "augmented"
        stage(Job(loaded, arguments.processed, augmented, arguments.folder))

    errors.run(main)
