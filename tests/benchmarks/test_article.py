from pathlib import Path

import pytest
import yaml

from benchmarks import article
from digits.core import store
from digits.core.store import Dataset
from tests.repository import NETWORK


def test_the_table_says_how_much_faster_and_slower() -> None:
    assert article.table(300, [10, 11, 9], [0.9926, 0.9930, 0.9928], 450).splitlines() == [
        "                        seconds    ratio",
        "the article's script      300.0     1.00",
        "quick                      10.0   1/30.0   ±1.0, 3 runs, validation accuracy 99.28%",
        "dvc repro                 450.0     1.50",
    ]


def test_the_script_trains_as_the_recipe_says(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = {
        "augment": {"rotation": 10, "zoom": 0.1, "shift": 0.1},
        "train": {
            "network": NETWORK,
            "optimizer": {"Adam": {"learning_rate": 0.01}},
            "loss": {"CategoricalCrossentropy": {}},
            "batch_size": 8,
            "epochs": 2,
        },
    }
    Path("studies").mkdir()
    Path("studies/params.yaml").write_text(yaml.safe_dump({"recipes": {"flyai": recipe}}))
    for part in ("train", "validation"):
        store.save(Path(f"data/processed/{part}.npz"), dataset)
    article.main()
    output = capsys.readouterr().out
    assert "Epoch 2/2\n5/5 - " in output
    assert "val_accuracy" in output
