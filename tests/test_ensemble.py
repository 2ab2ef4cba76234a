from pathlib import Path

import numpy as np
import pytest

from digits import ensemble, params, store
from digits.errors import InputError
from digits.files import read_json, read_table
from digits.store import Dataset
from stages import ensemble as stage
from stages.job import Job

ROOT = Path(__file__).parent.parent


def reading(labels: np.ndarray, wrong: list[int], confidence: float = 0.6) -> np.ndarray:
    """Return probabilities (N, 10) that are right but for the pictures ``wrong``."""
    predicted = labels.astype(int)
    predicted[wrong] = (predicted[wrong] + 1) % 10
    probabilities = np.full((len(labels), 10), (1 - confidence) / 9, np.float32)
    probabilities[np.arange(len(labels)), predicted] = confidence
    return probabilities


def test_models_that_err_apart_err_less_together(dataset: Dataset) -> None:
    members = [reading(dataset.labels, wrong) for wrong in ([0, 1], [2], [3, 4, 5])]
    rows = ensemble.growth(dataset.labels, members)
    assert [row["members"] for row in rows] == [1, 2, 3]
    assert (rows[0]["errors"], rows[0]["least"], rows[0]["most"]) == (2, 1, 3)
    assert rows[2]["errors"] == rows[2]["least"] == rows[2]["most"] == 0


@pytest.fixture
def job(tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Job:
    """An ensemble of the root's model and one other."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "study"
    for place, wrong, confidence in ((tmp_path, [0, 1], 0.6), (folder / "b", [2], 0.5)):
        path = place / "data" / "predictions.npz"
        store.save(path, dataset, probabilities=reading(dataset.labels, wrong, confidence))
    (folder / "params.yaml").write_text("b: {train: {seed: 1}}\n")
    return Job(params.load(ROOT / "params.yaml"), tmp_path, tmp_path, folder)


def test_members_are_read_together(job: Job) -> None:
    stage.main(job)
    measured = read_json(job.folder / "metrics.json", "ensemble")
    assert {name: member["errors"] for name, member in measured["member"].items()} == {"default": 2, "b": 1}
    # Where the two disagree, the more confident one decides.
    assert measured["together"]["errors"] == 2
    assert measured["accuracy_mean"] == pytest.approx(1 - 1.5 / 40)
    assert read_table(job.folder / "growth.tsv", "ensemble", {"errors": float}) == [{"errors": 1.5}, {"errors": 2.0}]
    assert (job.folder / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_one_member_is_no_ensemble(job: Job) -> None:
    (job.folder / "params.yaml").write_text("{}")
    with pytest.raises(InputError, match=r"params\.yaml: no members besides the root's model"):
        stage.main(job)


def test_members_that_read_other_pictures_are_named(job: Job, dataset: Dataset) -> None:
    path = job.folder / "b" / "data" / "predictions.npz"
    other = dataset._replace(images=dataset.images[::-1])
    store.save(path, other, probabilities=reading(dataset.labels, []))
    with pytest.raises(InputError, match=r"b.data.predictions\.npz: not of the same pictures"):
        stage.main(job)


def test_every_member_is_trained_and_read() -> None:
    folder = ROOT / "studies" / "ensemble"
    members = params.read(folder / "params.yaml")
    pipeline = params.read(folder / "dvc.yaml")
    assert pipeline["vars"] == [{"members": list(members)}]
    read = [dep for dep in pipeline["stages"]["ensemble"]["deps"] if dep.endswith("predictions.npz")]
    assert read == ["data/predictions.npz", *(f"studies/ensemble/{name}/data/predictions.npz" for name in members)]
    # The members' other sections are those of the root.
    assert all(set(member) == {"train"} for member in members.values())
    for name in members:
        params.load(ROOT / "params.yaml", f"{folder / 'params.yaml'}:{name}")
