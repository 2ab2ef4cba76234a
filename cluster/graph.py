"""The stages of pipelines, what each of them needs, as DVC knows it, and the working tree in which they are run."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import networkx
from dvc.dependency import ParamsDependency
from dvc.output import Output
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.stage import Stage

from digits.core.errors import InputError


class Pipelines:
    """The pipelines in ``folders`` of the Git repository ``top``. ``stages`` are in the order in which DVC runs them.

    ``needs`` has the outputs that each of them depends on. Those of other pipelines are taken as they are.
    """

    def __init__(self, top: Path, folders: Sequence[Path], config: dict[str, Any]) -> None:
        self.top, self.config, self.repos = top, config, dict[Path, Repo]()
        listed = git("ls-files", "--cached", "--others", "--", "*.dvc/config", cwd=top).decode().splitlines()
        self._roots = sorted({(top / line).parent.parent for line in listed}, key=lambda path: -len(path.parts))
        stages: dict[Stage, None] = {}
        for folder in folders:
            file = (folder / "dvc.yaml").resolve()
            if not file.exists():
                raise InputError(f"{folder / 'dvc.yaml'}: no such file; name folders of pipelines")
            repo = self._owner(file)
            plan = plan_repro(get_active_graph(repo.index.graph), repo.stage.collect(os.path.relpath(file)))
            stages.update((stage, None) for stage in plan if stage.cmd and not stage.frozen)
        self.stages = list(stages)
        self.needs = {stage: list(self._needs(stage)) for stage in self.stages}
        self._graph = networkx.DiGraph((out.stage, stage) for stage, outs in self.needs.items() for out in outs)
        self._graph.add_nodes_from(self.stages)

    def folder(self, repo: Repo) -> str:
        return os.path.relpath(repo.root_dir, self.top)

    def name(self, stage: Stage) -> str:
        """Return the name that people see, such as studies/folds:train@0."""
        return f"{os.path.relpath(stage.wdir, self.top)}:{stage.name}".removeprefix(".:")

    def dependents(self, stages: Sequence[Stage]) -> set[Stage]:
        """Return ``stages`` and all that depend on them."""
        return set(stages).union(*(networkx.descendants(self._graph, stage) for stage in stages))

    def _owner(self, path: Path) -> Repo:
        """Return the DVC repository in which ``path`` is."""
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
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


def threads(stage: Stage) -> int:
    """Return how many cores ``stage`` needs: its parameter ``threads``, the last one where recipes replace it, or 1."""
    found = 1
    for dep in stage.deps:
        for key, value in dep.read_params().items() if isinstance(dep, ParamsDependency) else ():
            value = value.get("threads") if isinstance(value, dict) else key.endswith("threads") and value
            found = value if isinstance(value, int) and value > 0 else found
    return found


def target(stage: Stage) -> str:
    """Return the name by which DVC knows ``stage`` in the folder of its repository."""
    return f"{os.path.relpath(stage.path, stage.repo.root_dir)}:{stage.name}"


def uncacheable(stage: Stage) -> bool:
    """Return whether DVC has no run cache for ``stage``, so that it can only be run where its outputs are wanted."""
    lasting = any(out.persist or not out.is_in_repo for out in stage.outs)
    return lasting or stage.always_changed or not (stage.outs and stage.deps)


def git(*command: str, cwd: Path, text: str = "", **environment: str) -> bytes:
    """Return what a Git command writes. Raises InputError with its last line if it fails."""
    names = {f"GIT_{who}_{what}": "cluster" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": "1000000000 +0000", "GIT_COMMITTER_DATE": "1000000000 +0000"}
    environment = {**os.environ, **names, **dates, **environment}
    done = subprocess.run(["git", *command], cwd=cwd, env=environment, input=text.encode(), capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise InputError(f"git {command[0]}: {said[-1]}")
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
