"""Real pipelines that are killed, run out of room, or run twice at once.

No file is left half-written under its final name, and in the end all are those of an undisturbed run. The short form
ends before the training, which tests/pipeline kills.
"""

import contextlib
import hashlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from tests.repository import STAGES, Repository, create, differing

WAYS = ["SIGKILL to all", "SIGKILL to dvc alone", "SIGINT to all", "SIGTERM to all"]
# Rewritten after each epoch, so it is whole with fewer lines too.
GROWING = "training.tsv"
LONGEST = 900


class World(NamedTuple):
    """What trials work with.

    start: a repository of which only the stage download has run
    whole: the same after an undisturbed run of ``stages``, which took so many ``seconds``
    """

    start: Repository
    whole: Repository
    stages: list[str]
    seconds: float
    random: np.random.Generator


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        start = create(folder / "start")
        start.commit("start")
        # Once for all: to write the sample takes longer than the stages that follow.
        start.run("dvc", "repro", "download")
        whole, stages = start.copy(folder / "whole"), STAGES if long else STAGES[:2]
        begun = time.monotonic()
        whole.run("dvc", "repro", *stages)
        world = World(start, whole, stages, time.monotonic() - begun, np.random.default_rng(seed))
        for number in range(8 if long else 1):
            for trial, problem in _kill(world, folder / f"kill {number}", 15 if long else 3):
                yield f"kill {number}, {trial}", problem
        for stage in stages:
            yield f"no room, {stage}", _leave_no_room(world, folder / stage, stage)
        for number in range(3 if long else 1):
            yield f"two at once, {number}", _run_twice(world, folder / f"two {number}")


def _kill(world: World, folder: Path, kills: int) -> Iterator[tuple[str, str]]:
    """Kill ``dvc repro`` again and again, each time after no more than a fifth of the seconds that it needs."""
    copy, ways = world.start.copy(folder), [str(way) for way in world.random.permutation(WAYS * kills)[:kills]]
    for number, way in enumerate(ways):
        process, log = _repro(copy, world, f"{number}.log")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(float(world.random.uniform(0.2, 1)) * max(world.seconds / 5, 3))
        if process.poll() is None:
            kind = signal.Signals[way.split()[0]]
            if way.endswith("alone"):
                process.send_signal(kind)
                # The stage goes on for a while.
                time.sleep(1)
            else:
                os.killpg(process.pid, kind)
            process.wait(60)
        text = log.read_text(encoding="utf-8", errors="replace")
        # DVC itself has one if it is interrupted while it starts.
        traceback = "Traceback" in text and str(folder) in text
        yield f"{number} ({way})", text[-300:] if traceback else _half_files(copy, world)
        # DVC writes these in place, and refuses an empty one until its user deletes it.
        for name in ("dvc.lock", ".dvc/tmp/rwlock"):
            if (folder / name).exists() and not (folder / name).stat().st_size:
                (folder / name).unlink()
    process, log = _repro(copy, world, "end.log")
    failed = process.wait(LONGEST)
    yield "the end", log.read_text(encoding="utf-8")[-600:] if failed else _differing(copy, world)


def _leave_no_room(world: World, folder: Path, stage: str) -> str:
    """Let ``stage`` write no file of more than some bytes: a full disk for those who may not mount one."""
    copy = world.whole.copy(folder)
    lock = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))
    files = [file for out in lock["stages"][stage]["outs"] for file in _files(folder / out["path"])]
    limit = int(world.random.integers(max(file.stat().st_size for file in files)))
    for file in files:
        file.unlink()
    command = ["python", "-m", f"stages.{stage}"]
    done = subprocess.run(
        command, cwd=folder, env=copy.environment, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    if done.returncode == 0 or "Traceback" in done.stderr or len(errors) != 1:
        return f"with {limit} bytes, exit code {done.returncode}: {done.stderr[-600:]}"
    return _half_files(copy, world)


def _run_twice(world: World, folder: Path) -> str:
    """Start ``dvc repro`` twice: one at least is done, and the other says in a line that it has to wait."""
    copy = world.start.copy(folder)
    runs = []
    for name in ("one.log", "other.log"):
        runs.append(_repro(copy, world, name))
        time.sleep(world.random.uniform(0, world.seconds / 4))
    for process, log in runs:
        code, text = process.wait(LONGEST), log.read_text(encoding="utf-8", errors="replace")
        if "Traceback" in text or (code and not any(word in text for word in ("lock", "busy", "already"))):
            return f"exit code {code}: {text[-600:]}"
    if all(process.returncode for process, _ in runs):
        return "neither is done"
    return _differing(copy, world)


def _repro(copy: Repository, world: World, name: str) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start ``dvc repro`` in ``copy``; return the process, and the file beside the repository that it writes to."""
    log = copy.path.with_name(f"{copy.path.name} {name}")
    with log.open("wb") as file:
        command = ["dvc", "repro", *world.stages]
        process = subprocess.Popen(
            command, cwd=copy.path, env=copy.environment, stdout=file, stderr=file, start_new_session=True
        )
    return process, log


def _differing(copy: Repository, world: World) -> str:
    """Return in what ``copy``, which is done, is not as after an undisturbed run."""
    names = differing(world.whole.hashes(), copy.hashes())
    checkpoints = [path.name for path in copy.path.glob(".checkpoints/*.npz")]
    return f"{names} differ, {checkpoints} are left" if names or checkpoints else _half_files(copy, world)


def _half_files(copy: Repository, world: World) -> str:
    """Return which outputs are there, but are not those of the undisturbed run."""
    halves = []
    for whole in (file for name in world.whole.hashes() for file in _files(world.whole.path / name)):
        path = copy.path / whole.relative_to(world.whole.path)
        if path.exists() and path.name != GROWING and _md5(path) != _md5(whole):
            halves.append(str(path.relative_to(copy.path)))
    return f"half-written: {', '.join(halves)}" if halves else ""


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.glob("**/*") if file.is_file()]


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()
