"""Run exported networks with ONNX Runtime, without TensorFlow."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import again, command
from digits.core.store import SIDE
from digits.core.task import DIGITS, Task

Images = NDArray[np.uint8]
Infer = Callable[[Images], NDArray[np.float32]]
# The key of an .onnx file's metadata under which its task is, unless that is to read digits.
SYMBOLS = "symbols"


def load(path: Path, threads: int = 0) -> tuple[Infer, Task]:
    """Return a function that runs the .onnx file: images, uint8 (N, 28, 28), to probabilities, float32 (N, classes);
    and its task.

    threads: 0 for as many as there are cores. Raises InputError if the file is missing, damaged or another network.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; make it with: {command('export', path)}")
    advice = again("export", path)
    session, given, returned = open_session(path, advice, threads)
    try:
        text = session.get_modelmeta().custom_metadata_map.get(SYMBOLS)
        task = Task.parse(text) if text else DIGITS
    except ValueError as error:
        raise InputError(f"{path}: {SYMBOLS}: {error}; {advice}") from None
    count = len(task.classes)
    if given.type != "tensor(uint8)" or given.shape[1:] != [SIDE, SIDE] or returned.shape[1:] != [count]:
        raise InputError(f"{path}: takes {given.shape} and returns {returned.shape}, not 28x28 and {count}; {advice}")

    def infer(images: Images) -> NDArray[np.float32]:
        try:
            return np.asarray(session.run(None, {given.name: images})[0], np.float32)
        except Exception as error:  # ONNX Runtime raises its own exceptions.
            raise InputError(f"{path}: fails ({' '.join(str(error).split())}); {advice}") from None

    infer(np.zeros((1, SIDE, SIDE), np.uint8))
    return infer, task


def open_session(path: Path, advice: str, threads: int, config: Mapping[str, str] = {}) -> tuple[Any, Any, Any]:
    """Return a session of ONNX Runtime for the .onnx file, and ONNX Runtime's description of what it takes and returns.

    threads: 0 for as many as there are cores
    config: entries of the session's configuration
    Raises InputError, with the ``advice``, if the file is damaged, or does not take and return one array each.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Errors are raised; its log would repeat them.
    options.log_severity_level = 4
    # A network may say that its weights are in other files. They are looked for below this one, where there are none.
    for entry in {"session.model_external_initializers_file_folder_path": str(path / "none"), **config}.items():
        options.add_session_config_entry(*entry)
    more: dict[str, Any] = {"providers": ["CPUExecutionProvider"], "enable_fallback": False}
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, **more)
        (given,), (returned,) = session.get_inputs(), session.get_outputs()
    except Exception as error:  # ONNX Runtime raises its own exceptions, and ValueError for several inputs.
        raise InputError(f"{path}: not an ONNX network ({' '.join(str(error).split())}); {advice}") from None
    return session, given, returned
