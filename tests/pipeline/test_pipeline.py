"""The whole pipeline, run by real DVC on the offline sample."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from digits.core import store
from digits.core.files import read_json
from digits.data import datasets
from digits.model import metrics, network
from tests.repository import ROOT, Repository, create

# The columns that the README leaves out of dvc exp show.
EXP_SHOW_DROP = ".*(accuracy|ece|loss|unshifted|dataset|images)|data|models|plots|State|Executor"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after ``dvc repro``; tests that change it work on a copy."""
    repository = create(tmp_path_factory.mktemp("pipeline") / "repository", "studies")
    repository.commit("start")
    output = repository.run("dvc", "repro")
    assert "NO MIRROR IS USABLE" in output
    assert "dvc repro --force download" in output
    repository.commit("a run")
    return repository


def test_metrics_state_the_dataset_and_the_number_of_images(finished: Repository) -> None:
    validation, test = finished.metrics("validation"), finished.metrics("test")
    training = read_json(finished.path / "models" / "training.json", "train")
    assert training["dataset"] == validation["dataset"] == test["dataset"] == "mnist-sample"
    assert training["images"] + validation["images"] == 4300
    assert test["images"] == 700
    assert test["accuracy"] == pytest.approx(1 - test["errors"] / 700)
    assert test["accuracy_low"] < test["accuracy"] < test["accuracy_high"]
    assert test["accuracy"] > 0.85


def test_the_probabilities_are_calibrated_on_validation(finished: Repository) -> None:
    held_out = store.load(finished.path / "data" / "processed" / "validation.npz", "")
    model, _ = network.load(finished.path / "models" / "model.keras")
    probabilities = model.predict(held_out.images, verbose=0)
    assert read_json(finished.path / "models" / "training.json", "train")["temperature"] != pytest.approx(1, abs=0.01)
    assert metrics.temperature(held_out.labels, probabilities) == pytest.approx(1, abs=0.01)


