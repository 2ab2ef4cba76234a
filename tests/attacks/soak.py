"""``dvc repro`` again and again with changing parameters: nothing grows but by what the results need.

After each run:

- .dvc/cache/files has only files that were outputs, and the lists of those that were folders: each is there once,
  however often it comes back.
- .dvc/cache/runs has at most one file for each stage and each choice of parameters: what a stage needs to come back.
- .checkpoints and the system's temporary folder are empty: a training that is done needs neither.
- .dvc/tmp has no file that it did not have after the first two runs, the second of which skips stages.
- DVC's index outside the repository is no larger than three times that after the first run, which holds a stage's
  files for each choice of parameters, and free pages.
- No process had more than 1.2 times the memory of the largest in the first run; from run to run it differs by some
  percent. The first choice has most epochs and most work.
- The outputs are those of the first run with the same parameters.
"""

import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.attacks.surroundings import files, md5
from tests.repository import STAGES, Repository, create, differing

# Of train.epochs, train.seed and evaluate.shift.
CHOICES = list(itertools.product((2, 1), (0, 1, 2), (1, 0)))


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    random = np.random.default_rng(seed)
    chosen = [0, *(int(number) for number in random.integers(len(CHOICES), size=49))] if long else [0, 1, 0]
    with tempfile.TemporaryDirectory() as folder:
        repository = create(Path(folder) / "repository")
        repository.commit("start")
        soaked = Soaked(repository, Path(folder) / "temporary", Path(folder) / "index")
        for number, choice in enumerate(chosen):
            epochs, shuffled, shift = CHOICES[choice]
            yield f"run {number} ({epochs=}, seed={shuffled}, {shift=})", soaked.run(epochs, shuffled, shift)


class Soaked:
    """A repository, and what it may hold: what it has held as an output, or after its first two runs."""

    def __init__(self, repository: Repository, temporary: Path, index: Path) -> None:
        self.repository, self.temporary, self.index = repository, temporary, index
        temporary.mkdir()
        repository.environment |= {"TMPDIR": str(temporary), "DVC_SITE_CACHE_DIR": str(index)}
        self.runs = 0
        self.outputs: dict[tuple[int, int, int], dict[str, str]] = {}
        self.contents: set[str] = set()
        self.working: set[Path] = set()
        self.memory = self.indexed = 0

    def run(self, epochs: int, seed: int, shift: int) -> str:
        """Run ``dvc repro`` with these parameters, and return what is wrong."""
        self.repository.set(train={"epochs": epochs, "seed": seed}, evaluate={"shift": shift})
        code, told, memory = self._repro()
        if code or "Traceback" in told:
            return f"exit code {code}: {told[-600:]}"
        path, hashes = self.repository.path, self.repository.hashes()
        before = self.outputs.setdefault((epochs, seed, shift), hashes)
        self.contents |= {*hashes.values(), *(md5(file) for out in hashes for file in files(path / out))}
        stored = files(path / ".dvc" / "cache" / "files")
        runs = files(path / ".dvc" / "cache" / "runs")
        working, indexed = set(files(path / ".dvc" / "tmp")), sum(file.stat().st_size for file in files(self.index))
        self.runs += 1
        if self.runs == 1:
            self.memory, self.indexed = memory, indexed
        if self.runs <= 2:
            self.working |= working
        left = [*files(path / ".checkpoints"), *self.temporary.glob("*"), *path.glob("**/*.partial")]
        wrong: dict[str, Sequence[object]] = {
            "the outputs are others than before": differing(hashes, before),
            "in the cache": [file.name for file in stored if file.parent.name + file.name not in self.contents],
            "stored runs": [len(runs)] if len(runs) > len(STAGES) * len(self.outputs) else [],
            "left": [file.name for file in left],
            "in .dvc/tmp": [file.name for file in working - self.working],
            "bytes of index": [indexed] if indexed > 3 * self.indexed else [],
            "MB of memory": [memory // 1000] if memory > 1.2 * self.memory else [],
        }
        return "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in wrong.items() if values)

    def _repro(self) -> tuple[int, str, int]:
        """Run ``dvc repro``; return its exit code, what it says, and the memory of its largest process in kB."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
            process = subprocess.Popen(
                ["dvc", "repro"],
                cwd=self.repository.path, env=self.repository.environment, stdout=told, stderr=told,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            told.seek(0)
            return process.returncode, told.read(), usage.ru_maxrss
