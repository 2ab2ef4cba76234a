"""What the benchmarks share: a command's cost, a training in a clone, a running server, and this machine's speed."""

import math
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml

from digits.core.errors import InputError


class Cost(NamedTuple):
    """seconds: wall-clock time from start to exit, including imports; bytes: peak resident memory."""

    seconds: float
    bytes: int


def run(*arguments: str, folder: Path = Path(), shown: bool = False) -> Cost:
    """Run a command in ``folder``; what it prints is ``shown`` on standard error, or nowhere.

    Raises InputError with its error output if it fails.
    """
    start = time.perf_counter()
    out = sys.stderr if shown else subprocess.DEVNULL
    process = subprocess.Popen(arguments, cwd=folder, stdout=out, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(f"{' '.join(arguments)}: exit code {process.returncode}: {errors.strip()[-500:]}")
    # Linux counts in kibibytes, macOS in bytes.
    return Cost(time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def run_module(*arguments: str, folder: Path = Path(), shown: bool = False) -> Cost:
    """Run ``python -m`` with ``arguments`` in ``folder``, as ``run`` does."""
    return run(sys.executable, "-m", *arguments, folder=folder, shown=shown)


def clone(path: Path) -> None:
    """Make a clone of the last commit, which uses this clone's data/processed.

    Raises InputError if that is missing.
    """
    processed = Path("data/processed")
    if not processed.is_dir():
        raise InputError(f"{processed}: no such folder; make it with: dvc repro preprocess")
    run("git", "clone", "--quiet", ".", str(path))
    (path / processed).symlink_to(processed.resolve())


def train(clone: Path, recipe: str, seed: int) -> tuple[Cost, Path]:
    """Augment, train and validate a ``recipe`` of studies/params.yaml, or "default", the root's, in a clone.

    Return what the command cost, and the folder of its results.
    """
    file = clone / "studies" / "params.yaml"
    params = yaml.safe_load(file.read_text(encoding="utf-8"))
    group = "seeds" if recipe == "default" else "recipes"
    sections = params[group].setdefault(recipe, {})
    sections["train"] = {**sections.get("train", {}), "seed": seed}
    file.write_text(yaml.safe_dump(params), encoding="utf-8")
    cost = run_module("studies.stages.train", f"{group}.{recipe}", folder=clone)
    return cost, clone / "studies" / "runs" / group / recipe


@contextmanager
def serving(errors: IO[bytes] | None = None) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run ``python -m digits serve`` while the block lasts; yield its port and its process, which writes to ``errors``
    what it would write to the terminal's standard error."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "digits", "serve", "--port", str(port), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
        try:
            assert process.stdout
            # It says so when it has loaded its networks, and listens.
            process.stdout.readline()
            yield port, process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def operations(model: Any) -> list[int]:
    """Return the floating-point operations per image in each convolution and dense layer of a Keras ``model``."""
    counts = []
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            positions = math.prod(layer.output.shape[1:-1]) if len(layer.kernel.shape) == 4 else 1
            counts.append(2 * positions * math.prod(layer.kernel.shape))
    return counts


def matmul_rate(side: int = 2048, rounds: int = 15) -> float:
    """Return the floating-point operations per second with which TensorFlow multiplies two float32 matrices: an upper
    bound for any training on this machine."""
    from digits.model.backend import tf

    matrix = tf.random.normal((side, side))
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        tf.linalg.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / statistics.median(seconds)
