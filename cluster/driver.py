"""Give the stages to a Ray cluster, each when those before it are done, and bring the results into the user's clone."""

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import chdir, suppress
from graphlib import TopologicalSorter
from itertools import takewhile
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import ray
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import Stage

from cluster import worker
from cluster.connection import connect
from cluster.graph import Pipelines, cores, git, snapshot, target, uncacheable
from digits.core.errors import InputError

# A stage that is killed that often may need more memory than any node has.
ATTEMPTS = 3
LINKS = ["reflink", "hardlink", "symlink", "copy"]


def reproduce(targets: Sequence[str], address: str | None, remote: str | None) -> None:
    """Do what ``dvc repro`` does for ``targets``, as ``Pipelines`` takes them, one after another, but run independent
    stages at the same time, on the Ray cluster at ``address``, or on this machine.

    Inputs and results go through the DVC remote with the URL ``remote``, or through this clone's cache folders if it is
    None. Raises InputError in one line that names the stages that failed, when the others are done.
    """
    logging.getLogger("dvc").setLevel(logging.WARNING)
    top = Path(git("rev-parse", "--show-toplevel", cwd=Path.cwd()).decode().strip())
    url = remote if not remote or "://" in remote else str(Path(remote).resolve())
    config = {"core": {"remote": "cluster"}, "remote": {"cluster": {"url": url}}} if url else {}
    try:
        pipelines = Pipelines(top, targets, config)
        run = _Run(pipelines)
        if run.stages:
            run.all(address)
        excluded = pipelines.dependents(run.failed)
        for repo in dict.fromkeys(stage.repo for stage in pipelines.stages if stage not in excluded):
            # Plain DVC takes the results from the run cache, and runs what can be run only here.
            with chdir(repo.root_dir), Repo(".", config=config) as fresh:
                wanted = [stage for stage in pipelines.stages if stage.repo is repo and stage not in excluded]
                fresh.reproduce([target(stage) for stage in wanted], pull=bool(url))
    except DvcException as error:
        raise InputError(str(error).splitlines()[0]) from error
    if run.failed:
        skipped = sorted(pipelines.name(stage) for stage in excluded - run.failed.keys())
        reasons = "; ".join(f"{pipelines.name(stage)}: {reason}" for stage, reason in run.failed.items())
        raise InputError(reasons + (f" (therefore not run: {', '.join(skipped)})" if skipped else ""))


