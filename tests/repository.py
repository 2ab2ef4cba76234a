"""A copy of the repository, for tests that run real DVC."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
PROJECT = [
    ".dvcignore",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvc/plots",
    ".gitignore",
    "dvc.yaml",
    "params.yaml",
    "data/none",
    "reader/params.yaml",
    "digits",
    "stages",
]
STAGES = ["download", "preprocess", "augment", "train", "export", "evaluate", "charts", "plot"]
NETWORK: list[dict[str, dict[str, Any]]] = [
    {"Conv2D": {"filters": 8, "kernel_size": 5, "strides": 2, "use_bias": False}},
    {"BatchNormalization": {}},
    {"ReLU": {}},
    {"Flatten": {}},
    {"Dropout": {"rate": 0.2}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]


# Every key is set, so that no test depends on the root's params.yaml.
PARAMS: dict[str, dict[str, Any]] = {
    "download": {"dataset": "mnist", "path": "data/none", "mirrors": {}, "offline": "sample"},
    "preprocess": {
        "seed": 0,
        "validation": 5000,
        "test": 10000,
        "fit": "digit",
        "polarity": "auto",
        "unreadable": "skip",
    },
    "augment": {
        "seed": 0,
        "passes": 2,
        "rotation": 12,
        "zoom": 0.1,
        "shift": 0.1,
        "shear": 10,
        "elastic_alpha": 8,
        "elastic_sigma": 4,
    },
    "train": {
        "seed": 0,
        "network": NETWORK,
        "optimizer": {
            "AdamW": {"learning_rate": {"CosineDecay": {"initial_learning_rate": 0.01, "decay_steps": "90%"}}}
        },
        "loss": {"CategoricalCrossentropy": {"label_smoothing": 0.05}},
        "batch_size": 64,
        "virtual_batch_size": 32,
        "epochs": 3,
        "keep": "last",
        "calibrate": True,
    },
    "plot": {"examples": 1, "mistakes": 50, "dpi": 60},
}


def has_commit() -> bool:
    command = ["git", "rev-parse", "--verify", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def head(path: str) -> bytes:
    """Return the content of ``path`` in the last commit; the working tree may have changed since."""
    return subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, check=True).stdout


def hear_interrupts() -> None:
    """Let a new process hear Ctrl-C: a shell's background jobs, such as tests may be, ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def bypass_proxies() -> None:
    """Let requests to this machine, where tests start servers, go around a proxy set in the environment."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


class Repository:
    """A temporary Git and DVC repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Commands run the same Python as the tests, and ignore a mirror set in the environment.
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "MNIST_MIRROR": "",
        }

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def set(self, **sections: dict[str, Any]) -> None:
        self.set_in(".", sections)

    def set_in(self, folder: str, sections: dict[str, dict[str, Any]]) -> None:
        file = self.path / folder / "params.yaml"
        params = yaml.safe_load(file.read_text(encoding="utf-8"))
        for section, changes in sections.items():
            params[section].update(changes)
        file.write_text(yaml.safe_dump(params, sort_keys=False))

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", message)

    def copy(self, path: Path) -> "Repository":
        shutil.copytree(self.path, path, symlinks=True)
        return Repository(path)

    def metrics(self, name: str) -> Any:
        return json.loads((self.path / "metrics" / f"{name}.json").read_text(encoding="utf-8"))

    def changed_stages(self) -> list[str]:
        """Return the stages whose inputs have changed, without the stages that depend on them."""
        output = self.run("dvc", "repro", "--dry")
        return [stage for stage in STAGES if f"Running stage '{stage}'" in output]

    def hashes(self, folder: str = ".") -> dict[str, str]:
        """Return the hashes of all outputs of the pipeline in ``folder``; none before its first stage has run."""
        lock = self.path / folder / "dvc.lock"
        stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"] if lock.exists() else {}
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


def create(path: Path, *others: str) -> Repository:
    """Create a repository in ``path`` with the project, the folders ``others``, and ``PARAMS`` as its params.yaml."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PROJECT, *others],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if not (ROOT / name).is_file():
            continue
        (path / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, path / name)
    config = path / ".dvc" / "config"
    # In a ZIP of the project, DVC is set to work without Git.
    config.write_text(config.read_text(encoding="utf-8").replace("no_scm = true", ""), encoding="utf-8")
    repository = Repository(path)
    (path / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    repository.run("git", "init", "-q", "-b", "main")
    return repository


def differing(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return the outputs whose hashes, as ``Repository.hashes`` returns them, are not as ``wanted``."""
    return [path for path, md5 in wanted.items() if found.get(path) != md5]
