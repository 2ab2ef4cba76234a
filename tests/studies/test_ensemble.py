from pathlib import Path

import numpy as np
import pytest

from digits.core import params, store
from digits.core.errors import InputError
from digits.core.files import read_json, read_table, write_json
from digits.core.store import Dataset
from studies.ensemble.stages import ensemble, growth
from tests.repository import PARAMS, ROOT

SMALL = params.Params.model_validate(PARAMS)


def predictions(labels: np.ndarray, wrong: list[int], confidence: float = 0.6) -> np.ndarray:
    """Return probabilities (N, 10) that are correct except for the images with the indices ``wrong``."""
    predicted = labels.astype(int)
    predicted[wrong] = (predicted[wrong] + 1) % 10
    probabilities = np.full((len(labels), 10), (1 - confidence) / 9, np.float32)
    probabilities[np.arange(len(labels)), predicted] = confidence
    return probabilities


def test_models_with_different_errors_make_fewer_together(dataset: Dataset) -> None:
    members = [predictions(dataset.labels, wrong) for wrong in ([0, 1], [2], [3, 4, 5])]
    rows = growth.growth(dataset.labels, members)
    assert [row["members"] for row in rows] == [1, 2, 3]
    assert (rows[0]["errors"], rows[0]["least"], rows[0]["most"]) == (2, 1, 3)
    assert rows[2]["errors"] == rows[2]["least"] == rows[2]["most"] == 0


@pytest.fixture
def folder(tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ensemble of the root's model and one other."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "study"
    for place, wrong, confidence in ((tmp_path, [0, 1], 0.6), (folder / "runs" / "b", [2], 0.5)):
        path = place / "data" / "predictions.npz"
        store.save(path, dataset, probabilities=predictions(dataset.labels, wrong, confidence))
        write_json(place / "metrics" / "unshifted.json", {"accuracy": 1 - (len(wrong) + 1) / 40})
    return folder


def test_the_members_probabilities_are_averaged(folder: Path) -> None:
    ensemble.main(SMALL, {"b": SMALL}, folder)
    measured = read_json(folder / "metrics.json", "ensemble")
    assert {name: member["errors"] for name, member in measured["member"].items()} == {"default": 2, "b": 1}
    # Where the two disagree, the more confident one decides.
    assert measured["together"]["errors"] == 2
    assert measured["accuracy_mean"] == pytest.approx(1 - 1.5 / 40)
    assert measured["unshifted"]["accuracy_mean"] == pytest.approx(1 - 2.5 / 40)
    assert read_table(folder / "growth.tsv", "ensemble", {"errors": float}) == [{"errors": 1.5}, {"errors": 2.0}]
    assert (folder / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_one_member_is_not_an_ensemble(folder: Path) -> None:
    with pytest.raises(InputError, match=r"params\.yaml: no members besides the root's model"):
        ensemble.main(SMALL, {}, folder)


def test_members_measured_on_other_images_are_reported(folder: Path, dataset: Dataset) -> None:
    path = folder / "runs" / "b" / "data" / "predictions.npz"
    other = dataset._replace(images=dataset.images[::-1])
    store.save(path, other, probabilities=predictions(dataset.labels, []))
    with pytest.raises(InputError, match=r"b.data.predictions\.npz: not the same images"):
        ensemble.main(SMALL, {"b": SMALL}, folder)


def test_every_member_is_trained_and_averaged(root: Path) -> None:
    folder = ROOT / "studies" / "ensemble"
    members = params.read(folder / "params.yaml")
    pipeline = params.read(folder / "dvc.yaml")
    assert pipeline["vars"] == [{"members": list(members)}]
    assert {"runs", "../../data/predictions.npz"} < set(pipeline["stages"]["ensemble"]["deps"])
    # The members' other sections are those of the root.
    assert all(set(member) == {"train"} for member in members.values())
    for name in members:
        params.load(root, f"{folder / 'params.yaml'}:{name}")