class _Run:
    """The stages that ``dvc repro`` would not skip, and how far they are."""

    def __init__(self, pipelines: Pipelines) -> None:
        self.pipelines = pipelines
        changed = list[Stage]()
        for stage in pipelines.stages:
            with stage.repo.lock:
                if stage.changed():
                    changed.append(stage)
        outdated = pipelines.dependents(changed)
        here = pipelines.dependents(stage for stage in pipelines.stages if uncacheable(stage))
        self.stages = [stage for stage in pipelines.stages if stage in outdated - here]
        # Brought into the user's clone while others run: in DVC's order, which is that of dvc.lock, and so none after a
        # failed one. From a remote, all are brought at the end: DVC would pull the whole run cache each time.
        in_order = [] if pipelines.config else [stage for stage in pipelines.stages if stage in outdated]
        self.to_bring = list(takewhile(self.stages.__contains__, in_order))
        needs = {stage: {out.stage for out in pipelines.needs[stage]} & {*self.stages} for stage in self.stages}
        self.order = TopologicalSorter(needs)
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
        self.order.prepare()
        # Without a remote, a node must see this clone; it may have another one at the same path.
        with NamedTemporaryFile(dir=self.stages[0].repo.tmp_dir) as proof, connect(address):
            ray.cloudpickle.register_pickle_by_value(worker)
            task, shared = ray.remote(max_retries=0)(worker.work), ray.put(pack)
            most = max(int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"])
            ready: Sequence[Stage] = self.order.get_ready()
            while ready or self.running:
                for stage in ready:
                    job = {"commit": commit, "proof": proof.name, **self._job(stage)}
                    self.running[task.options(num_cpus=min(cores(stage), most)).remote(job, shared)] = stage
                while self.to_bring and self.to_bring[0] in self.done:
                    self._bring(self.to_bring.pop(0))
                ready = self._receive(ray.wait([*self.running])[0][0])

    def _receive(self, task: Any) -> Sequence[Stage]:
        """Receive a running task's message, and return the stages that can start now."""
        stage = self.running[task]
        try:
            kind, value = ray.get(next(task))
        except ray.exceptions.RayTaskError as error:
            kind, value = "failed", str(error).strip().splitlines()[-1]
        except ray.exceptions.RayError as error:
            kind, value = "lost", type(error).__name__
        if kind == "started":
            self.places[stage] = value, time.monotonic()
            return self._say(stage, f"started on {value}")
        del self.running[task]
        place, since = self.places.pop(stage, ("no node", time.monotonic()))
        self.lost[stage] += kind == "lost"
        if kind == "done":
            self.done[stage] = value
            self.order.done(stage)
            self._say(stage, f"done on {place} in {time.monotonic() - since:.1f} s")
            return self.order.get_ready()
        if kind == "lost" and self.lost[stage] < ATTEMPTS:
            self._say(stage, f"lost on {place} ({value}); starts again where there is room")
            return [stage]
        self.failed[stage] = value if kind == "failed" else f"lost {ATTEMPTS} times ({value})"
        return self._say(stage, f"failed on {place}: {self.failed[stage]}")

    def _bring(self, stage: Stage) -> None:
        """Bring a finished stage, or leave it to the end if it would run again."""
        with suppress(DvcException, OSError), chdir(stage.repo.root_dir), Repo(".") as fresh:
            [current] = fresh.stage.collect(target(stage))
            # The user may have changed an input since the snapshot.
            with fresh.lock:
                current.save_deps()
                fresh.stage_cache.restore(current, dry=True)
            fresh.reproduce([target(stage)], single_item=True)

    def _say(self, stage: Stage, event: str) -> list[Stage]:
        counts = f"{len(self.done)} of {len(self.stages)} done, {len(self.places)} running"
        print(f"{self.pipelines.name(stage)} {event} [{counts}]", file=sys.__stdout__, flush=True)
        return []

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
                worker.transfer(stage.repo, worker.output_stage(stage.repo, stage.wdir, worker.hashes(stage)), "push")

    def _job(self, stage: Stage) -> dict[str, Any]:
        """Return what a worker must know about ``stage``."""
        pipelines, needs = self.pipelines, self.pipelines.needs[stage]
        makers, inputs, config = {out.stage for out in needs}, list[Any](), dict[str, Any]()
        # In DVC's order, in which it also writes to .gitignore.
        for maker in [*(makers - {*pipelines.stages}), *(other for other in pipelines.stages if other in makers)]:
            md5 = self.done.get(maker) or worker.hashes(maker)
            outs = {out.def_path: md5[out.def_path] for out in maker.outs if out in needs}
            ignored = [out.def_path for out in maker.outs if out.use_cache]
            inputs.append([pipelines.folder(maker.repo), os.path.relpath(maker.wdir, pipelines.top), outs, ignored])
        for repo in {stage.repo, *(maker.repo for maker in makers)}:
            cache = {} if pipelines.config else {"dir": repo.cache.legacy.path}
            config[pipelines.folder(repo)] = pipelines.config | {"cache": {"type": LINKS, **cache}}
        return {
            "folder": pipelines.folder(stage.repo),
            "target": target(stage),
            "inputs": inputs,
            "config": config,
            "remote": bool(pipelines.config),
            "checkpoints": os.environ.get("DIGITS_CHECKPOINTS") or str(Path(stage.repo.root_dir, ".checkpoints")),
        }
