"""A tiny pipeline, first → x, y → last, whose stages write down when and where they ran."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.repository import ROOT, Repository, hear_interrupts

# Each step takes 0.1 s and is counted in a checkpoint, so that a stage that was killed goes on from there.
STAGE = """
import json, os, pathlib, sys, time, yaml
name, kept, log = sys.argv[1], pathlib.Path(os.environ.get("DIGITS_CHECKPOINTS", ".")), pathlib.Path("{log}")
params = yaml.safe_load(open("params.yaml"))
def write(event):
    with log.open("a") as file: file.write(f"{{name}} {{event}} {{time.time()}} {{os.getpid()}}\\n")
kept.mkdir(exist_ok=True)
step = kept / f"{{name}}.step"
done = int(step.read_text()) if step.exists() else 0
write(f"begins-at-{{done}}")
end = time.monotonic() + 60
while name in ("x", "y") and log.with_suffix(".meet").exists() and time.monotonic() < end:
    if all(f"{{other}} begins" in log.read_text() for other in "xy"): break
    time.sleep(0.05)
if name in params["broken"]: sys.exit(f"error: {{name}} is broken")
for number in range(done, params["steps"][name]):
    time.sleep(0.1)
    step.write_text(str(number + 1))
step.unlink(missing_ok=True)
if name == "first":
    pathlib.Path("first.txt").write_text(pathlib.Path("source.txt").read_text())
    pathlib.Path("first.json").write_text("{{}}")
elif name == "last":
    files = sorted(path for path in pathlib.Path("runs").rglob("*.txt"))
    pathlib.Path("last.txt").write_text("".join(path.read_text() for path in [*files, pathlib.Path("kept-x.txt")]))
else:
    pathlib.Path("runs", name).mkdir(parents=True, exist_ok=True)
    pathlib.Path("runs", name, "out.txt").write_text(name + pathlib.Path("first.txt").read_text())
    pathlib.Path(f"kept-{{name}}.txt").write_text("kept " + name)
    pathlib.Path(f"{{name}}.json").write_text(json.dumps({{"length": len(name)}}))
write("ends")
"""
PIPELINE = """
stages:
  first:
    cmd: python stage.py first
    params: [steps.first]
    deps: [source.txt, stage.py]
    outs: [first.txt]
    metrics: [first.json: {cache: false}]
  item:
    foreach: [x, y]
    do:
      cmd: python stage.py ${item}
      params: ["steps.${item}", train, broken]
      deps: [first.txt, first.json, stage.py]
      outs:
        - runs/${item}/out.txt
        - kept-${item}.txt: {cache: false}
      metrics:
        - ${item}.json: {cache: false}
  last:
    cmd: python stage.py last
    params: [steps.last, broken]
    deps: [runs, kept-x.txt, stage.py]
    outs: [last.txt]
"""
PARAMS = {"steps": {"first": 1, "x": 15, "y": 15, "last": 1}, "broken": [], "train": {"threads": 1}}


class Tiny(Repository):
    """The pipeline in a Git repository of its own."""

    def __init__(self, path: Path, **changes: object) -> None:
        super().__init__(path)
        path.mkdir()
        self.log = path.with_suffix(".log")
        self.environment["PYTHONPATH"] = str(ROOT)
        self.environment.pop("RAY_ADDRESS", None)
        self.run("git", "init", "-q", "-b", "main")
        self.run("dvc", "init", "-q")
        (path / "stage.py").write_text(STAGE.format(log=self.log))
        (path / "dvc.yaml").write_text(PIPELINE)
        (path / "source.txt").write_text("source")
        (path / "params.yaml").write_text(yaml.safe_dump({**PARAMS, **changes}))
        self.commit("start")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return start(self.path, self.environment, "repro", *arguments)

    def repro(self, *arguments: str, code: int = 0) -> str:
        return self.run(sys.executable, "-m", "cluster", "repro", *arguments, code=code)

    def events(self) -> list[str]:
        """Return what the stages wrote down, such as "x ends", in the order of time."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [" ".join(line.split()[:2]) for line in lines]

    def files(self) -> dict[str, bytes]:
        """Return all files of the working tree by name."""
        files = (path for path in self.path.rglob("*") if path.is_file())
        relative = {path.relative_to(self.path): path for path in files}
        tree = {name: path for name, path in relative.items() if name.parts[0] not in (".git", ".dvc", ".checkpoints")}
        # Where each of the two writes down what it did.
        return {str(name): path.read_bytes() for name, path in tree.items() if name.name != "stage.py"}

    def meet(self) -> None:
        """Let x and y wait until both of them have begun."""
        self.log.with_suffix(".meet").touch()

    def plain(self) -> dict[str, bytes]:
        """Return the files after a plain ``dvc repro`` in a copy."""
        copy = self.path.with_name("plain")
        self.run("git", "clone", "-q", str(self.path), str(copy))
        other = Repository(copy)
        other.run("dvc", "repro", "-q")
        self.log.unlink()
        return Tiny.files(other)  # type: ignore[arg-type]


def start(folder: Path, environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    """Start ``python -m cluster`` in ``folder``, as a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cluster", *arguments], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=hear_interrupts,
    )  # fmt: skip


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until ``condition`` is true; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def interrupt(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=60)[0]
