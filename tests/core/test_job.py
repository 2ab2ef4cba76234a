from pathlib import Path

import pytest
import yaml

from digits.core.job import run_stage
from tests.repository import PARAMS


def test_a_stage_starts_with_checked_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    epochs = list[int]()
    for number in (1, 0):
        Path("params.yaml").write_text(yaml.safe_dump({**PARAMS, "train": {**PARAMS["train"], "epochs": number}}))
        if number:
            run_stage(lambda params: epochs.append(params.train.epochs))
        else:
            with pytest.raises(SystemExit, match=r"^error: params\.yaml: train\.epochs: 0: "):
                run_stage(lambda params: epochs.append(params.train.epochs))
    assert epochs == [1]
