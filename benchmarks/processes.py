"""A command's wall time and peak memory, and how fast this machine can multiply matrices."""

import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from digits.core.errors import InputError


class Cost(NamedTuple):
    """seconds: wall time from start to exit, imports included; bytes: the peak of the resident memory."""

    seconds: float
    bytes: int


def run_module(*arguments: str) -> Cost:
    """Run ``python -m`` with ``arguments``. Raises InputError where it fails, with what it said."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(f"{' '.join(arguments)}: exit code {process.returncode}: {said.strip()[-500:]}")
    # Linux counts in kibibytes, macOS in bytes.
    return Cost(time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def matmul_rate(side: int = 2048, rounds: int = 15) -> float:
    """Return the floating-point operations a second, multiplications and additions, of TensorFlow's product of two
    float32 matrices: what no training on this machine can exceed."""
    import tensorflow as tf

    matrix = tf.random.normal((side, side))
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        tf.linalg.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / statistics.median(seconds)
