"""The reader's networks, run by ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.core.errors import InputError

Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def load(path: Path, stage: str) -> Run:
    """Return a function that runs the .onnx file at ``path``, which takes and returns one array.

    Raises InputError if the file is missing or damaged; ``stage`` of the reader's pipeline makes it.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; make it with: dvc --cd reader repro {stage}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # The threads of one network would take time from the next one.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"], enable_fallback=False)
        (given,), (_,) = session.get_inputs(), session.get_outputs()
    except Exception as error:  # ONNX Runtime raises its own exceptions.
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not an ONNX network ({reason}); make it with: dvc --cd reader repro {stage}"
        ) from None
    return lambda array: np.asarray(session.run(None, {given.name: array})[0], np.float32)
