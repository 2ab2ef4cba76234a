"""A sweep on the offline sample, by real DVC, and how Ray Tune goes on after an interruption."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from digits.core import params
from digits.core.errors import InputError
from digits.core.files import read_json, read_table
from digits.core.params import Params
from digits.core.store import Dataset, save
from digits.model import backend
from studies.sweep.stages import recipes, trial
from studies.sweep.stages.schema import Sweep, SweepParams
from tests.repository import PARAMS, ROOT, Repository, create, hear_interrupts

pytest.importorskip("ray", reason="Ray is missing: pip install -r requirements-cluster.txt")
pytest.importorskip("optuna", reason="Optuna is missing: pip install -r requirements-cluster.txt")

RATE = "train.optimizer.Adam.learning_rate"
TINY: dict[str, Any] = {
    "augment": {"passes": 1, "rotation": 0, "zoom": 0, "shift": 0, "shear": 0, "elastic_alpha": 0},
    "train": {
        "threads": 2,
        "network": [{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}],
        "optimizer": {"Adam": {"learning_rate": 0.01}},
        "loss": {"CategoricalCrossentropy": {}},
        "epochs": 2,
        "calibrate": False,
    },
}
SWEEP: dict[str, Any] = {
    "recipe": {"file": "tiny.yaml", "name": "tiny"},
    "space": {RATE: {"choice": [0.01, 1e39]}, "train.batch_size": {"integer": [32, 64]}},
    "judge": "loss",
    "folds": 0,
    "trials": 4,
    "grace_period": 1,
    "reduction_factor": 2,
    "parallel": 2,
    "seed": 0,
}
# Twelve trials of four steps, of which those above 9 fail.
FAKE = """
import json, sys, time
from pathlib import Path
from digits.core.errors import run_main
from studies.sweep.stages import tuning
from studies.sweep.stages.schema import Sweep
folder = Path(sys.argv[1])
def steps(values):
    with folder.with_suffix(".log").open("a") as log: print(values["train.a"], file=log)
    # More than the second within which what is finished is on disk.
    time.sleep(1.1)
    if values["train.a"] > 9: raise ValueError("too large")
    for step in range(4):
        yield {"loss": (values["train.a"] - 3) ** 2 + 1 / (step + 1), "accuracy": 0.5, "errors": 1}
def main():
    sweep = Sweep.model_validate_json(sys.argv[2])
    rows = tuning.run(steps, folder, 1, 12, **tuning.search(sweep, {"train.a": 5.0}, 4))
    print(json.dumps([row | {"seconds": 0} for row in rows]))
