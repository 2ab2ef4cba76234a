"""The pipeline on one's own images, run by real DVC."""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from digits.core.symbols import Symbols
from tests.repository import NETWORK, Repository, create

CLASSES = ("A", "E", "K", "T", "Ö")


def write(path: Path, name: str, seed: int) -> None:
    """Write a letter, which has a place, a size and a thickness of its own."""
    random = np.random.default_rng(seed)
    image, place = np.full((60, 60), 230, np.uint8), (int(random.integers(8, 18)), int(random.integers(44, 52)))
    thickness = int(random.integers(2, 5))
    cv2.putText(image, name.replace("Ö", "O"), place, 0, random.uniform(1.2, 1.6), 20, thickness, cv2.LINE_AA)
    if name == "Ö":
        cv2.line(image, (15, 6), (40, 6), 20, thickness)
    path.parent.mkdir(parents=True, exist_ok=True)
    # OpenCV cannot write a path with such letters on Windows.
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository that was trained on five letters; tests that change it work on a copy."""
    repository = create(tmp_path_factory.mktemp("own") / "repository", "reader/models")
    for number, name in enumerate(CLASSES):
        for each in range(30):
            write(repository.path / "data" / "letters" / name / f"{each:02}.png", name, 100 * number + each)
    network = [*NETWORK[:-1], {"Dense": {"units": 5, "activation": "softmax"}}]
    repository.set(
        download={"dataset": "folder", "path": "data/letters"},
        augment={"passes": 1},
        train={"network": network, "batch_size": 16, "epochs": 8},
    )
    repository.commit("start")
    repository.run("dvc", "repro", "evaluate", "export")
    return repository


def test_metrics_and_the_network_name_the_dataset_and_the_classes(finished: Repository) -> None:
    validation, test = finished.metrics("validation"), finished.metrics("test")
    assert (validation["dataset"], validation["images"]) == ("letters", 11)
    assert (test["dataset"], test["images"]) == ("letters", 21)
    assert test["accuracy"] > 0.7
    rows = (finished.path / "plots" / "classes.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["class", *CLASSES]
    (written,) = onnx.load(finished.path / "models" / "digits.onnx").metadata_props
    assert Symbols.parse(written.value) == Symbols(classes=CLASSES, fit="digit", polarity="auto")


def test_reading_prints_the_names(finished: Repository) -> None:
    images = [f"data/letters/{name}/{number:02}.png" for name in CLASSES for number in range(10)]
    lines = finished.run(sys.executable, "-m", "digits", "read", *images).splitlines()
    names = {line.partition(": ")[0]: line.partition(": ")[2].split(" ")[0] for line in lines}
    assert set(names) == set(images)
    assert set(names.values()) == set(CLASSES)
    assert sum(name == image.split("/")[2] for image, name in names.items()) > 35


def test_with_an_unchanged_folder_nothing_reruns(finished: Repository) -> None:
    assert finished.changed_stages() == ["charts", "plot"]


def test_with_one_more_image_what_depends_on_it_reruns(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    write(copy.path / "data" / "letters" / "A" / "more.png", "A", 1000)
    output = copy.run("dvc", "repro", "evaluate", "export")
    ran = [stage for stage in ("download", "preprocess", "augment", "train", "evaluate", "export", "charts")
           if f"Running stage '{stage}'" in output]  # fmt: skip
    assert ran == ["download", "preprocess", "augment", "train", "evaluate", "export"]
    sizes = [copy.metrics(name)["images"] for name in ("validation", "test")]
    assert sum(sizes) == 33
    (copy.path / "data" / "letters" / "A" / "more.png").unlink()
    output = copy.run("dvc", "repro", "evaluate", "export")
    # DVC restores the rest from its cache; the network is in Git instead.
    assert [line for line in output.splitlines() if line.startswith("Running")] == ["Running stage 'export':"]
    assert copy.hashes() == finished.hashes()


def test_another_order_of_writing_gives_the_same_bytes(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    folder = copy.path / "data" / "letters"
    shutil.copytree(folder, tmp_path / "letters")
    shutil.rmtree(folder)
    for path in sorted((tmp_path / "letters").rglob("*.png"), reverse=True):
        place = folder / path.relative_to(tmp_path / "letters")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    copy.run("dvc", "repro", "--force", "--single-item", "download", "preprocess")
    assert copy.hashes() == finished.hashes()


def test_a_wrong_number_of_units_is_told_with_the_right_one(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.set(train={"network": NETWORK})
    output = copy.run("dvc", "repro", "train", code=255)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "not a probability for each of the 5 classes; end it with Dense: {units: 5, activation: softmax}" in line
    assert "Traceback" not in output


def test_a_bad_folder_is_told_in_one_line(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    for name in CLASSES[1:]:
        shutil.rmtree(copy.path / "data" / "letters" / name)
    output = copy.run("dvc", "repro", "preprocess", code=255)
    assert [line for line in output.splitlines() if line.startswith("error: ")] == [
        "error: data/letters: only one class, 'A'; at least two are needed"
    ]
    assert "Traceback" not in output


def test_the_sample_is_trained_on_again_without_the_folder(finished: Repository, tmp_path: Path) -> None:
    copy = finished.copy(tmp_path / "copy")
    copy.set(download={"dataset": "mnist", "path": "data/none"})
    copy.run("dvc", "repro", "preprocess")
    assert [path.name for path in (copy.path / "data" / "raw").iterdir()] == ["mnist-sample"]
