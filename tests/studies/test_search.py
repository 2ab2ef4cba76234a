"""The search: what may be searched, how it goes on after a kill, and a small one by real DVC."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from digits.core import params
from digits.core.errors import InputError
from digits.core.files import read_json, read_table
from studies.stages import search, trials
from studies.stages.entries import Entry
from tests.repository import PARAMS, ROOT, Repository

pytest.importorskip("optuna")

RATE = "train.optimizer.Adam.learning_rate"
TINY: dict[str, Any] = {
    "augment": PARAMS["augment"] | {"passes": 1},
    "train": PARAMS["train"]
    | {
        "network": [{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}],
        "optimizer": {"Adam": {"learning_rate": 0.01}},
        "epochs": 2,
        "calibrate": False,
    },
}
SEARCH: dict[str, Any] = {
    "recipe": "tiny",
    "space": {RATE: {"choice": [0.01, 1e39]}, "augment.passes": {"integer": [1, 2]}},
    "judge": "loss",
    "folds": 0,
    "trials": 4,
    "grace_period": 1,
    "reduction_factor": 2,
    "parallel": 2,
    "seed": 0,
}
# Twelve trials of four steps, of which those above 7 fail.
FAKE = """
import json, sys, time
from functools import partial
from pathlib import Path
from studies.stages import trials
def steps(log, values):
    with log.open("a") as file: print(values["train.a"], file=file)
    time.sleep(0.3)
    if values["train.a"] > 7: raise ValueError("too large")
    for step in range(4):
        yield {"loss": (values["train.a"] - 3) ** 2 + 1 / (step + 1), "accuracy": 0.5, "errors": 1}
if __name__ == "__main__":
    file = Path(sys.argv[1])
    search = trials.Search.model_validate_json(sys.argv[2])
    rows = trials.run(file, search, 4, [{"train.a": 5.0}] + [{}] * 11, partial(steps, file.with_suffix(".log")))
    print(json.dumps([row | {"seconds": 0} for row in rows]))
"""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"train.seed": {"integer": [0, 9]}}}, r"space\.train\.seed.*should be a key of augment or train"),
        ({"space": {"preprocess.seed": {"integer": [0, 9]}}}, r"should be a key of augment or train"),
        ({"space": {RATE: {"normal": [0, 1]}}}, r"should be 'uniform', 'loguniform', 'integer' or 'choice'"),
        ({"space": {RATE: {"uniform": [0.1, 0.01]}}}, r"should be two numbers, the smaller one first"),
        ({"space": {RATE: {"loguniform": [0, 0.1]}}}, r"should be two numbers above 0, the smaller one first"),
        ({"space": {RATE: {"integer": [0.5, 2]}}}, r"should be two integers, the smaller one first"),
        ({"space": {RATE: {"choice": [0.01]}}}, r"at least 2"),
        ({"space": {}}, r"search\.space: "),
        ({"folds": 1}, r"search\.folds: 1: should be 0, or 2 or more"),
    ],
)
def test_an_impossible_search_is_reported(changes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        params.check({"search": SEARCH | changes}, Path("file"), trials.Content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"train.optimizer.Adam.rate": {"uniform": [0, 1]}}, r"\.rate: tiny has no such key"),
        ({"train.network[7].Dense.units": {"integer": [5, 20]}}, r"\[7\]\.Dense\.units: tiny has no such key"),
        ({RATE: {"uniform": [0.1, 1]}}, r"\.uniform: \[0\.1, 1\]: should include 0\.01, with which tiny starts"),
        ({"train.batch_size": {"choice": [64, 48]}}, r"choice: 48: .*virtual_batch_size: 32: should divide"),
        ({"train.batch_size": {"uniform": [32, 64]}}, r"batch_size\.uniform: 32: .*batch_size: 32\.0: .* integer"),
        ({"train.network[1].Dense.units": {"integer": [10, 20]}}, r"units\.integer: 20: train\.network: its output"),
    ],
)
def test_a_search_space_that_does_not_fit_the_recipe_is_reported(space: Any, message: str) -> None:
    recipe = Entry.model_validate(TINY).model_dump()
    with pytest.raises(InputError, match=rf"search\.space\..*{message}"):
        search.own_values(recipe, trials.Search.model_validate(SEARCH | {"space": space}), 10)


def test_a_search_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    (tmp_path / "fake.py").write_text(FAKE)
    options = json.dumps(SEARCH | {"space": {"train.a": {"uniform": [0, 10]}}, "parallel": 1})

    def start(name: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, tmp_path / "fake.py", tmp_path / name, options], cwd=ROOT, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    killed = start("killed.journal")
    assert killed.stdout
    for _ in range(5):
        assert killed.stdout.readline().startswith("trial ")
    time.sleep(0.1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    resumed, whole = (start(name).communicate()[0].splitlines() for name in ("killed.journal", "whole.journal"))
    assert resumed[-1] == whole[-1]
    rows = json.loads(whole[-1])
    assert rows[0]["values"] == {"train.a": 5}
    assert {row["error"] for row in rows} == {"", "ValueError('too large')"}
    assert {row["steps"] for row in rows} > {1, 4}
    # What was running starts again.
    assert 12 <= len((tmp_path / "killed.log").read_text().split()) <= 13


def test_a_second_process_joins_a_search(tmp_path: Path) -> None:
    (tmp_path / "fake.py").write_text(FAKE)
    options = json.dumps(SEARCH | {"space": {"train.a": {"uniform": [0, 10]}}, "parallel": 1})
    command = [sys.executable, str(tmp_path / "fake.py"), str(tmp_path / "shared.journal"), options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate()[0].splitlines() for process in both]
    assert outputs[0][-1] == outputs[1][-1]
    assert [row["trial"] for row in json.loads(outputs[0][-1])] == list(range(1, 13))
    assert all(any(line.startswith("trial ") for line in lines) for lines in outputs)
    assert len((tmp_path / "shared.log").read_text().split()) == 12


@pytest.mark.slow
def test_the_best_recipe_is_found_compared_and_trained_with_the_same_bits(copy: Repository) -> None:
    file, folder = copy.path / "studies" / "params.yaml", copy.path / "studies" / "search"
    content = params.read(file) | {"recipes": {"tiny": TINY}, "search": SEARCH, "search-compare": {"seeds": [1, 2]}}
    file.write_text(yaml.safe_dump(content))
    copy.run("dvc", "--cd", "studies", "repro", "search-plot", "search-compare")
    columns = {"trial": int, RATE: float, "augment.passes": int, "steps": int, "loss": str, "outcome": str}
    rows = read_table(folder / "trials.tsv", "search", columns)
    assert [row["trial"] for row in rows] == [1, 2, 3, 4]
    assert (rows[0][RATE], rows[0]["augment.passes"]) == (0.01, 1)
    failed = [row for row in rows if row[RATE] > 1]
    assert all("train.optimizer: the loss is" in row["outcome"] and not row["loss"] for row in failed)
    (best,) = [row for row in rows if row["outcome"] == "best"]
    measured = read_json(folder / "metrics.json", "search-compare")
    assert len(measured["start"]["errors"]) == len(measured["best"]["errors"]) == measured["seeds"] == 2
    assert (folder / "search.png").read_bytes().startswith(b"\x89PNG")
    content["recipes"] |= params.read(folder / "best.yaml")
    file.write_text(yaml.safe_dump(content))
    copy.run("python", "-m", "studies.stages.train", "recipes.best")
    trained = read_json(copy.path / "studies" / "runs" / "recipes" / "best" / "validation.json", "recipe")
    assert trained["loss"] == float(best["loss"])
