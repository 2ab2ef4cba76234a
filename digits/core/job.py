"""Run a stage as a program."""

from collections.abc import Callable

from digits.core import params
from digits.core.errors import run_main
from digits.core.params import Params


def run_stage(stage: Callable[[Params], None]) -> None:
    """Call ``stage`` with the checked content of params.yaml, and end the process as ``run_main`` does."""
    run_main(lambda: stage(params.load()))
