from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digits import params, store
from digits.errors import InputError
from digits.files import read_json, write_json
from digits.store import Dataset
from stages import average, fold
from stages.fold import Folds, FoldsParams
from stages.job import Job

ROOT = Path(__file__).parent.parent


@pytest.fixture
def job(tmp_path: Path, dataset: Dataset) -> Job:
    """Forty pictures, thirty of them to train on, that can be told apart."""
    images = dataset.images.copy()
    images[:, 0, 0] = np.arange(40)
    for part, indices in (("train", slice(0, 30)), ("validation", slice(30, 40))):
        store.save(tmp_path / f"{part}.npz", Dataset("bars", images[indices], dataset.labels[indices]))
    return Job(with_folds([0, 1, 2]), tmp_path, tmp_path, tmp_path)


def with_folds(numbers: list[int]) -> FoldsParams:
    sections = dict(params.load(ROOT / "params.yaml"))
    return FoldsParams(**sections, folds=Folds(seed=0, numbers=numbers))


def test_each_picture_is_held_out_once_and_each_label_by_its_share(job: Job, dataset: Dataset) -> None:
    fold.main(job)
    held_out = []
    for number in range(3):
        train, validation = (
            store.load(job.folder / "data" / str(number) / f"{part}.npz", "fold") for part in ("train", "validation")
        )
        assert sorted([*train.images[:, 0, 0], *validation.images[:, 0, 0]]) == list(range(40))
        assert np.bincount(validation.labels, minlength=10).min() >= 1
        np.testing.assert_array_equal(validation.labels, dataset.labels[validation.images[:, 0, 0]])
        held_out += validation.images[:, 0, 0].tolist()
    assert sorted(held_out) == list(range(40))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [([0, 1, 2, 3, 4], "5 folds: should be 4 at the most"), ([1, 2], "should count from 0"), ([0, 0], "should count")],
)
def test_folds_that_cannot_be_are_named(job: Job, numbers: list[int], message: str) -> None:
    bad = replace(job, params=with_folds(numbers))
    with pytest.raises(InputError, match=rf"folds\.numbers: .*{message}"):
        fold.main(bad)


@pytest.mark.parametrize("numbers", ["[]", "[0]"])
def test_no_fold_and_one_fold_are_refused(tmp_path: Path, numbers: str) -> None:
    recipe = tmp_path / "params.yaml"
    recipe.write_text(f"split: {{folds: {{seed: 0, numbers: {numbers}}}}}")
    with pytest.raises(InputError, match=r"folds\.numbers: .*at least 2 items"):
        params.load(ROOT / "params.yaml", f"{recipe}:split", FoldsParams)


def test_folds_are_averaged(job: Job) -> None:
    for number, errors in enumerate((1, 2, 3)):
        validation = {"images": 10, "errors": errors, "accuracy": 1 - errors / 10}
        write_json(
            job.folder / "runs" / str(number) / "metrics" / "train.json", {"dataset": "bars", "validation": validation}
        )
    average.main(job)
    measured = read_json(job.folder / "metrics.json", "average")
    assert measured["accuracy_mean"] == pytest.approx(0.8)
    assert measured["accuracy_deviation"] == pytest.approx(0.1)
    assert (measured["together"]["errors"], measured["together"]["images"]) == (6, 30)
    assert set(measured["fold"]) == {"0", "1", "2"}
