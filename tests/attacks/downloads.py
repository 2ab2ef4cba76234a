"""The stage download before mirrors that serve MNIST wrongly: each is passed over soon, and leaves nothing."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from digits.data.datasets import BYTES
from tests.attacks.mirrors import KINDS, serving
from tests.repository import PARAMS, ROOT

SECONDS = 30


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    content = np.random.default_rng(seed).integers(256, size=max(BYTES["mnist"].values()), dtype=np.uint8).tobytes()
    files = {name: content[:size] for name, size in BYTES["mnist"].items()}
    chosen = list(KINDS) if long else list(np.random.default_rng(seed).permutation(list(KINDS))[:6])
    for kind in chosen:
        with tempfile.TemporaryDirectory() as folder, serving(files, KINDS[kind]) as url:
            yield kind, _download(Path(folder), url)


def _download(folder: Path, url: str) -> str:
    parameters = {**PARAMS, "download": {**PARAMS["download"], "mirrors": {"mnist": [url]}, "offline": "fail"}}
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MNIST_MIRROR": ""}
    command = [sys.executable, "-m", "stages.download"]
    start, largest = time.monotonic(), 0
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    told: list[str] = []
    reader = threading.Thread(target=lambda: told.extend(process.stderr or ()), daemon=True)
    reader.start()
    while process.poll() is None:
        if (seconds := time.monotonic() - start) > 2 * SECONDS:
            process.kill()
            return f"still not passed over after {seconds:.0f} s"
        sizes = [path.stat().st_size for path in (folder / "data").glob("**/*") if path.exists() and path.is_file()]
        largest = max(largest, sum(sizes))
        time.sleep(0.1)
    reader.join()
    seconds, lines = time.monotonic() - start, [line for line in told if line.startswith(("warning", "error"))]
    if process.returncode != 1 or len(lines) != 2 or "Traceback" in "".join(told):
        return f"exit code {process.returncode}: {''.join(told)[-300:]}"
    if seconds > SECONDS:
        return f"passed over after {seconds:.0f} s"
    if largest > 1.5 * sum(BYTES["mnist"].values()):
        return f"{largest:,} bytes on the disk"
    left = [path.name for path in (folder / "data").glob("**/*") if path.is_file()]
    return f"left {left}" if left else ""
