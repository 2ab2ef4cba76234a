from pathlib import Path

import numpy as np
import pytest

from digits.core import params, store
from digits.core.errors import InputError
from digits.core.files import read_json, write_json, write_table
from digits.core.store import Dataset
from digits.model import backend, metrics, network, training
from studies.folds.stages import average, fold, predict
from studies.folds.stages.schema import FoldsParams
from tests.repository import NETWORK, PARAMS

TRAINED = {"parameters": 10, "epochs": 2, "kept_epoch": 2, "temperature": None}


@pytest.fixture
def folder(tmp_path: Path, dataset: Dataset) -> Path:
    """Forty distinguishable images: thirty for training, ten for validation."""
    images = dataset.images.copy()
    images[:, 0, 0] = np.arange(40)
    for part, indices in (("train", slice(0, 30)), ("validation", slice(30, 40))):
        store.save(tmp_path / f"{part}.npz", Dataset("bars", images[indices], dataset.labels[indices]))
    return tmp_path


def with_folds(numbers: list[int], seed: int = 0) -> FoldsParams:
    return FoldsParams.model_validate({**PARAMS, "folds": {"seed": seed, "numbers": numbers}})


def test_each_image_is_held_out_once_and_folds_are_stratified(folder: Path, dataset: Dataset) -> None:
    fold.main(with_folds([0, 1, 2]), folder, folder)
    held_out = []
    for number in range(3):
        train, validation = (
            store.load(folder / "data" / str(number) / f"{part}.npz", "fold") for part in ("train", "validation")
        )
        assert sorted([*train.images[:, 0, 0], *validation.images[:, 0, 0]]) == list(range(40))
        assert np.bincount(validation.labels, minlength=10).min() >= 1
        np.testing.assert_array_equal(validation.labels, dataset.labels[validation.images[:, 0, 0]])
        held_out += validation.images[:, 0, 0].tolist()
    assert sorted(held_out) == list(range(40))


def test_more_folds_than_images_of_the_rarest_digit_are_rejected(folder: Path) -> None:
    with pytest.raises(InputError, match=r"folds\.numbers: 5 folds: at most 4"):
        fold.main(with_folds([0, 1, 2, 3, 4]), folder, folder)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [("[]", "two or more"), ("[0]", "two or more"), ("[1, 2]", "count from 0"), ("[0, 0]", "count"), ("4", "a list")],
)
def test_impossible_numbers_of_folds_are_reported(root: Path, tmp_path: Path, numbers: str, message: str) -> None:
    recipe = tmp_path / "params.yaml"
    recipe.write_text(f"split: {{folds: {{seed: 0, numbers: {numbers}}}}}")
    with pytest.raises(InputError, match=rf"folds\.numbers: .*{message}"):
        params.load(root, f"{recipe}:split", FoldsParams)


def test_the_seed_decides_the_split(folder: Path) -> None:
    def held_out(seed: int) -> list[int]:
        fold.main(with_folds([0, 1, 2], seed), folder, folder)
        validation = store.load(folder / "data" / "0" / "validation.npz", "fold")
        return sorted(validation.images[:, 0, 0].tolist())

    first = held_out(0)
    assert held_out(1) != first
    assert held_out(0) == first


def test_runs_of_folds_that_no_longer_exist_are_removed(folder: Path) -> None:
    for number in ("2", "3"):
        (folder / "runs" / number).mkdir(parents=True)
    fold.main(with_folds([0, 1, 2]), folder, folder)
    assert [path.name for path in (folder / "runs").iterdir()] == ["2"]


def write_fold(run: Path, errors: int, **trained: float) -> None:
    write_json(run / "models" / "training.json", TRAINED | trained)
    write_json(run / "metrics" / "validation.json", {"dataset": "bars", **metrics.accuracy(errors, 10)})


def test_folds_are_averaged(folder: Path) -> None:
    for number, errors in enumerate((1, 2, 3)):
        write_fold(folder / "runs" / str(number), errors)
    average.main(with_folds([0, 1, 2]), folder)
    measured = read_json(folder / "metrics.json", "average")
    assert measured["accuracy_mean"] == pytest.approx(0.8)
    assert measured["accuracy_deviation"] == pytest.approx(0.1)
    assert (measured["together"]["errors"], measured["together"]["images"]) == (6, 30)
    assert set(measured["fold"]) == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("trained", "message"),
    [({"kept_epoch": 1}, r"train\.keep: should be last"), ({"temperature": 0.9}, r"train\.calibrate: should be false")],
)
def test_folds_that_influenced_their_training_are_rejected(
    folder: Path, trained: dict[str, float], message: str
) -> None:
    for number in range(3):
        write_fold(folder / "runs" / str(number), 1, **trained)
    with pytest.raises(InputError, match=message):
        average.main(with_folds([0, 1, 2]), folder)


def test_each_image_is_predicted_by_the_model_that_it_was_held_out_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorFlow has computed already in this process.
    monkeypatch.setattr(backend, "use", lambda threads: None)
    params = with_folds([0, 1])
    fold.main(params, folder, folder)
    origins = [{"set": "train", "index": index, "image": f"{index}.png"} for index in range(40)]
    write_table(folder / "images.csv", origins)
    models = []
    for number in range(2):
        training.make_deterministic(number)
        models.append(network.build(NETWORK))
        network.save(models[-1], folder / "runs" / str(number) / "models" / "model.keras")
    predict.main(params, folder, folder)
    path = folder / "predictions.npz"
    arrays = store.load_arrays(path, "predict", "probabilities", "image")
    # The images are in the order of their origins.
    np.testing.assert_array_equal(store.load(path, "predict").images[:, 0, 0], np.arange(40))
    assert arrays["image"].tolist() == [row["image"] for row in origins]
    for number, model in enumerate(models):
        held_out = store.load(folder / "data" / str(number) / "validation.npz", "fold").images
        expected = model.predict(held_out, verbose=0)
        np.testing.assert_allclose(arrays["probabilities"][held_out[:, 0, 0]], expected, atol=1e-6)
