from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from digits.core import params, store
from digits.core.files import write_table
from digits.core.store import Dataset
from digits.report import basics
from stages import plot
from tests.repository import PARAMS

ACCURACY = {"images": 4, "errors": 0, "accuracy": 1.0, "accuracy_low": 0.5, "accuracy_high": 1.0}


@pytest.fixture
def figures(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The stage's figures for a dataset sorted by digit, like the offline sample."""
    monkeypatch.chdir(tmp_path)
    ordered = dataset.part(np.argsort(dataset.labels, kind="stable"))
    store.save(Path("data/processed/train.npz"), ordered)
    store.save(Path("data/augmented/00.npz"), ordered._replace(images=ordered.images // 2))
    store.save(Path("data/predictions.npz"), ordered, probabilities=np.eye(10)[ordered.labels])
    tables: dict[str, dict[str, Any]] = {
        "training.tsv": {"epoch": 1, "loss": 0.1, "accuracy": 0.9, "val_loss": 0.1, "val_accuracy": 0.9},
        "layers.csv": {"layer": "Dense", "details": "softmax", "output": "10", "parameters": 7850},
        "classes.csv": {"class": "0", **ACCURACY},
        "reliability.csv": {"confidence": 1.0, **ACCURACY},
        "confusion.csv": {"actual": "3", "predicted": "5"},
    }
    for name, row in tables.items():
        write_table(Path("plots", name), [row])
    saved: dict[str, Figure] = {}
    monkeypatch.setattr(basics, "save", lambda figure, path, dpi: saved.update({path.stem: figure}))
    plot.main(params.Params.model_validate(PARAMS))
    return saved


def test_the_stage_shows_one_image_of_each_class_and_each_above_its_augmented_copy(figures: dict[str, Figure]) -> None:
    for name in ("examples", "predictions"):
        assert [int(axes.get_title()[0]) for axes in figures[name].axes] == list(range(10))
    images = [np.asarray(axes.images[0].get_array()) for axes in figures["augmentation"].axes]
    assert len({image.tobytes() for image in images[:10]}) == len(images) / 2 == 10
    for original, augmented in zip(images[:10], images[10:], strict=True):
        np.testing.assert_array_equal(augmented, original // 2)
    # Of all classes, those that the table of pairs names.
    assert [label.get_text() for label in figures["confusion_matrix"].axes[0].get_xticklabels()] == ["3", "5"]
