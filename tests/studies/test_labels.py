from pathlib import Path

import numpy as np
import pytest

from digits.core import params, store
from digits.core.errors import InputError
from digits.core.files import read_json, read_table
from digits.core.store import Dataset
from digits.core.symbols import Symbols
from studies.labels.stages import audit
from studies.labels.stages.doubt import doubt
from studies.labels.stages.schema import LabelsParams
from tests.repository import PARAMS

FLIPPED = [3, 17, 25]


def with_shown(shown: int) -> LabelsParams:
    return LabelsParams.model_validate({**PARAMS, "labels": {"shown": shown}})


def predicted(labels: np.ndarray, classes: int = 10) -> np.ndarray:
    """Return probabilities (N, classes) that are sure of ``labels``, some more than others, most at ``FLIPPED``."""
    sure = np.linspace(0.9, 0.98, len(labels))
    sure[FLIPPED] = 0.99
    probabilities = np.repeat((1 - sure[:, None]) / (classes - 1), classes, axis=1).astype(np.float32)
    probabilities[np.arange(len(labels)), labels] = sure
    return probabilities


def flip(labels: np.ndarray) -> np.ndarray:
    """Return ``labels`` of ten classes with those at ``FLIPPED`` replaced by the class after."""
    wrong = labels.copy()
    wrong[FLIPPED] = (wrong[FLIPPED] + 1) % 10
    return wrong


@pytest.fixture
def folder(tmp_path: Path, dataset: Dataset) -> Path:
    """The study's folder, beside that of folds whose predictions are right where three labels are not."""
    write(tmp_path, dataset._replace(labels=flip(dataset.labels)), predicted(dataset.labels))
    return tmp_path / "labels"


def write(path: Path, dataset: Dataset, probabilities: np.ndarray) -> None:
    count = len(dataset.labels)
    store.save(
        path / "folds" / "predictions.npz",
        dataset,
        probabilities=probabilities,
        set=np.array(["train"] * 30 + ["validation"] * (count - 30)),
        index=np.array([*range(30), *range(count - 30)]),
        image=np.array([f"bars/{number}.png" for number in range(count)]),
    )


def test_wrong_labels_come_first_and_the_right_ones_are_suggested(dataset: Dataset) -> None:
    wrong = flip(dataset.labels)
    found = doubt(wrong, predicted(dataset.labels))
    assert sorted(found.order[:3]) == FLIPPED == np.flatnonzero(found.doubtful).tolist()
    np.testing.assert_array_equal(found.suggested[FLIPPED], dataset.labels[FLIPPED])
    assert found.scores[FLIPPED].max() < 0.1
    assert np.delete(found.scores, FLIPPED).min() > 0.9
    assert sorted(found.order) == list(range(40))


def test_an_image_that_no_class_is_likely_for_does_not_come_before_wrong_labels(dataset: Dataset) -> None:
    probabilities = predicted(dataset.labels)
    probabilities[0] = 0.1
    found = doubt(flip(dataset.labels), probabilities)
    assert not found.doubtful[0]
    assert found.order[3] == 0


def test_the_table_the_gallery_and_the_metrics_are_written(folder: Path) -> None:
    audit.main(with_shown(5), folder)
    rows = read_table(
        folder / "doubtful.csv",
        "audit",
        {"rank": int, "set": str, "index": int, "image": str, "label": str, "suggestion": str, "doubtful": str},
    )
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert sorted(row["image"] for row in rows[:3]) == ["bars/17.png", "bars/25.png", "bars/3.png"]
    assert [row["doubtful"] for row in rows] == ["yes"] * 3 + ["no"] * 2
    (third,) = [row for row in rows if row["image"] == "bars/3.png"]
    assert (third["set"], third["index"], third["label"], third["suggestion"]) == ("train", 3, "4", "3")
    measured = read_json(folder / "metrics.json", "audit")
    assert (measured["images"], measured["errors"], measured["doubtful"]) == (40, 3, 3)
    assert sum(measured["class"].values()) == 3
    assert (folder / "doubtful.png").read_bytes().startswith(b"\x89PNG")


def test_predictions_of_networks_that_are_too_uncertain_are_calibrated(folder: Path, dataset: Dataset) -> None:
    sure = predicted(dataset.labels)
    uncertain = sure**0.3 / (sure**0.3).sum(axis=1, keepdims=True)
    wrong = dataset._replace(labels=flip(dataset.labels))
    scores = []
    for probabilities in (sure, uncertain):
        write(folder.parent, wrong, probabilities)
        audit.main(with_shown(3), folder)
        rows = read_table(folder / "doubtful.csv", "audit", {"image": str, "score": float})
        scores.append([(row["image"], pytest.approx(row["score"], abs=1e-4)) for row in rows])
    assert scores[0] == scores[1]


def test_every_doubtful_label_is_in_the_table_however_few_are_shown(folder: Path) -> None:
    audit.main(with_shown(1), folder)
    assert len(read_table(folder / "doubtful.csv", "audit", {"rank": int})) == 3


def test_labels_without_doubt_are_ranked_too(folder: Path, dataset: Dataset) -> None:
    write(folder.parent, dataset, predicted(dataset.labels))
    audit.main(with_shown(2), folder)
    assert read_json(folder / "metrics.json", "audit")["doubtful"] == 0
    assert len(read_table(folder / "doubtful.csv", "audit", {"rank": int})) == 2


def test_other_classes_are_called_by_their_names(folder: Path, dataset: Dataset) -> None:
    letters = dataset._replace(
        labels=(dataset.labels % 3).astype(np.uint8),
        symbols=Symbols(classes=("alpha", "$\\beta$", "=γ,"), fit="resize", polarity="auto"),
    )
    probabilities = predicted(letters.labels, 3)
    letters.labels[17] = 0
    write(folder.parent, letters, probabilities)
    audit.main(with_shown(40), folder)
    row = read_table(folder / "doubtful.csv", "audit", {"label": str, "suggestion": str})[0]
    assert row == {"label": "alpha", "suggestion": "$\\beta$"}
    assert list(read_json(folder / "metrics.json", "audit")["class"]) == ["alpha", "$\\beta$", "=γ,"]


def test_missing_folds_are_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"predictions\.npz: no such file; .*: dvc --cd studies/folds repro$"):
        audit.main(with_shown(5), tmp_path / "labels")


@pytest.mark.parametrize("shown", ["0", "201", "many"])
def test_an_impossible_number_of_images_is_reported(root: Path, tmp_path: Path, shown: str) -> None:
    recipe = tmp_path / "params.yaml"
    recipe.write_text(f"audit: {{labels: {{shown: {shown}}}}}")
    with pytest.raises(InputError, match=rf"labels\.shown: '?{shown}'?: "):
        params.load(root, f"{recipe}:audit", LabelsParams)
