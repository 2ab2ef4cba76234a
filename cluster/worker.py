"""The Ray task that runs a stage in a clone on its node. It is sent by value: nodes need not have this package."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.stage import Stage
from dvc.stage.exceptions import StageCmdFailedError

# A worker process runs many stages, one after another, in one clone.
_folders: list[Path] = []


def work(job: dict[str, Any], pack: bytes) -> Iterator[tuple[str, Any]]:
    """Yield "started" and this node's name as soon as it has room; then "done" and the MD5 sums of the stage's outputs,
    "lost" if the stage was killed, or "failed", and the reason."""
    import ray  # Not the driver's concern, which finds out later whether there is Ray.

    yield "started", f"{socket.gethostname()}-{ray.get_runtime_context().get_node_id()[:4]}"
    if not _folders:
        _folders.append(_start(pack))
    log = _folders[0] / "log"
    os.truncate(log, 0)
    os.environ["DIGITS_CHECKPOINTS"] = job["checkpoints"]
    # A stage is to run as it does without Ray.
    os.environ.pop("OMP_NUM_THREADS", None)
    try:
        yield "done", _run(job, _folders[0] / "clone")
    except Exception as error:
        yield _failure(error, log.read_text(encoding="utf-8", errors="replace"))


def output_stage(repo: Repo, wdir: str, outs: dict[str, str]) -> Stage:
    """Return a stage in ``wdir`` whose outputs have the MD5 sums ``outs``, as the run cache sees it: all of them in the
    cache, even those that dvc.yaml keeps in Git. The current folder must be that of ``repo``."""
    listed = [{"path": path, "hash": "md5", "md5": md5} for path, md5 in outs.items()]
    return repo.stage_cache._create_stage({"cmd": "none", "outs": listed}, wdir=wdir)


def hashes(stage: Stage) -> dict[str, str]:
    """Return the MD5 sum of each output of ``stage``."""
    return {out.def_path: out.hash_info.value for out in stage.outs if out.hash_info}


def transfer(repo: Repo, stage: Stage, way: str) -> None:
    """Push all outputs of a stage that ``output_stage`` returned to the remote, or pull them from there."""
    for objects in stage.get_used_objs().values():
        getattr(repo.cloud, way)(objects)


def _start(pack: bytes) -> Path:
    """Return a new folder with a clone and a log, to which everything is written that a stage writes."""
    folder = Path(tempfile.mkdtemp(prefix="dvc-cluster-"))
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    # However this worker ends, so does all that it started; Ray itself kills its children only, not their children.
    end = 'exec 3<&0; { read -r _ <&3; kill -9 "-$1"; rm -rf "$2"; } &'
    ends, _ = os.pipe()
    subprocess.run(["sh", "-c", end, "sh", f"{os.getpid()}", folder], stdin=ends, start_new_session=True, check=True)
    os.close(ends)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "site")
    clone = folder / "clone"
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    subprocess.run(["git", "unpack-objects", "-q"], cwd=clone, input=pack, check=True)
    return folder


def _run(job: dict[str, Any], clone: Path) -> dict[str, str]:
    """Run a stage on the outputs of those before it, and return the MD5 sums of its own."""
    if not job["remote"] and not Path(job["proof"]).exists():
        raise FileNotFoundError(f"{socket.gethostname()} cannot reach {Path(job['proof']).parent}; give --remote")
    # What an earlier stage left behind would be taken for an input.
    for command in (["reset", "--quiet", "--hard", job["commit"]], ["clean", "-ffdxq"]):
        subprocess.run(["git", *command], cwd=clone, check=True)
    for folder, wdir, outs, ignored in job["inputs"]:
        with chdir(clone / folder), Repo(".", config=job["config"][folder]) as repo:
            maker = output_stage(repo, str(clone / wdir), outs)
            if job["remote"]:
                transfer(repo, maker, "pull")
            with repo.lock:
                maker.checkout(force=True)
            # In a folder that is an input as a whole, the .gitignore that DVC writes is one too.
            for out in maker.outs:
                if out.def_path in ignored:
                    out.ignore()
    with chdir(clone / job["folder"]), Repo(".", config=job["config"][job["folder"]]) as repo:
        repo.reproduce([job["target"]], single_item=True, pull=job["remote"])
        [stage] = repo.stage.collect(job["target"])
        # DVC itself leaves out stages with an output that is kept in Git.
        repo.stage_cache.save(stage)
        if job["remote"]:
            transfer(repo, output_stage(repo, stage.wdir, hashes(stage)), "push")
            repo.stage_cache.push(None)
        return hashes(stage)


def _failure(error: BaseException, log: str) -> tuple[str, str]:
    while error.__cause__:
        error = error.__cause__
    if not isinstance(error, StageCmdFailedError):
        return "failed", (str(error) or type(error).__name__).splitlines()[0]
    status = int(str(error).rpartition(" ")[2])
    if status < 0 or status > 128:  # A shell adds 128 to the signal's number.
        return "lost", "killed"
    return "failed", (log.strip().splitlines() or [f"exit code {status}"])[-1]
