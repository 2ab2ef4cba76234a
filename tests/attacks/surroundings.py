"""Real pipelines in bad surroundings: they end with the bytes of an undisturbed run, or say in one line why not.

The short form runs two trials, other ones for each seed, up to the stage preprocess.
"""

import contextlib
import hashlib
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from tests.attacks.limits import Skipped, remove_halves_of_dvc
from tests.repository import STAGES, Repository, create, differing

ROOM = "MB are free in "
# Rewritten after each epoch, so it is whole with fewer lines too.
GROWING = "plots/training.tsv"
PAGE = 4096
LONGEST = 900


class World(NamedTuple):
    """What trials work with.

    start: a repository that has not run
    whole: the same after an undisturbed run of ``targets``, or of everything if there are none
    folder: an empty one, of the trial's own
    """

    start: Repository
    whole: Repository
    targets: list[str]
    folder: Path
    random: np.random.Generator


Trial = Callable[[World], str]


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    cheap: dict[str, Trial] = {
        "files of at most some bytes": _small_files,
        "path with blanks and signs": partial(_repro, name="it's a $HOME of  Jürgen's (ö) & 100% #1"),
        "mounted read-only": partial(_read_only, lock=_mounted_read_only),
        "no home": partial(_repro, environment={"HOME": None, "USERPROFILE": None, "LOGNAME": "someone"}),
        "full disk, preprocess": partial(_full_disk, stage="preprocess"),
        "ASCII": partial(_repro, environment={**ASCII}),
        "immutable folder": partial(_read_only, lock=_immutable),
        "clone of depth 1": partial(_cloned, command=["git", "clone", "-q", "--depth=1"]),
        "worktree": _worktree,
        "another user's folder": partial(_read_only, lock=_foreign),
        "files of 1980": partial(_dated, year=1980),
        "files of 2100": partial(_dated, year=2100),
    }
    trials = cheap
    if long:
        trials = {
            **cheap,
            "home that does not exist": partial(_repro, environment={"HOME": "/nonexistent/home"}),
            "unknown user without a home": _unknown,
            "ASCII, path with umlauts": _ascii_path,
            "odd time zone": partial(_repro, environment={"TZ": "ODD-13:37:11"}),
            "missing time zone": partial(_repro, environment={"TZ": ":/nonexistent"}),
            "clock of 1970": partial(_clock, year=1970),
            "clock of 2100": partial(_clock, year=2100),
            "full temporary folder": _full_temporary,
            **{f"full disk, {stage}": partial(_full_disk, stage=stage) for stage in STAGES},
            "full disk, dvc repro": _full_disk_for_dvc,
            "temporary experiment": _temporary_experiment,
            "two queued experiments at once": _queue,
            **{f"two dvc repro at once, {number}": _two_at_once for number in range(3)},
        }
    names = list(trials) if long else [list(cheap)[(2 * seed + number) % len(cheap)] for number in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        start = create(Path(folder) / "start")
        start.commit("start")
        whole = start.copy(Path(folder) / "whole")
        targets = [] if long else ["preprocess"]
        whole.run("dvc", "repro", *targets)
        for number, name in enumerate(names):
            own = Path(folder) / str(number)
            own.mkdir()
            yield name, trials[name](World(start, whole, targets, own, np.random.default_rng([seed, number])))
            shutil.rmtree(own)


# What is run, and how it ends.


def _run(copy: Repository, *command: str, most: int | None = None) -> tuple[int, str]:
    """Run ``command``, which may write files of at most ``most`` bytes; return its exit code and what it says."""

    def limit() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    with tempfile.TemporaryFile() as told:
        # Not a pipe, which the limit would not concern, but which a process that is left behind would keep open.
        process = subprocess.Popen(
            command, cwd=copy.path, env=copy.environment, stdout=subprocess.PIPE, stderr=told, preexec_fn=limit
        )
        out, _ = process.communicate(timeout=LONGEST)
        told.seek(0)
        return process.returncode, (out + b"\n" + told.read()).decode(errors="replace")


def _repro_of(copy: Repository, world: World, *before: str) -> str:
    """Run ``dvc repro`` to its end, behind the words ``before``, and return what is wrong with it."""
    code, told = _run(copy, *before, "dvc", "repro", *world.targets)
    if code or "Traceback" in told:
        return f"exit code {code}: {told[-600:]}"
    return _differing(copy.hashes(), world)


def _differing(hashes: dict[str, str], world: World) -> str:
    wrong = differing(world.whole.hashes(), hashes)
    return f"{', '.join(wrong)} differ" if wrong else ""


def _refused(told: str, free: bool = True) -> str:
    """Return what is wrong with a stage's refusal: it is one line, which tells what is ``free``, and no traceback."""
    lines = [line for line in told.splitlines() if line.startswith("error:")]
    if "Traceback" in told or len(lines) != 1 or (free and ROOM not in lines[0]):
        return f"not refused in one line: {told[-600:]}"
    return ""


def _halves(copy: Repository, world: World) -> str:
    """Return which files are written by half, or under a temporary name."""
    left = [path for path in files(copy.path) if path.name.endswith(".partial")]
    for out in world.whole.hashes():
        for whole in files(world.whole.path / out):
            path = copy.path / whole.relative_to(world.whole.path)
            if path.exists() and md5(path) != md5(whole) and out != GROWING:
                left.append(path)
    return f"left {', '.join(str(path.relative_to(copy.path)) for path in left)}" if left else ""


def files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [each for each in path.glob("**/*") if each.is_file()]


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


# A stage alone.


def _without_outputs(world: World, stage: str, path: Path) -> Repository:
    """Copy to ``path`` what ``stage`` needs of an undisturbed run, without its outputs."""
    shutil.copytree(
        world.whole.path, path, ignore=shutil.ignore_patterns(".git", "cache", ".checkpoints"), dirs_exist_ok=True
    )
    copy = Repository(path)
    for out in _outputs(world, stage):
        each = path / out
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
    return copy


def _outputs(world: World, stage: str) -> list[str]:
    lock = yaml.safe_load((world.whole.path / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return [out["path"] for out in lock[stage]["outs"]]


def _done(copy: Repository, world: World, stage: str, *before: str) -> str:
    """Run ``stage`` to its end, behind the words ``before``, and return what is wrong with its outputs."""
    code, told = _run(copy, *before, "python", "-m", f"stages.{stage}")
    if code or "Traceback" in told:
        return f"afterwards, exit code {code}: {told[-600:]}"
    for out in _outputs(world, stage):
        for whole in files(world.whole.path / out):
            path = copy.path / whole.relative_to(world.whole.path)
            if not path.exists() or md5(path) != md5(whole):
                return f"afterwards, {path.relative_to(copy.path)} differs"
    return _halves(copy, world)


# Full disks.


def _disk(path: Path, megabytes: int) -> contextlib.AbstractContextManager[str]:
    """Mount a small disk at ``path``, as ``_done_for_a_while`` does."""
    path.mkdir()
    return _done_for_a_while(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path], ["umount", "-l", path]
    )


@contextlib.contextmanager
def _done_for_a_while(command: list[str | Path], undo: list[str | Path]) -> Iterator[str]:
    """Run ``command`` before the block, and ``undo`` after it; yield why ``command`` failed, if it did."""
    if not shutil.which(command[0]):
        yield f"there is no {command[0]}"
        return
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        yield done.stderr.strip()
    finally:
        if not done.returncode:
            subprocess.run(undo, check=True)


def _fill(disk: Path, room: int) -> Path:
    """Fill ``disk`` but for ``room`` bytes with one file, and return it."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - room // PAGE * PAGE)
    return filler


# There is one disk only: Python would otherwise take another folder for its temporary files.
ONE_DISK = """
import os, tempfile
tempfile._candidate_tempdir_list = lambda: [os.environ["TMPDIR"], os.getcwd()]
"""


def _full_disk(world: World, stage: str) -> str:
    """Run ``stage`` with no byte free, then with fewer than its outputs need, then with enough."""
    (world.folder / "sitecustomize.py").write_text(ONE_DISK)
    with _disk(world.folder / "disk", 50) as reason:
        if reason:
            return Skipped(reason)
        copy = _without_outputs(world, stage, world.folder / "disk" / "copy")
        shutil.rmtree(copy.path / ".dvc" / "tmp", ignore_errors=True)
        copy.environment |= {"PYTHONPATH": str(world.folder), "TMPDIR": str(world.folder / "disk")}
        size = sum(file.stat().st_size for out in _outputs(world, stage) for file in files(world.whole.path / out))
        for room in (0, int(world.random.integers(size))):
            filler = _fill(world.folder / "disk", room)
            code, told = _run(copy, "python", "-m", f"stages.{stage}")
            wrong = (_refused(told) if code else "") or _halves(copy, world)
            if wrong:
                return f"with {room} bytes free, exit code {code}: {wrong}"
        filler.unlink()
        return _done(copy, world, stage)


def _full_temporary(world: World) -> str:
    """Let only the folder of temporary files be full."""
    with _disk(world.folder / "disk", 1) as reason:
        if reason:
            return Skipped(reason)
        for stage in ("train", "evaluate", "export", "plot"):
            copy = _without_outputs(world, stage, world.folder / stage)
            temporary = world.folder / "disk" / "tmp"
            temporary.mkdir(exist_ok=True)
            for room in (PAGE, 5 * PAGE):
                filler = _fill(world.folder / "disk", room)
                copy.environment["TMPDIR"] = str(temporary)
                code, told = _run(copy, "python", "-m", f"stages.{stage}")
                if wrong := (_refused(told) if code else "") or _halves(copy, world):
                    return f"{stage}, with {room} bytes free, exit code {code}: {wrong}"
                filler.unlink()
            del copy.environment["TMPDIR"]
            if wrong := _done(copy, world, stage):
                return f"{stage}, {wrong}"
    return ""


def _full_disk_for_dvc(world: World) -> str:
    """Run ``dvc repro`` on a disk with ever more room, but too little."""
    with _disk(world.folder / "disk", 100) as reason:
        if reason:
            return Skipped(reason)
        copy = world.start.copy(world.folder / "disk" / "copy")
        for room in sorted(world.random.integers(5_000_000, size=5)):
            filler = _fill(world.folder / "disk", int(room))
            code, told = _run(copy, "dvc", "repro")
            filler.unlink()
            if "Traceback" in told or (wrong := _halves(copy, world)):
                return f"with {room} bytes free, exit code {code}: {wrong or told[-600:]}"
            remove_halves_of_dvc(_run(copy, "dvc", "status")[1], copy.path)
        return _repro_of(copy, world)


def _small_files(world: World) -> str:
    """Allow no file larger than some bytes: a full disk for those who may not mount one."""
    copy = world.start.copy(world.folder / "copy")
    code, told = _run(copy, "dvc", "repro", *world.targets, most=int(world.random.integers(20_000, 600_000)))
    wrong = (_refused(told) if code else "exit code 0") or _halves(copy, world)
    return wrong or _repro_of(copy, world)


# Folders that may not be written to.


def _mounted_read_only(folder: Path) -> contextlib.AbstractContextManager[str]:
    return _done_for_a_while(["mount", "--bind", "-o", "ro", folder, folder], ["umount", "-l", folder])


def _immutable(folder: Path) -> contextlib.AbstractContextManager[str]:
    return _done_for_a_while(["chattr", "+i", folder], ["chattr", "-i", folder])


@contextlib.contextmanager
def _foreign(folder: Path) -> Iterator[str]:
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    try:
        yield ""
    finally:
        folder.chmod(mode)


def _read_only(world: World, lock: Callable[[Path], contextlib.AbstractContextManager[str]]) -> str:
    """Run a stage when its outputs' folder, or all of the repository, may not be written to."""
    copy = _without_outputs(world, "preprocess", world.folder / "copy")
    # The permissions of folders do not concern root otherwise.
    before = WITHOUT_PRIVILEGES if lock is _foreign and os.geteuid() == 0 else []
    if before and (reason := _why_not(copy, before)):
        return Skipped(reason)
    for folder in (copy.path / "data" / "processed", copy.path):
        folder.mkdir(exist_ok=True)
        with lock(folder) as reason:
            if reason:
                return Skipped(reason)
            code, told = _run(copy, *before, "python", "-m", "stages.preprocess")
            wrong = (_refused(told) if code else "") or _halves(copy, world)
            # The folders in the repository may not be locked with it.
            if wrong or (not code and folder != copy.path):
                return wrong or "exit code 0"
    return _done(copy, world, "preprocess")


WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
# Someone whom the machine does not know, as in a container.
AS_NOBODY = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]


def _why_not(copy: Repository, before: list[str]) -> str:
    """Return why Python cannot be run behind the words ``before``, if it cannot."""
    try:
        code, told = _run(copy, *before, "python", "-c", "import dvc")
    except FileNotFoundError:
        return f"there is no {before[0]}"
    return told.strip() if code else ""


# Other environments, paths and clocks.

# Python would otherwise use UTF-8 all the same.
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def _repro(world: World, environment: dict[str, str | None] | None = None, name: str = "copy") -> str:
    """Run in another ``environment``, whose None are unset, and in a folder of another ``name``."""
    copy = world.start.copy(world.folder / name)
    for key, value in (environment or {}).items():
        if value is None:
            copy.environment.pop(key, None)
        else:
            copy.environment[key] = value
    return _repro_of(copy, world)


def _ascii_path(world: World) -> str:
    """Run the stages alone in a path that the encoding lacks, but for those with TensorFlow: like DVC, it refuses."""
    copy = world.whole.copy(world.folder / "Übung ß")
    copy.environment |= ASCII
    for stage in ("download", "preprocess", "augment", "charts", "plot"):
        if wrong := _done(copy, world, stage):
            return f"{stage}, {wrong}"
    return ""


def _unknown(world: World) -> str:
    """Run as a user whom the machine does not know, with a home that does not exist, and stages alone without one."""
    copy = world.start.copy(world.folder / "copy")
    if reason := _why_not(copy, AS_NOBODY):
        return Skipped(reason)
    # DVC itself needs to know who it is, and where its home would be.
    copy.environment |= {"LOGNAME": "someone", "HOME": "/nonexistent/home"}
    if wrong := _repro_of(copy, world, *AS_NOBODY):
        return wrong
    for name in ("LOGNAME", "HOME"):
        del copy.environment[name]
    for stage in STAGES:
        if wrong := _done(copy, world, stage, *AS_NOBODY):
            return f"{stage}, {wrong}"
    return ""


def _dated(world: World, year: int) -> str:
    """Give all files a date of another ``year`` before a run and after it, when nothing is left to be done."""
    copy = world.start.copy(world.folder / "copy")
    for again in (False, True):
        for path in copy.path.glob("**/*"):
            if path.is_file():
                seconds = (year - 1970) * 365.25 * 86400
                os.utime(path, (seconds, seconds))
        if wrong := _repro_of(copy, world):
            return f"{'again: ' if again else ''}{wrong}"
    return f"then {changed} has changed" if not world.targets and (changed := copy.changed_stages()) else ""


# Python imports it before anything else.
CLOCK = """
import time
_time, _localtime, _gmtime, _start = time.time, time.localtime, time.gmtime, time.time()
time.time = lambda: _time() - _start + {start}
time.time_ns = lambda: int(time.time() * 1e9)
time.localtime = lambda seconds=None: _localtime(time.time() if seconds is None else seconds)
time.gmtime = lambda seconds=None: _gmtime(time.time() if seconds is None else seconds)
"""


def _clock(world: World, year: int) -> str:
    """Let all Python processes think that it is another ``year``, as on a machine whose battery is empty.

    A model cannot be written before 1980, when ZIP archives begin; that is said in one line.
    """
    copy = world.start.copy(world.folder / "copy")
    (world.folder / "sitecustomize.py").write_text(CLOCK.format(start=(year - 1970) * 365.25 * 86400 + 60))
    copy.environment["PYTHONPATH"] = str(world.folder)
    if year < 1980:
        code, told = _run(copy, "dvc", "repro", *world.targets)
        if wrong := _refused(told, free=False) if code else "exit code 0":
            return wrong
        del copy.environment["PYTHONPATH"]
    return _repro_of(copy, world)


# Other kinds of repository.


def _cloned(world: World, command: list[str]) -> str:
    copy = Repository(world.folder / "copy")
    world.start.run(*command, world.start.path.as_uri(), str(copy.path))
    return _repro_of(copy, world)


def _worktree(world: World) -> str:
    copy = world.start.copy(world.folder / "copy")
    copy.run("git", "worktree", "add", "-q", "--detach", str(world.folder / "tree"))
    return _repro_of(Repository(world.folder / "tree"), world)


# Experiments, and several runs at once.


def _of_experiment(copy: Repository, name: str) -> dict[str, str]:
    refs = copy.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    ref = next((ref for ref in refs if ref.endswith(f"/{name}")), None)
    if not ref:
        return {}
    lock = yaml.safe_load(copy.run("git", "show", f"{ref}:dvc.lock"))["stages"]
    return {out["path"]: out["md5"] for stage in lock.values() for out in stage["outs"]}


def _temporary_experiment(world: World) -> str:
    copy = world.start.copy(world.folder / "copy")
    code, told = _run(copy, "dvc", "exp", "run", "--temp", "-n", "apart")
    if code or "Traceback" in told:
        return f"exit code {code}: {told[-600:]}"
    return _differing(_of_experiment(copy, "apart"), world)


def _queue(world: World) -> str:
    """Let two workers run two experiments: the undisturbed run's, and one with an epoch less."""
    shorter = world.whole.copy(world.folder / "shorter")
    shorter.set(train={"epochs": 2})
    shorter.run("dvc", "repro")
    copy = world.start.copy(world.folder / "copy")
    copy.run("dvc", "exp", "run", "--queue", "-n", "same", "-S", "evaluate.shift=0")
    copy.run("dvc", "exp", "run", "--queue", "-n", "shorter", "-S", "train.epochs=2")
    copy.run("dvc", "queue", "start", "-j", "2")
    try:
        end = time.monotonic() + LONGEST
        while (status := copy.run("dvc", "queue", "status")) and ("Queued" in status or "Running" in status):
            if time.monotonic() > end:
                return f"not done: {status}"
            time.sleep(3)
    finally:
        _run(copy, "dvc", "queue", "stop", "--kill")
    wrong = _differing(_of_experiment(copy, "same"), world)
    if not wrong and _of_experiment(copy, "shorter") != shorter.hashes():
        wrong = "the shorter one differs"
    return f"{wrong}: {status}" if wrong else ""


def _two_at_once(world: World) -> str:
    """Start ``dvc repro`` twice: each is done, or says in one line that the other runs."""
    copy = world.start.copy(world.folder / "copy")
    logs = [world.folder / "one.log", world.folder / "other.log"]
    processes = []
    for log in logs:
        with log.open("wb") as file:
            processes.append(
                subprocess.Popen(["dvc", "repro"], cwd=copy.path, env=copy.environment, stdout=file, stderr=file)
            )
        time.sleep(world.random.uniform(0, 8))
    for process, log in zip(processes, logs, strict=True):
        code, told = process.wait(LONGEST), log.read_text(encoding="utf-8", errors="replace")
        says = [line for line in told.splitlines() if "lock" in line or "busy" in line or "already" in line]
        if "Traceback" in told or (code and not says):
            return f"exit code {code}: {told[-600:]}"
    if all(process.returncode for process in processes):
        return f"neither is done: {''.join(log.read_text() for log in logs)[-600:]}"
    return _halves(copy, world) or _repro_of(copy, world)
