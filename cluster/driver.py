"""Give the stages to a Ray cluster, each when those before it are done, and bring the results into the user's clone."""

import logging
import os
import secrets
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import chdir
from itertools import takewhile
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import Stage

from cluster import worker
from cluster.connection import connected
from cluster.graph import Pipelines, git, snapshot, target, threads, uncacheable
from digits.core.errors import InputError

# A stage that is killed that often may need more memory than any node has.
ATTEMPTS = 3


def repro(folders: Sequence[Path], address: str | None, remote: str | None) -> None:
    """Do what ``dvc repro`` does in ``folders``, one after another, but run independent stages at the same time, on the
    Ray cluster at ``address``, or on this machine.

    Inputs and results go through the DVC remote with the URL ``remote``, or through this clone's cache folders if it is
    None. Raises InputError in one line that names the stages that failed, when the others are done.
    """
    logging.getLogger("dvc").setLevel(logging.WARNING)
    top = Path(git("rev-parse", "--show-toplevel", cwd=Path.cwd()).decode().strip())
    url = remote if not remote or "://" in remote else str(Path(remote).resolve())
    config = {"core": {"remote": "cluster"}, "remote": {"cluster": {"url": url}}} if url else {}
    try:
        pipelines = Pipelines(top, folders, config)
        run = _Run(pipelines)
        if run.stages:
            run.all(address)
        without = pipelines.dependents([*run.failed])
        for repo in dict.fromkeys(stage.repo for stage in pipelines.stages):
            # Plain DVC takes the results from the run cache, and runs what can be run only here.
            with chdir(repo.root_dir), Repo(".", config=config) as fresh:
                wanted = [stage for stage in pipelines.stages if stage.repo is repo and stage not in without]
                fresh.reproduce([target(stage) for stage in wanted], pull=bool(url))
    except DvcException as error:
        raise InputError(str(error).splitlines()[0]) from error
    if run.failed:
        skipped = sorted(pipelines.name(stage) for stage in without - run.failed.keys())
        reasons = "; ".join(f"{pipelines.name(stage)}: {reason}" for stage, reason in run.failed.items())
        raise InputError(reasons + (f" (therefore not run: {', '.join(skipped)})" if skipped else ""))


