"""The reader's networks, run by ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.model import runtime

Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def load(path: Path, stage: str, threads: int = 0) -> Run:
    """Return a function that runs the .onnx file at ``path``, which takes and returns one array.

    threads: 0 for as many as there are cores. Raises InputError if the file is missing or damaged; ``stage`` of the
    reader's pipeline makes it.
    """
    advice = f"make it with: dvc --cd reader repro {stage}"
    if not path.exists():
        raise InputError(f"{path}: no such file; {advice}")
    # The threads of one network would take time from the next one.
    session, given, _ = runtime.open_session(path, advice, threads, {"session.force_spinning_stop": "1"})
    return lambda array: np.asarray(session.run(None, {given.name: array})[0], np.float32)
