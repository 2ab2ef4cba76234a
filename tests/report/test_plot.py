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
def drawn(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The stage's figures for a dataset sorted by digit, like the offline sample."""
    order = np.argsort(dataset.labels, kind="stable")
    ordered = dataset._replace(images=dataset.images[order], labels=dataset.labels[order])
    store.save(tmp_path / "train.npz", ordered)
    store.save(tmp_path / "00.npz", ordered._replace(images=ordered.images // 2))
    store.save(tmp_path / "data" / "predictions.npz", ordered, probabilities=np.eye(10)[ordered.labels])
    tables: dict[str, dict[str, Any]] = {
        "training.tsv": {"epoch": 1, "loss": 0.1, "accuracy": 0.9, "val_loss": 0.1, "val_accuracy": 0.9},
        "layers.csv": {"layer": "Dense", "details": "softmax", "output": "10", "parameters": 7850},
        "classes.csv": {"class": "0", **ACCURACY},
        "reliability.csv": {"confidence": 1.0, **ACCURACY},
    }
    for name, row in tables.items():
        write_table(tmp_path / "plots" / name, [row])
    figures: dict[str, Figure] = {}
    monkeypatch.setattr(basics, "save", lambda figure, path, dpi: figures.update({path.stem: figure}))
    plot.main(params.Params.model_validate(PARAMS), tmp_path, tmp_path, tmp_path)
    return figures


def test_examples_and_predictions_show_one_of_each_class(drawn: dict[str, Figure]) -> None:
    for name in ("examples", "predictions"):
        captions = [axes.get_title() for axes in drawn[name].axes]
        assert [int(caption[0]) for caption in captions] == list(range(10))


def test_each_digit_is_above_its_augmented_copy(drawn: dict[str, Figure]) -> None:
    images = [np.asarray(axes.images[0].get_array()) for axes in drawn["augmentation"].axes]
    assert len({image.tobytes() for image in images[:10]}) == len(images) / 2 == 10
    for original, augmented in zip(images[:10], images[10:], strict=True):
        np.testing.assert_array_equal(augmented, original // 2)
