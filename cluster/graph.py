"""The stages of pipelines, what each of them needs, as DVC knows it, and the working tree in which they are run."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.output import Output
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.stage import Stage

from digits.core.errors import InputError


class Pipelines:
    """The ``targets`` in the Git repository ``top``: folders with a dvc.yaml, each with all its stages or, as in
    studies:folds, with one of them and what it needs. ``stages`` are in the order in which DVC runs them.

    ``needs`` has the outputs that each of them depends on. Those of other pipelines are taken as they are.
    """

    def __init__(self, top: Path, targets: Sequence[str], config: dict[str, Any]) -> None:
        self.top, self.config, self.repos = top, config, dict[Path, Repo]()
        stages: dict[Stage, None] = {}
        for folder, colon, name in (target.partition(":") for target in targets):
            file = Path(folder, "dvc.yaml")
            if not file.exists():
                raise InputError(f"{file}: no such file; name folders of pipelines")
            repo = self._owner(file.resolve())
            plan = plan_repro(get_active_graph(repo.index.graph), repo.stage.collect(f"{file}{colon}{name}"))
            stages.update((stage, None) for stage in plan if stage.cmd and not stage.frozen)
        self.stages = list(stages)
        self.needs = {stage: list(self._needs(stage)) for stage in self.stages}

    def folder(self, repo: Repo) -> str:
        return os.path.relpath(repo.root_dir, self.top)

    def name(self, stage: Stage) -> str:
        """Return the name that people see, such as studies:recipe@quick."""
        return f"{os.path.relpath(stage.wdir, self.top)}:{stage.name}".removeprefix(".:")

    def dependents(self, stages: Iterable[Stage]) -> set[Stage]:
        """Return ``stages`` and all that depend on them."""
        dependents = set(stages)
        for stage in self.stages:
            if any(out.stage in dependents for out in self.needs[stage]):
                dependents.add(stage)
        return dependents

    def _owner(self, path: Path) -> Repo:
        """Return the DVC repository in which ``path`` is."""
        root = next((folder for folder in path.parents if (folder / ".dvc").is_dir()), None)
        if not root:
            raise InputError(f"{path}: is in no DVC repository; run dvc init")
        if root not in self.repos:
            self.repos[root] = Repo(str(root), config=self.config)
        return self.repos[root]

    def _needs(self, stage: Stage) -> Iterator[Output]:
        for dep in stage.deps:
            path = Path(dep.fs_path)
            if path.is_relative_to(self.top) and not isinstance(dep, ParamsDependency):
                outs = self._owner(path).index.outs_trie
                yield from outs.values(prefix=path.parts) if outs.has_subtrie(path.parts) else ()
                yield from (out for _, out in outs.prefixes(path.parts))


def cores(stage: Stage) -> int:
    """Return how many cores ``stage`` needs: as many as its batches have parts, if it trains, or 1."""
    params = [dep.read_params() for dep in stage.deps if isinstance(dep, ParamsDependency)]
    sections = [value for values in params for value in values.values() if isinstance(value, dict)]
    sizes = [(section.get("batch_size"), section.get("virtual_batch_size")) for section in sections]
    return max((batch // part for batch, part in sizes if batch and part), default=1)


def target(stage: Stage) -> str:
    """Return the name by which DVC knows ``stage`` in the folder of its repository."""
    return f"{os.path.relpath(stage.path, stage.repo.root_dir)}:{stage.name}"


def uncacheable(stage: Stage) -> bool:
    """Return whether DVC has no run cache for ``stage``, so that it can only be run where its outputs are wanted."""
    lasting = any(out.persist or not out.is_in_repo for out in stage.outs)
    return lasting or stage.always_changed or not (stage.outs and stage.deps)


def git(*command: str, cwd: Path, text: str = "", **environment: str) -> bytes:
    """Return what a Git command writes. Raises InputError with its last line if it fails."""
    command = ("git", "-c", "user.name=cluster", "-c", "user.email=cluster", *command)
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, input=text.encode(), capture_output=True)
    if done.returncode:
        raise InputError(f"git: {done.stderr.decode(errors='replace').strip()}".splitlines()[-1])
    return done.stdout


def snapshot(top: Path) -> tuple[str, bytes]:
    """Return the hash of a commit of the working tree ``top``, with all changes and all files that Git does not ignore,
    and a pack with this commit alone. No branch has it, and the index stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder, "index"))
        git("add", "--all", cwd=top, GIT_INDEX_FILE=index)
        tree = git("write-tree", cwd=top, GIT_INDEX_FILE=index).decode().strip()
    commit = git("commit-tree", tree, "-m", "snapshot", cwd=top).decode().strip()
    return commit, git("pack-objects", "--revs", "--stdout", "-q", cwd=top, text=commit)
