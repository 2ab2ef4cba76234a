import json
import math
from pathlib import Path
from typing import Any

import pytest

from digits.core import params
from digits.core.errors import InputError
from digits.core.files import write_json
from digits.reading.settings import Settings
from tests.reading.fakes import SETTINGS, changed
from tests.repository import ROOT


def check(**settings: Any) -> Settings:
    content = json.loads(json.dumps({**SETTINGS.model_dump(), **settings}))
    return params.check(content, Path("reading"), Settings)


def test_the_readers_parameters_are_valid_and_leave_out_what_is_learned() -> None:
    content = params.read(ROOT / "reader" / "params.yaml")["reading"]
    settings = params.check(content, Path("reading"), Settings)
    assert set(content) == set(Settings.model_fields) - {"calibration"}
    assert settings.calibration == (0, 1, 1)


def test_what_was_written_can_be_read(tmp_path: Path) -> None:
    settings = changed(calibration=(-0.5, 1.25, math.pi), min_objectness=1 / 3)
    write_json(tmp_path / "reading.json", settings.model_dump())
    assert params.check(params.read(tmp_path / "reading.json"), tmp_path, Settings) == settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_side", 0),
        ("scale_step", 1),
        ("normalization_window", 65.5),
        ("candidate_sizes", [12]),
        ("min_objectness", 1.1),
        ("crop_box_side", 40),
        ("touching_factor", "half"),
        ("calibration", [0, 1]),
        ("unknown", 1),
    ],
)
def test_an_impossible_value_is_reported_with_its_key(key: str, value: Any) -> None:
    assert check() == SETTINGS
    with pytest.raises(InputError, match=rf"^reading: {key}.*: "):
        check(**{key: value})