class _Run:
    """The stages that ``dvc repro`` would not skip, and how far they are."""

    def __init__(self, pipelines: Pipelines) -> None:
        self.pipelines = pipelines
        changed: dict[Stage, None] = {}
        for stage in pipelines.stages:
            with stage.repo.lock:
                if any(out.stage in changed for out in pipelines.needs[stage]) or stage.changed():
                    changed[stage] = None
        here = pipelines.dependents([stage for stage in pipelines.stages if uncacheable(stage)])
        self.stages = [stage for stage in changed if stage not in here]
        # Brought into the user's clone while others run: in DVC's order, which is that of dvc.lock, and so none after a
        # failed one. From a remote, all are brought at the end: DVC would pull the whole run cache each time.
        self.to_bring = [] if pipelines.config else list(takewhile(self.stages.__contains__, changed))
        self.running: dict[Any, Stage] = {}
        self.places: dict[Stage, tuple[str, float]] = {}
        self.done: dict[Stage, dict[str, str]] = {}
        self.failed: dict[Stage, str] = {}
        self.lost: Counter[Stage] = Counter()

    def all(self, address: str | None) -> None:
        """Run all stages; those that fail are in ``failed`` with the reason, and those that need them are not run."""
        for maker in {out.stage for stage in self.stages for out in self.pipelines.needs[stage]} - {*self.stages}:
            self._provide(maker)
        commit, pack = snapshot(self.pipelines.top)
        proof = Path(self.stages[0].repo.tmp_dir, f"cluster-{secrets.token_hex(8)}")
        proof.touch()
        try:
            with connected(address) as ray:
                ray.cloudpickle.register_pickle_by_value(worker)
                task, shared = ray.remote(max_retries=0)(worker.work), ray.put(pack)
                most = max(int(each["Resources"].get("CPU", 1)) for each in ray.nodes() if each["Alive"])
                while True:
                    for stage in self._ready():
                        job = {"commit": commit, "proof": str(proof), **self._job(stage)}
                        started = task.options(num_cpus=min(threads(stage), most)).remote(job, shared)
                        self.running[started] = stage
                    if not self.running:
                        return
                    finished = self.to_bring and self.to_bring[0] in self.done
                    if messages := ray.wait([*self.running], timeout=0 if finished else None)[0]:
                        self._take(ray, messages[0])
                    else:
                        self._bring()
        finally:
            proof.unlink()

    def _bring(self) -> None:
        """Bring a finished stage, or leave it and those after it to the end if that fails, or if it would run again."""
        stage = self.to_bring.pop(0)
        try:
            with chdir(stage.repo.root_dir), Repo(".") as fresh:
                [found] = fresh.stage.collect(target(stage))
                # The user may have changed an input since the snapshot.
                with fresh.lock:
                    found.save_deps()
                    fresh.stage_cache.restore(found, dry=True)
                fresh.reproduce([target(stage)], single_item=True)
        except (DvcException, OSError):
            self.to_bring.clear()

    def _ready(self) -> list[Stage]:
        """Return the stages that wait for nothing but a node."""
        left = {*self.stages} - self.done.keys()
        over = {*self.running.values(), *self.done, *self.pipelines.dependents([*self.failed])}
        free = [stage for stage in self.stages if stage not in over]
        return [stage for stage in free if not any(out.stage in left for out in self.pipelines.needs[stage])]

    def _take(self, ray: Any, task: Any) -> None:
        """Take a message of a running task: its node's name, and at the end the outputs, or why there are none."""
        stage = self.running[task]
        try:
            message = ray.get(next(task))
        except ray.exceptions.RayTaskError as error:
            message = {"failed": str(error).strip().splitlines()[-1]}
        except ray.exceptions.RayError as error:
            message = {"lost": type(error).__name__}
        if isinstance(message, str):
            self.places[stage] = message, time.monotonic()
            return self._say(stage, f"started on {message}")
        del self.running[task]
        place, since = self.places.pop(stage, ("no node", time.monotonic()))
        self.lost[stage] += "lost" in message
        if "outs" in message:
            self.done[stage] = message["outs"]
            return self._say(stage, f"done on {place} in {time.monotonic() - since:.1f} s")
        if "lost" in message and self.lost[stage] < ATTEMPTS:
            return self._say(stage, f"lost on {place} ({message['lost']}); starts again where there is room")
        self.failed[stage] = message.get("failed") or f"lost {ATTEMPTS} times ({message['lost']})"
        return self._say(stage, f"failed on {place}: {self.failed[stage]}")

    def _say(self, stage: Stage, event: str) -> None:
        nodes = defaultdict(list)
        for each, (place, _) in self.places.items():
            nodes[place].append(self.pipelines.name(each))
        waiting = len(self.stages) - len(self.done) - len(self.places) - len(self.failed)
        counts = f"{len(self.done)} done, {waiting} waiting, {len(self.places)} running"
        now = "; ".join(f"{place}: {', '.join(names)}" for place, names in sorted(nodes.items()))
        print(f"{self.pipelines.name(stage)} {event} [{counts}{now and f' on {now}'}]", file=sys.__stdout__, flush=True)

    def _provide(self, stage: Stage) -> None:
        """Let the nodes have the outputs of a stage that is not run, as they are in the user's clone."""
        for out in stage.outs:
            if out.workspace_status():
                raise InputError(f"{os.path.relpath(out.fs_path)}: missing or changed; run its pipeline first")
        with chdir(stage.repo.root_dir):
            if stage.cmd:
                # Puts what is kept in Git into the cache, too.
                stage.repo.stage_cache.save(stage)
            if self.pipelines.config:
                worker.exchange(stage.repo, worker.kept(stage.repo, stage.wdir, worker.hashes(stage)), send=True)

    def _job(self, stage: Stage) -> dict[str, Any]:
        """Return what a worker must know about ``stage``."""
        pipelines, needs, inputs = self.pipelines, self.pipelines.needs[stage], []
        makers = {out.stage for out in needs}
        # In DVC's order, in which it also writes to .gitignore.
        for each in [*(makers - {*pipelines.stages}), *(other for other in pipelines.stages if other in makers)]:
            made = self.done.get(each) or worker.hashes(each)
            outs = {out.def_path: made[out.def_path] for out in each.outs if out in needs}
            ignored = [out.def_path for out in each.outs if out.use_cache]
            inputs.append([pipelines.folder(each.repo), os.path.relpath(each.wdir, pipelines.top), outs, ignored])
        config: dict[str, dict[str, Any]] = {}
        for repo in {stage.repo, *(out.repo for out in needs)}:
            cache = {} if pipelines.config else {"dir": repo.cache.legacy.path}
            links = ["reflink", "hardlink", "symlink", "copy"]
            config[pipelines.folder(repo)] = pipelines.config | {"cache": {"type": links, **cache}}
        own = str(Path(stage.repo.root_dir, ".checkpoints"))
        return {
            "folder": pipelines.folder(stage.repo),
            "target": target(stage),
            "inputs": inputs,
            "config": config,
            "pull": bool(pipelines.config),
            "environment": {"DIGITS_CHECKPOINTS": os.environ.get("DIGITS_CHECKPOINTS", own)},
        }
