"""A tiny pipeline, first → x, y → last, whose stages write down when they ran."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.repository import ROOT, Repository, hear_interrupts

# Each step takes 0.1 s and is counted in a checkpoint, so that a stage that was killed goes on from there. With a file
# "meet", x and y wait for each other.
STAGE = """
import os, pathlib, sys, time, yaml
name, log = sys.argv[1], pathlib.Path("{log}")
def write(event):
    with log.open("a") as file: file.write(f"{{name}} {{event}} {{os.getpid()}}\\n")
params = yaml.safe_load(open("params.yaml"))
step = pathlib.Path(os.environ.get("DIGITS_CHECKPOINTS", "."), f"{{name}}.step")
step.parent.mkdir(exist_ok=True)
done = int(step.read_text()) if step.exists() else 0
write(f"begins-at-{{done}}")
while name in "xy" and log.with_suffix(".meet").exists() and not all(f"{{n}} begins" in log.read_text() for n in "xy"):
    time.sleep(0.05)
if name in params["broken"]: sys.exit(f"error: {{name}} is broken")
for number in range(done, params["steps"][name]):
    time.sleep(0.1)
    # In one move, as training does: a stage killed between the two would leave an empty checkpoint.
    step.with_suffix(".part").write_text(str(number + 1))
    step.with_suffix(".part").replace(step)
step.unlink(missing_ok=True)
if name == "first":
    files = [pathlib.Path("source.txt")]
elif name == "last":
    files = [*sorted(pathlib.Path("runs").rglob("*.txt")), pathlib.Path("x.json")]
else:
    files = [pathlib.Path("first.txt"), pathlib.Path("first.json")]
out = pathlib.Path(f"runs/{{name}}/out.txt" if name in "xy" else f"{{name}}.txt")
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(name + "".join(path.read_text() for path in files))
if name != "last": pathlib.Path(f"{{name}}.json").write_text("1")
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
      outs: ["runs/${item}/out.txt"]
      metrics: ["${item}.json": {cache: false}]
  last:
    cmd: python stage.py last
    params: [steps.last, broken]
    deps: [runs, x.json, stage.py]
    outs: [last.txt]
"""


class Tiny(Repository):
    """The pipeline in a Git repository of its own. x and y take so many ``steps``."""

    def __init__(self, path: Path, steps: int = 1, broken: str = "") -> None:
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
        params = {
            "steps": {"first": 1, "x": steps, "y": steps, "last": 1},
            "broken": broken,
            "train": {"batch_size": 2, "virtual_batch_size": 2},
        }
        (path / "params.yaml").write_text(yaml.safe_dump(params))
        self.commit("start")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return start(self.path, self.environment, "repro", *arguments)

    def repro(self, *arguments: str, code: int = 0) -> str:
        return self.run(sys.executable, "-m", "cluster", "repro", *arguments, code=code)

    def events(self) -> list[str]:
        """Return what the stages wrote down, such as "x ends", in the order of time."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.rpartition(" ")[0] for line in lines]

    def files(self) -> dict[str, bytes]:
        """Return the files of the working tree by name."""
        files = {str(path.relative_to(self.path)): path for path in self.path.rglob("*") if path.is_file()}
        hidden = (".git/", ".dvc/", ".checkpoints/")
        return {name: path.read_bytes() for name, path in files.items() if not name.startswith(hidden)}

    def plain(self) -> dict[str, bytes]:
        """Return the files after a plain ``dvc repro`` in a copy."""
        copy = self.copy(self.path.with_name("plain"))
        copy.run("dvc", "repro", "-q")
        self.log.unlink()
        return Tiny.files(copy)  # type: ignore[arg-type]


def start(folder: Path, environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    """Start ``python -m cluster`` in ``folder``, as a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cluster", *arguments], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=hear_interrupts,
    )  # fmt: skip


def until(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Wait until ``condition`` is true; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def interrupt(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=600)[0]