def test_results_without_shifted_copies_are_written_too(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.set(evaluate={"shift": 1})
    copy.run("dvc", "repro", "evaluate")
    assert copy.metrics("unshifted") == finished.metrics("test") == finished.metrics("unshifted")
    assert copy.metrics("test")["loss"] != finished.metrics("test")["loss"]


def test_every_figure_is_drawn(finished: Repository) -> None:
    names = {path.stem for path in (finished.path / "plots" / "figures").iterdir()}
    assert names == {
        "examples", "augmentation", "network", "curves", "predictions", "confusion_matrix", "accuracy_by_class",
        "reliability_diagram", "mistakes",
    }  # fmt: skip


def test_a_second_run_does_nothing(finished: Repository) -> None:
    assert "Data and pipelines are up to date" in finished.run("dvc", "repro")


def test_a_forced_run_gives_the_same_bytes(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.run("dvc", "repro", "--force")
    assert (copy.path / "dvc.lock").read_text(encoding="utf-8") == (finished.path / "dvc.lock").read_text(
        encoding="utf-8"
    )
    # Nothing in Git differs from run to run.
    assert copy.run("git", "status", "--short") == ""


def test_only_what_changed_reruns(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    for stage, changes in {
        "plot": {"mistakes": 7},
        "evaluate": {"shift": 1},
        "train": {"epochs": 4},
        "augment": {"rotation": 20},
    }.items():
        copy.set(**{stage: changes})
        assert copy.changed_stages() == [stage]
        copy.run("git", "checkout", "-q", "params.yaml")
    with (copy.path / "digits" / "report" / "curves.py").open("a") as file:
        file.write("# a comment\n")
    assert copy.changed_stages() == ["plot"]


def test_an_earlier_result_is_taken_from_the_cache(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.set(train={"epochs": "four"})
    copy.run("dvc", "repro", code=255)
    assert not (copy.path / "models" / "model.keras").exists()
    copy.run("git", "checkout", "-q", "params.yaml")
    output = copy.run("dvc", "repro")
    assert "Stage 'train' is cached" in output
    assert "Running stage 'train'" not in output
    assert copy.run("git", "status", "--short") == ""


def test_a_killed_training_resumes_to_the_same_bytes_without_the_test_set(finished: Repository, tmp_path: Path) -> None:
    bare = Repository(tmp_path / "bare")
    for name in ("params.yaml", "digits", "stages", "data/augmented", "data/processed/validation.npz"):
        (bare.path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (finished.path / name).is_dir() else shutil.copy
        copy(finished.path / name, bare.path / name)
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train"], cwd=bare.path, env=bare.environment, stdout=subprocess.DEVNULL
    )
    curves = bare.path / "plots" / "training.tsv"
    while not curves.exists() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() != 0
    assert not (bare.path / "models" / "model.keras").exists()
    assert len(curves.read_text(encoding="utf-8").splitlines()) < 4
    assert "resuming after epoch" in bare.run(sys.executable, "-m", "stages.train")
    for name in ("models/model.keras", "metrics/validation.json", "plots/training.tsv"):
        assert hashlib.md5((bare.path / name).read_bytes()).hexdigest() == finished.hashes()[name]
    assert not list((bare.path / ".checkpoints").iterdir())


def test_with_augmentation_off_the_training_set_is_copied_once(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    off = dict.fromkeys(["rotation", "zoom", "shift", "shear", "elastic_alpha"], 0)
    copy.set(augment={**off, "passes": 5})
    copy.run("dvc", "repro", "augment")
    assert [path.name for path in (copy.path / "data" / "augmented").iterdir()] == ["00.npz"]
    one, other = (store.load(copy.path / "data" / name, "") for name in ("augmented/00.npz", "processed/train.npz"))
    assert (one.images == other.images).all()


def test_a_queued_sweep_and_branches_are_compared(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.run("dvc", "exp", "run", "--queue", "-S", "plot.mistakes=7,8")
    copy.run("dvc", "exp", "run", "--run-all")
    table = json.loads(copy.run("dvc", "exp", "show", "--json"))
    runs = [experiment["revs"][0]["data"] for row in table for experiment in row["experiments"] or []]
    assert {run["params"]["params.yaml"]["data"]["plot"]["mistakes"] for run in runs} == {7, 8}
    assert [run["metrics"]["metrics/test.json"]["data"] for run in runs] == [finished.metrics("test")] * 2

    copy.run("git", "checkout", "-q", "-b", "shifted")
    copy.set(evaluate={"shift": 1})
    copy.run("dvc", "repro", "evaluate")
    metrics_diff = json.loads(copy.run("dvc", "metrics", "diff", "main", "--json"))
    assert metrics_diff["metrics/test.json"]["loss"]["diff"] != 0
    params_diff = json.loads(copy.run("dvc", "params", "diff", "main", "--json"))
    assert list(params_diff["params.yaml"]) == ["evaluate.shift"]


def test_dvc_plots_shows_all_charts_and_figures(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.run("dvc", "plots", "show", "-o", "charts")
    page = (copy.path / "charts" / "index.html").read_text(encoding="utf-8")
    for title in (
        "Loss on the augmented",
        "Accuracy on the augmented",
        "Test images by true",
        "Errors on",
        "Reliability on",
        "Accuracy on the validation",
    ):
        assert page.count(f'"{title}') == 1
    for figure in ("mistakes", "augmentation", "network"):
        assert f"{figure}.png" in page


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("train", {"epochs": 0}, "train.epochs: 0: should be"),
        ("train", {"network": [{"Dens": {"units": 10}}]}, "'Dens'; did you mean Dense?"),
        ("plot", {"colour": "red"}, "plot.colour: unknown key"),
    ],
)
def test_a_bad_parameter_gives_one_line_and_nothing_is_computed(
    finished: Repository, tmp_path: Path, section: str, changes: dict[str, Any], message: str
) -> None:
    copy = finished.copy(tmp_path / "copy")
    before = (copy.path / "dvc.lock").read_text(encoding="utf-8")
    copy.set(**{section: changes})
    output = copy.run("dvc", "repro", section, code=255) if section == "train" else copy.run(
        sys.executable, "-m", f"stages.{section}", code=1
    )  # fmt: skip
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in output
    assert (copy.path / "dvc.lock").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("stage", "file", "maker"),
    [
        ("preprocess", "data/raw/mnist-sample/train-images-idx3-ubyte.gz", "download"),
        ("augment", "data/processed/train.npz", "preprocess"),
        ("train", "data/augmented/01.npz", "augment"),
        ("evaluate", "models/model.keras", "train"),
        ("plot", "plots/layers.csv", "train"),
    ],
)
def test_a_damaged_input_gives_one_line_with_its_name_and_the_command(
    finished: Repository, tmp_path: Path, stage: str, file: str, maker: str
) -> None:
    copy = finished.copy(tmp_path / "copy")
    path = copy.path / file
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])
    output = copy.run(sys.executable, "-m", f"stages.{stage}", code=1)
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert Path(file).name in errors[0]
    assert f"dvc repro --force {maker}" in errors[0]
    assert "Traceback" not in output


def test_a_mirror_with_wrong_content_leaves_only_the_sample(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    shutil.rmtree(copy.path / "data" / "raw")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for file in datasets.SHA256["mnist"]:
        (mirror / file).write_bytes(b"other")
    copy.environment["MNIST_MIRROR"] = str(mirror)
    assert "wrong content" in copy.run(sys.executable, "-m", "stages.download")
    assert [path.name for path in (copy.path / "data" / "raw").iterdir()] == ["mnist-sample"]


def test_without_a_mirror_or_the_sample_it_fails_with_one_line(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.set(download={"offline": "fail"})
    output = copy.run(sys.executable, "-m", "stages.download", code=1)
    assert "error: no mirror serves mnist" in output
    assert "Traceback" not in output


def test_the_readme_keeps_the_list_of_experiments_narrow() -> None:
    assert f"--drop '{EXP_SHOW_DROP}'" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_dvc_speaks_of_the_root_pipeline_only(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.run("git", "checkout", "-q", "-b", "other")
    copy.set(plot={"mistakes": 7})
    copy.run("dvc", "repro")
    copy.commit("another run")
    copy.run("git", "checkout", "-q", "main")
    short = {command: copy.run("dvc", command) for command in ("checkout", "status")}
    copy.run("dvc", "exp", "run", "--name", "nine", "-S", "plot.mistakes=9")
    copy.run("git", "checkout", "-q", ".")
    short["exp apply"] = copy.run("dvc", "exp", "apply", "nine")
    assert "up to date" in short["status"]
    assert max(len(output.splitlines()) for output in short.values()) < 10
    table = copy.run("dvc", "metrics", "show")
    experiments = copy.run("dvc", "exp", "show", "--only-changed", "--drop", EXP_SHOW_DROP)
    assert "nine" in experiments
    assert max(map(len, (table + experiments).splitlines())) <= 120
    outputs = [*short.values(), table, experiments, copy.run("dvc", "dag"), copy.run("dvc", "plots", "show")]
    assert not [output for output in outputs if "studies" in output]


def test_a_fresh_clone_reports_its_status_in_a_screenful(finished: Repository, tmp_path: Path) -> None:
    finished.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    assert len(Repository(tmp_path / "clone").run("dvc", "status").splitlines()) < 40


@pytest.mark.parametrize(
    "files",
    [
        ["plots/training.tsv", "plots/layers.csv", "plots/confusion.csv", "plots/classes.csv", "plots/reliability.csv"],
        ["metrics/validation.json", "metrics/test.json", "metrics/unshifted.json"],
        ["data/processed/train.npz", "data/augmented/01.npz", "data/predictions.npz", "models/model.keras"],
        ["models/digits.onnx", "models/training.json", "plots/figures/curves.png"],
    ],
)
def test_damaged_outputs_are_noticed_and_made_again(finished: Repository, tmp_path: Path, files: list[str]) -> None:
    copy = finished.copy(tmp_path / "copy")
    whole = {name: (copy.path / name).read_bytes() for name in files}
    for name, content in whole.items():
        # Of the same size and form, so that a stage could read a table without an error.
        damaged = re.sub(rb"[0-9]", lambda digit: b"7" if digit[0] != b"7" else b"1", content)
        assert damaged != content
        (copy.path / name).unlink()
        (copy.path / name).write_bytes(damaged)
    status = copy.run("dvc", "status")
    changed = set(re.findall(r"modified: +(\S+)", status))
    # A folder is an output as a whole.
    assert all({name, Path(name).parent.as_posix()} & changed for name in files), status
    copy.run("dvc", "repro")
    assert {name: (copy.path / name).read_bytes() for name in files} == whole
    assert copy.hashes() == finished.hashes()
    # Nothing in Git, such as tables and figures that are made from these files, differs either.
    assert copy.run("git", "status", "--short") == ""
