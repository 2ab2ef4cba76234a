"""Run exported networks with ONNX Runtime, without TensorFlow."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import again, command
from digits.core.store import SIDE
from digits.core.symbols import DIGITS, Symbols

Images = NDArray[np.uint8]
# The key of an .onnx file's metadata under which its symbols are, unless they are digits.
SYMBOLS = "symbols"
Infer = Callable[[Images], NDArray[np.float32]]

# What a network may take, which may be a stranger's: bytes; and seconds for a run, and for each image in it.
BYTES, SECONDS, EACH = 2_000_000_000, 5, 0.1


def load(path: Path, threads: int = 0) -> tuple[Infer, Symbols]:
    """Return a function that runs the .onnx file: images, uint8 (N, 28, 28), to probabilities, float32 (N, classes);
    and the symbols that it tells apart.

    threads: 0 for as many as there are cores. Raises InputError if the file is missing, damaged or another network.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; make it with: {command('export', path)}")
    _limit_memory()
    config = {
        "session.use_env_allocators": "1",
        # A network may have its weights in other files, and could name any in this folder. Below a file there are none.
        "session.model_external_initializers_file_folder_path": str(path / "none"),
    }
    # ConstantFolding would compute, for as long as that takes, what does not depend on the images.
    session, given, returned = open_session(path, again("export", path), threads, config, ["ConstantFolding"])
    try:
        found = session.get_modelmeta().custom_metadata_map.get(SYMBOLS)
        symbols = Symbols.parse(found) if found else DIGITS
    except ValueError as error:  # It may not be UTF-8, either.
        raise InputError(f"{path}: {SYMBOLS}: {error}; {again('export', path)}") from None
    count = len(symbols.classes)
    if given.type != "tensor(uint8)" or given.shape[1:] != [SIDE, SIDE] or returned.shape[1:] != [count]:
        raise InputError(
            f"{path}: takes {given.shape} and returns {returned.shape}, not 28x28 and {count}; {again('export', path)}"
        )

    def infer(images: Images) -> NDArray[np.float32]:
        options = onnxruntime.RunOptions()
        try:
            with _limited(options, SECONDS + EACH * len(images)):
                return np.asarray(session.run(None, {given.name: images}, options)[0], np.float32)
        except Exception as error:  # Its own again.
            raise InputError(f"{path}: fails ({' '.join(str(error).split())}); {again('export', path)}") from None

    infer(np.zeros((1, SIDE, SIDE), np.uint8))
    return infer, symbols


def open_session(
    path: Path, advice: str, threads: int, config: Mapping[str, str], disabled: Sequence[str] = ()
) -> tuple[Any, Any, Any]:
    """Return a session of ONNX Runtime for the .onnx file, and ONNX Runtime's description of what it takes and returns.

    threads: 0 for as many as there are cores
    config, disabled: entries of the session's configuration, and names of graph optimizations to leave out
    Raises InputError, with the ``advice``, if the file is damaged, or does not take and return one array each.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Errors are raised; its log would repeat them.
    options.log_severity_level = 4
    for entry in config.items():
        options.add_session_config_entry(*entry)
    more = {"providers": ["CPUExecutionProvider"], "enable_fallback": False, "disabled_optimizers": disabled}
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, **more)
        (given,), (returned,) = session.get_inputs(), session.get_outputs()
    except Exception as error:  # ONNX Runtime raises its own exceptions, and ValueError for several inputs.
        raise InputError(f"{path}: not an ONNX network ({' '.join(str(error).split())}); {advice}") from None
    return session, given, returned


@cache
def _limit_memory() -> None:
    """Limit what all networks take together that ask for it."""
    kind, where = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, where)
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg({"max_mem": BYTES}))


# The runs under way: when each must have ended, and its options.
_RUNS: dict[int, tuple[float, Any]] = {}


@contextmanager
def _limited(options: Any, seconds: float) -> Iterator[None]:
    """Let the run with these ``options`` in the block fail if it takes longer."""
    _watch()
    _RUNS[id(options)] = time.monotonic() + seconds, options
    try:
        yield
    finally:
        del _RUNS[id(options)]


@cache
def _watch() -> None:
    """Start to end runs that take too long. To start a timer for each would take longer than most of them."""

    def watch() -> None:
        while True:
            time.sleep(0.5)
            for end, options in list(_RUNS.values()):
                if time.monotonic() > end:
                    options.terminate = True

    threading.Thread(target=watch, daemon=True).start()
