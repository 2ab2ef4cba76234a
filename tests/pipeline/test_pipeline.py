"""The whole pipeline, run by real DVC on the offline sample."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digits.core import params, store
from digits.core.errors import InputError
from digits.core.files import read_json
from digits.data import datasets
from digits.model import metrics, network
from stages import augment, download, evaluate, plot, preprocess, train
from tests.repository import NETWORK, ROOT, Repository

# The columns that the documentation leaves out of dvc exp show.
EXP_SHOW_DROP = ".*(accuracy|ece|loss|dataset|images)|data|models|plots|State|Executor"


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
    validation = store.load(finished.path / "data" / "processed" / "validation.npz", "")
    model, _ = network.load(finished.path / "models" / "model.keras")
    probabilities = model.predict(validation.images, verbose=0)
    assert read_json(finished.path / "models" / "training.json", "train")["temperature"] != pytest.approx(1, abs=0.01)
    assert metrics.fit_temperature(probabilities, validation.labels) == pytest.approx(1, abs=0.01)


def test_every_figure_is_drawn(finished: Repository) -> None:
    names = {path.stem for path in (finished.path / "plots" / "figures").iterdir()}
    assert names == {
        "examples", "augmentation", "network", "curves", "predictions", "confusion_matrix", "accuracy_by_class",
        "reliability_diagram", "mistakes",
    }  # fmt: skip


def test_dvc_tells_little_and_of_the_root_pipeline_only(finished: Repository, tmp_path: Path) -> None:
    assert finished.run("dvc", "status").splitlines() == ["Data and pipelines are up to date."]
    assert "up to date" in finished.run("dvc", "repro")
    assert max(map(len, finished.run("dvc", "metrics", "show").splitlines())) <= 120
    finished.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    status = Repository(tmp_path / "clone").run("dvc", "status")
    assert len(status.splitlines()) < 40
    assert "studies" not in status + finished.run("dvc", "dag")


@pytest.mark.slow
def test_a_forced_run_gives_the_same_bytes_whatever_the_user_has_set_for_keras_and_matplotlib(
    finished: Repository, copy: Repository, tmp_path: Path
) -> None:
    (tmp_path / "keras.json").write_text('{"floatx": "float16", "image_data_format": "channels_first"}')
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.grid: True\nfigure.facecolor: red\n")
    copy.environment |= {
        **{"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "1"},
        **{"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    }
    copy.run("dvc", "repro", "--force")
    assert copy.hashes() == finished.hashes()
    # Nothing in Git differs from run to run.
    assert copy.run("git", "status", "--short") == ""


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("digits/core/errors.py", []),
        ("digits/web/app.py", []),
        ("digits/onnx/runtime.py", ["export", "evaluate"]),
        ("digits/report/curves.py", ["plot"]),
        ("digits/reading/lines.py", ["preprocess"]),
        ("digits/model/network.py", ["train", "export", "evaluate"]),
    ],
)
def test_an_edit_of_code_reruns_what_it_may_change(copy: Repository, file: str, stages: list[str]) -> None:
    with (copy.path / file).open("a") as opened:
        opened.write("# a comment\n")
    assert copy.changed_stages() == stages


def test_a_network_that_cannot_be_exported_is_refused_before_it_is_trained(copy: Repository) -> None:
    layers = [{"Flatten": {}}, {"Dense": {"units": 9}}, {"Dense": {"units": 9, "activation": "gelu"}}, *NETWORK[-1:]]
    copy.set(train={"network": layers})
    output = copy.run(sys.executable, "-m", "stages.train", code=1)
    assert output == "error: train.network: ONNX has no Erfc, as dense_1/Gelu needs; use another layer\n"


def test_an_edit_of_a_parameter_reruns_its_stage_and_an_earlier_result_comes_from_the_cache(copy: Repository) -> None:
    copy.set(train={"epochs": 2}, plot={"mistakes": 7})
    assert copy.changed_stages() == ["train", "plot"]
    copy.set(train={"epochs": "four"})
    output = copy.run("dvc", "repro", "train", code=255)
    assert [line for line in output.splitlines() if line.startswith("error: ")] == [
        "error: params.yaml: train.epochs: 'four': should be a valid integer"
    ]
    assert "Traceback" not in output
    assert not (copy.path / "models" / "model.keras").exists()
    copy.run("git", "checkout", "-q", "params.yaml")
    output = copy.run("dvc", "repro")
    assert "Stage 'train' is cached" in output
    assert "Running stage" not in output
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
    while not list(bare.path.glob(".checkpoints/*.npz")) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() != 0
    assert not (bare.path / "models" / "model.keras").exists()
    assert len(curves.read_text(encoding="utf-8").splitlines()) < 4
    assert "resuming after epoch" in bare.run(sys.executable, "-m", "stages.train")
    for name in ("models/model.keras", "metrics/validation.json", "plots/training.tsv"):
        assert hashlib.md5((bare.path / name).read_bytes()).hexdigest() == finished.hashes()[name]
    assert not list((bare.path / ".checkpoints").iterdir())


def test_an_experiment_and_a_branch_are_compared_with_main(finished: Repository, copy: Repository) -> None:
    copy.run("dvc", "exp", "run", "--name", "seven", "-S", "plot.mistakes=7")
    table = json.loads(copy.run("dvc", "exp", "show", "--json"))
    runs = [experiment["revs"][0]["data"] for row in table for experiment in row["experiments"] or []]
    assert [run["params"]["params.yaml"]["data"]["plot"]["mistakes"] for run in runs] == [7]
    assert [run["metrics"]["metrics/test.json"]["data"] for run in runs] == [finished.metrics("test")]
    shown = copy.run("dvc", "exp", "show", "--only-changed", "--drop", EXP_SHOW_DROP)
    assert "seven" in shown
    assert max(map(len, shown.splitlines())) <= 120

    copy.run("git", "checkout", "-q", "-b", "uncalibrated", "--force")
    copy.set(train={"calibrate": False})
    copy.run("dvc", "repro", "evaluate")
    assert copy.metrics("test")["errors"] == finished.metrics("test")["errors"]
    difference = json.loads(copy.run("dvc", "metrics", "diff", "main", "--json"))
    assert difference["metrics/test.json"]["loss"]["diff"] != 0
    assert list(json.loads(copy.run("dvc", "params", "diff", "main", "--json"))["params.yaml"]) == ["train.calibrate"]


@pytest.mark.slow
def test_a_conflict_of_two_branches_in_dvc_lock_ends_with_what_the_merged_parameters_give(copy: Repository) -> None:
    copy.run("git", "branch", "other")
    for branch, section in {"main": {"dpi": 50}, "other": {"examples": 2}}.items():
        copy.run("git", "checkout", "-q", branch)
        copy.set(plot=section)
        copy.run("dvc", "repro")
        copy.commit(branch)
    copy.run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "merge", "main", code=1)
    assert "<<<<<<<" in (copy.path / "dvc.lock").read_text()
    copy.run("git", "checkout", "--theirs", "dvc.lock")
    copy.run("dvc", "repro")
    copy.commit("Merge")
    assert "up to date" in copy.run("dvc", "status")
    merged = params.load(copy.path / "params.yaml").plot
    assert (merged.examples, merged.dpi) == (2, 50)


def test_the_documentation_keeps_the_list_of_experiments_narrow() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    assert any(f"--drop '{EXP_SHOW_DROP}'" in page for page in pages)


@pytest.mark.parametrize(
    ("stage", "file", "maker"),
    [
        (preprocess, "data/raw/mnist-sample/train-images-idx3-ubyte.gz", "download"),
        (augment, "data/processed/train.npz", "preprocess"),
        (train, "data/augmented/01.npz", "augment"),
        (evaluate, "data/processed/test.npz", "preprocess"),
        (evaluate, "models/digits.onnx", "export"),
        (plot, "plots/layers.csv", "train"),
    ],
)
def test_a_damaged_input_gives_one_line_with_its_name_and_the_command(
    finished: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: object, file: str, maker: str
) -> None:
    for name in ("params.yaml", "reader/params.yaml", "data", "models", "metrics", "plots"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (finished.path / name).is_dir() else shutil.copy
        copy(finished.path / name, path)
    path = tmp_path / file
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"{Path(file).name}: .*dvc repro --force {maker}") as caught:
        stage.main(params.load())  # type: ignore[attr-defined]
    assert "\n" not in str(caught.value)


def test_a_mirror_with_wrong_content_leaves_only_the_sample_or_fails(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for file in datasets.SHA256["mnist"]:
        (mirror / file).write_bytes(b"other")
    monkeypatch.setenv("MNIST_MIRROR", str(mirror))
    section = params.load(root)
    download.main(section)
    assert "wrong content" in capsys.readouterr().err
    assert [path.name for path in Path("data/raw").iterdir()] == ["mnist-sample"]
    strict = section.model_copy(update={"download": section.download.model_copy(update={"offline": "fail"})})
    with pytest.raises(InputError, match="no mirror serves mnist"):
        download.main(strict)


@pytest.mark.slow
def test_damaged_outputs_are_noticed_and_made_again(finished: Repository, copy: Repository) -> None:
    names = [
        *[
            "plots/training.tsv",
            "plots/layers.csv",
            "plots/confusion.csv",
            "plots/classes.csv",
            "plots/reliability.csv",
        ],
        *["metrics/validation.json", "metrics/test.json"],
        *[
            "models/training.json",
            "data/processed/train.npz",
            "data/augmented/01.npz",
            "data/predictions.npz",
            "models/model.keras",
        ],
        *["models/digits.onnx", "plots/figures/curves.png"],
    ]
    whole = {name: (copy.path / name).read_bytes() for name in names}
    for name, content in whole.items():
        # Of the same size and form, so that a stage could read a table without an error.
        damaged = re.sub(rb"[0-9]", lambda digit: b"7" if digit[0] != b"7" else b"1", content)
        assert damaged != content
        (copy.path / name).unlink()
        (copy.path / name).write_bytes(damaged)
    status = copy.run("dvc", "status")
    changed = set(re.findall(r"modified: +(\S+)", status))
    # A folder is an output as a whole.
    assert all({name, Path(name).parent.as_posix()} & changed for name in names), status
    copy.run("dvc", "repro")
    assert {name: (copy.path / name).read_bytes() for name in names} == whole
    assert copy.hashes() == finished.hashes()
    # Nothing in Git, such as tables and figures that are made from these files, differs either.
    assert copy.run("git", "status", "--short") == ""


@pytest.mark.slow
def test_queued_experiments_run_in_copies_of_the_repository(copy: Repository) -> None:
    copy.run("dvc", "exp", "run", "--queue", "-S", "plot.mistakes=7,8")
    copy.run("dvc", "exp", "run", "--run-all")
    table = json.loads(copy.run("dvc", "exp", "show", "--json"))
    runs = [experiment["revs"][0]["data"] for row in table for experiment in row["experiments"] or []]
    assert {run["params"]["params.yaml"]["data"]["plot"]["mistakes"] for run in runs} == {7, 8}
