import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from digits.core import params
from digits.core.errors import InputError
from digits.core.files import write_json
from digits.reading.settings import Settings
from tests.reading.fakes import SETTINGS, changed
from tests.repository import ROOT


def check(**settings: Any) -> Settings:
    content = json.loads(json.dumps({**SETTINGS.model_dump(), **settings}))
    return params.check(content, Path("reading"), Settings)


def test_the_readers_parameters_are_valid_and_say_nothing_of_what_is_learned() -> None:
    content = yaml.safe_load((ROOT / "reader" / "params.yaml").read_text(encoding="utf-8"))["reading"]
    settings = params.check(content, Path("reading"), Settings)
    assert set(content) == set(Settings.model_fields) - {"calibration"}
    # The probability of a reading is then what both networks say.
    assert settings.calibration == (0, 1, 1)


def test_what_was_written_can_be_read(tmp_path: Path) -> None:
    settings = changed(calibration=(-0.5, 1.25, math.pi), candidate=1 / 3)
    write_json(tmp_path / "reading.json", settings.model_dump())
    assert params.check(params.read(tmp_path / "reading.json"), tmp_path, Settings) == settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("longest", 0),
        ("enlarged", 0.01),
        ("step", 1),
        ("window", 65.5),
        ("floor", 0),
        ("heights", [12]),
        ("candidate", 1.1),
        ("most", 0),
        ("fill", 40),
        ("vote", -0.1),
        ("touching", "half"),
        ("accepted", 1.5),
        ("calibration", [0, 1]),
    ],
)
def test_an_impossible_value_is_reported_with_its_key(key: str, value: Any) -> None:
    assert check() == SETTINGS
    with pytest.raises(InputError, match=rf"^reading: {key}.*: "):
        check(**{key: value})


def test_unknown_and_missing_keys_are_reported() -> None:
    with pytest.raises(InputError, match="steps: unknown key"):
        check(steps=1.5)
    content = SETTINGS.model_dump()
    del content["step"]
    with pytest.raises(InputError, match="step: missing key"):
        params.check(content, Path("reading"), Settings)
