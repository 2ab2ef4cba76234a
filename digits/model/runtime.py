"""Run exported networks with ONNX Runtime, without TensorFlow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import again
from digits.core.store import CLASSES, SIDE

Images = NDArray[np.uint8]
Infer = Callable[[Images], NDArray[np.float32]]


def load(path: Path, threads: int = 0) -> Infer:
    """Return a function that runs the .onnx file: images, uint8 (N, 28, 28), to probabilities, float32 (N, 10).

    threads: 0 for as many as there are cores. Raises InputError if the file is missing, damaged or another network.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; make it with: dvc repro export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Errors are raised; its log would repeat them.
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (given,), (returned,) = session.get_inputs(), session.get_outputs()
    except Exception as error:  # ONNX Runtime raises its own exceptions, and ValueError for several inputs.
        raise InputError(f"{path}: not an ONNX network ({' '.join(str(error).split())}); {again('export')}") from None
    if given.type != "tensor(uint8)" or given.shape[1:] != [SIDE, SIDE] or returned.shape[1:] != [CLASSES]:
        raise InputError(
            f"{path}: takes {given.shape} and returns {returned.shape}, not 28x28 and 10; {again('export')}"
        )

    def infer(images: Images) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {given.name: images})[0], np.float32)

    return infer
