"""Both pipelines, killed again and again at random moments: they end with the bytes of an undisturbed run."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.attacks.limits import remove_halves_of_dvc
from tests.repository import Repository, create, create_reader, differing

WAYS = ["SIGKILL to all", "SIGKILL to dvc alone", "SIGINT to all", "SIGTERM to all"]
# The kills of a run, at most, in the long form and in the short one, and those before a parameter changes.
KILLS, SHORT, CHANGED = 15, 4, 3
# The section of each pipeline's params.yaml whose seed changes, so that it is trained anew.
SECTIONS = {".": "train", "reader": "detector"}


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as temporary:
        for folder in SECTIONS if long else ["."]:
            path = Path(temporary) / SECTIONS[folder]
            start = (create if folder == "." else create_reader)(path / "start")
            if folder == ".":
                start.commit("start")
            yield from _pipeline(start, path, folder, seed, *((8, KILLS) if long else (1, SHORT)))


def _pipeline(
    start: Repository, path: Path, folder: str, seed: int, runs: int, kills: int
) -> Iterator[tuple[str, str]]:
    """Kill the pipeline in ``folder`` in ``runs`` copies of ``start``, every second time with a changed parameter."""
    random = np.random.default_rng(seed)
    wanted = {}
    for changed in (False, True)[: min(runs, 2)]:
        whole = start.copy(path / f"whole{changed:d}")
        if changed:
            _change(whole, folder)
        begun = time.monotonic()
        whole.run("dvc", "--cd", folder, "repro")
        longest = (time.monotonic() - begun) / 5
        wanted[changed] = whole.hashes(folder)
    for number in range(runs):
        copy = start.copy(path / str(number))
        name, changed = f"{folder} {number}", number % 2 == 1
        yield from _killed(copy, folder, random, longest, name, changed, kills)
        wrong = differing(wanted[changed], copy.hashes(folder))
        # Half-written files of killed processes are deleted the next day, and what the changed parameter made useless
        # is kept for a while: only a run's own checkpoint must be gone.
        left = [] if changed else [file.name for file in copy.path.glob(f"{folder}/.checkpoints/*.npz")]
        yield f"{name}, the end", f"{wrong} differ, {left} are left" if wrong or left else ""


def _change(copy: Repository, folder: str) -> None:
    copy.set_in(folder, {SECTIONS[folder]: {"seed": 1}})


def _killed(
    copy: Repository, folder: str, random: np.random.Generator, longest: float, name: str, changed: bool, kills: int
) -> Iterator[tuple[str, str]]:
    """Kill ``dvc repro`` until it is done, each time after no more than ``longest`` seconds."""
    for number in range(kills + 5):
        if changed and number == CHANGED:
            _change(copy, folder)
        way = WAYS[int(random.integers(len(WAYS)))] if number < kills else ""
        ended, told = _repro(copy, folder, way, float(random.uniform(0, longest)))
        remove_halves_of_dvc(told, copy.path / folder)
        # DVC itself has one if it is interrupted while it starts.
        if "Traceback" in told and str(copy.path) in told:
            yield f"{name}, kill {number} ({way})", told[-300:]
        elif ended and not (changed and number < CHANGED):
            break
        else:
            yield f"{name}, kill {number} ({way})", ""


def _repro(copy: Repository, folder: str, way: str, seconds: float) -> tuple[bool, str]:
    """Run ``dvc repro``, killed in a ``way`` after some ``seconds``; return whether it ended well, and its errors."""
    log = copy.path / ".dvc" / "tmp" / "attack.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["dvc", "--cd", folder, "repro"]
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, cwd=copy.path, env=copy.environment, stdout=told, stderr=told, start_new_session=True
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds if way else 600)
        if process.poll() is None:
            kind = signal.Signals[way.split()[0]]
            (process.send_signal if way.endswith("alone") else lambda each: os.killpg(process.pid, each))(kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        if way.endswith("alone"):
            # Its stage goes on for a while, and refuses to run twice.
            time.sleep(1)
    return process.returncode == 0, log.read_text(encoding="utf-8", errors="replace")