run_main(main)
"""


def sweep(**changes: Any) -> Sweep:
    return Sweep.model_validate_json(json.dumps(SWEEP | changes))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"train.seed": {"integer": [0, 9]}}, r"space\.train\.seed.*should be a key of augment or train, but not"),
        ({"preprocess.seed": {"integer": [0, 9]}}, r"space\.preprocess\.seed.*should be a key of augment or train"),
        (
            {RATE: {"normal": [0, 1]}},
            r"learning_rate\.normal.*should be 'uniform', 'loguniform', 'integer' or 'choice'",
        ),
        ({RATE: {"uniform": [0.1, 0.01]}}, r"learning_rate: .*should be two numbers, the smaller one first"),
        ({RATE: {"loguniform": [0, 0.1]}}, r"learning_rate: .*should be two numbers above 0, the smaller one first"),
        ({RATE: {"integer": [0.5, 2]}}, r"learning_rate: .*should be two integers, the smaller one first"),
        ({RATE: {"choice": [0.01]}}, r"learning_rate\.choice: .*at least 2"),
        ({}, r"sweep\.space: "),
    ],
)
def test_an_impossible_search_space_is_reported(root: Path, tmp_path: Path, space: Any, message: str) -> None:
    recipe = tmp_path / "params.yaml"
    recipe.write_text(yaml.safe_dump({"search": {"sweep": SWEEP | {"space": space}, "compare": {"seeds": [1, 2]}}}))
    with pytest.raises(InputError, match=message) as caught:
        params.load(root, f"{recipe}:search", SweepParams)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"train.optimizer.Adam.rate": {"uniform": [0, 1]}}, r"\.rate: tiny has no such key; correct it, or add it to"),
        ({"train.network[7].Dense.units": {"integer": [5, 20]}}, r"\[7\]\.Dense\.units: tiny has no such key"),
        ({RATE: {"uniform": [0.1, 1]}}, r"\.uniform: \[0\.1, 1\]: should include 0\.01, with which tiny starts"),
        ({"train.batch_size": {"uniform": [32, 64]}}, r"batch_size\.uniform: 32: .*batch_size: 32\.0: .* integer"),
        ({"train.network[1].Dense.units": {"integer": [10, 20]}}, r"units\.integer: 20: train\.network: its output"),
        ({"train.network[1].Dense.activation": {"choice": ["softmax", "no"]}}, r"choice: 'no': train\.network\[1\]"),
    ],
)
def test_a_search_space_that_does_not_fit_the_recipe_is_reported(space: Any, message: str) -> None:
    content = Params.model_validate({**PARAMS, **{key: PARAMS[key] | TINY[key] for key in TINY}}).model_dump()
    with pytest.raises(InputError, match=rf"^file: sweep\.space\..*{message}"):
        recipes.own_values(content, sweep(space=space), Path("file"), 10)


def test_a_single_fold_is_reported() -> None:
    with pytest.raises(ValidationError, match="folds\n  should be 0, or 2 or more"):
        sweep(folds=1)


def test_more_folds_than_images_of_the_rarest_digit_are_reported(tmp_path: Path, dataset: Dataset) -> None:
    save(tmp_path / "train.npz", dataset)
    with pytest.raises(InputError, match=r"^sweep\.folds: 5 folds: at most 4"):
        recipes.folders(sweep(folds=5), tmp_path, tmp_path / "data")


def test_missing_packages_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "studies.sweep.stages.tuning", raising=False)
    with pytest.raises(InputError, match=r"^Ray or Optuna is missing: pip install -r requirements-cluster\.txt$"):
        from studies.sweep.stages import tuning  # noqa: F401


def test_folds_are_measured_one_after_another(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorFlow has computed already in this process.
    monkeypatch.setattr(backend, "use", lambda threads: None)
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "train.npz", dataset)
    places = recipes.folders(sweep(folds=2), tmp_path, tmp_path / "data")
    tiny = Params.model_validate({**PARAMS, **{key: PARAMS[key] | TINY[key] for key in TINY}})
    first, both = trial.steps(tiny, places)
    *_, alone = trial.epochs(tiny, places[1])
    assert both["loss"] == pytest.approx((first["loss"] + alone["loss"]) / 2)
    assert not list(tmp_path.glob("tmp*"))


def test_a_sweep_that_is_stopped_and_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    (tmp_path / "fake.py").write_text(FAKE)
    space = sweep(space={"train.a": {"uniform": [0, 10]}}, trials=12, parallel=1).model_dump_json()

    def start(name: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, tmp_path / "fake.py", tmp_path / name, space], cwd=ROOT, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=hear_interrupts,
        )  # fmt: skip

    plain, interrupted = start("plain"), start("other")
    finished: list[str] = []

    def stop(run: "subprocess.Popen[str]", after: int, number: int) -> str:
        assert run.stdout
        for line in run.stdout:
            assert line.startswith("trial "), line
            finished.append(line)
            if len(finished) == after:
                run.send_signal(number)
        return "".join(finished)

    stop(interrupted, 2, signal.SIGINT)
    assert interrupted.wait() == 130
    killed = start("other")
    stop(killed, 5, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    lines = start("other").communicate()[0].splitlines()
    expected = plain.communicate()[0].splitlines()
    assert lines[-1] == expected[-1]
    rows = json.loads(lines[-1])
    assert {row["error"] for row in rows} == {"", "ValueError: too large"}
    assert {row["steps"] for row in rows} > {1, 4}
    # What ended less than a second before the kill may run again, and so may what was running.
    begun = (tmp_path / "other.log").read_text().split()
    assert 12 <= len(begun) <= 12 + 3


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = create(tmp_path_factory.mktemp("sweep") / "repository", "studies/sweep", "studies/folds/stages", "cluster")
    study = made.path / "studies" / "sweep"
    for output in ("dvc.lock", "best.yaml", "trials.tsv", "sweep.png", "metrics.json"):
        (study / output).unlink(missing_ok=True)
    search = {"sweep": SWEEP, "compare": {"seeds": [1, 2]}}
    (study / "params.yaml").write_text(yaml.safe_dump({"search": search}))
    (made.path / "tiny.yaml").write_text(yaml.safe_dump({"tiny": TINY}))
    made.commit("start")
    made.run("dvc", "repro", "preprocess")
    made.run("dvc", "--cd", "studies/sweep", "repro")
    return made


def test_the_table_says_what_became_of_each_trial(repository: Repository) -> None:
    columns = {"trial": int, RATE: float, "train.batch_size": int, "steps": int, "loss": str, "outcome": str}
    rows = read_table(repository.path / "studies" / "sweep" / "trials.tsv", "sweep", columns)
    assert [row["trial"] for row in rows] == [1, 2, 3, 4]
    assert (rows[0][RATE], rows[0]["train.batch_size"]) == (0.01, 64)
    assert [row["outcome"] for row in rows].count("best") == 1
    failed = [row for row in rows if row[RATE] > 1]
    assert failed
    assert all("train.optimizer: the loss is" in row["outcome"] and not row["loss"] for row in failed)


def test_the_best_recipe_can_be_trained_and_gives_the_same_bits(repository: Repository) -> None:
    study, run = repository.path / "studies" / "sweep", repository.path / "run"
    for stage in ("augment", "train"):
        best = ["--recipe", "studies/sweep/best.yaml:best"]
        where = ["--augmented", "run/data"] if stage == "augment" else ["--augmented", "run/data", "--folder", "run"]
        repository.run("python", "-m", f"stages.{stage}", *best, *where)
    rows = read_table(study / "trials.tsv", "sweep", {"loss": str, "outcome": str})
    (best_row,) = [row for row in rows if row["outcome"] == "best"]
    assert read_json(run / "metrics" / "validation.json", "train")["loss"] == float(best_row["loss"])


def test_the_best_and_the_first_are_compared_and_drawn(repository: Repository) -> None:
    study = repository.path / "studies" / "sweep"
    measured = read_json(study / "metrics.json", "compare")
    assert len(measured["start"]["errors"]) == len(measured["best"]["errors"]) == measured["seeds"] == 2
    assert (study / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert not list((study / ".checkpoints").iterdir())
    assert "Data and pipelines are up to date" in repository.run("dvc", "--cd", "studies/sweep", "repro")
