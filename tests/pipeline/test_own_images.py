"""The pipeline on one's own images, run by real DVC."""

import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from digits.core.task import Task
from tests.repository import NETWORK, create

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


@pytest.mark.slow
def test_a_network_for_ones_own_classes_is_trained_and_reads_images(tmp_path: Path) -> None:
    repository = create(tmp_path / "own", "reader/models")
    for number, name in enumerate(CLASSES):
        for image in range(30):
            write(repository.path / "data" / "letters" / name / f"{image:02}.png", name, 100 * number + image)
    network = [*NETWORK[:-1], {"Dense": {"units": 5, "activation": "softmax"}}]
    repository.set(
        download={"dataset": "folder", "path": "data/letters"},
        augment={"passes": 1},
        train={"network": network, "batch_size": 16, "virtual_batch_size": 8, "epochs": 8},
    )
    repository.commit("start")
    repository.run("dvc", "repro", "evaluate")

    validation, test = repository.metrics("validation"), repository.metrics("test")
    assert (validation["dataset"], validation["images"]) == ("letters", 11)
    assert (test["dataset"], test["images"]) == ("letters", 21)
    assert test["accuracy"] > 0.7
    rows = (repository.path / "plots" / "classes.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["class", *CLASSES]
    (written,) = onnx.load(repository.path / "models" / "digits.onnx").metadata_props
    assert Task.parse(written.value) == Task(classes=CLASSES, fit="digit", polarity="auto")

    images = [f"data/letters/{name}/{number:02}.png" for name in CLASSES for number in range(10)]
    lines = repository.run(sys.executable, "-m", "digits", "read", *images).splitlines()
    names = {line.partition(": ")[0]: line.partition(": ")[2].split(" ")[0] for line in lines}
    assert set(names) == set(images)
    assert set(names.values()) == set(CLASSES)
    assert sum(name == image.split("/")[2] for image, name in names.items()) > 35

    assert repository.changed_stages() == ["charts", "plot"]
    write(repository.path / "data" / "letters" / "A" / "more.png", "A", 1000)
    assert repository.changed_stages()[0] == "download"
