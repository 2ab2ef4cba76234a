from pathlib import Path
from typing import Any

import pytest
import yaml

from digits.core.errors import InputError
from digits.core.params import Section
from digits.reading.settings import Settings
from reader import sections
from reader.stages.classifier import Classifier
from reader.stages.crops import Crops
from reader.stages.detector import Detector
from reader.stages.evaluate import Evaluate
from reader.stages.pages import Pages
from tests.repository import ROOT

SCHEMAS: dict[str, type[Section]] = {
    "pages": Pages,
    "detector": Detector,
    "crops": Crops,
    "classifier": Classifier,
    "reading": Settings,
    "evaluate": Evaluate,
}
PARAMS = yaml.safe_load((ROOT / "reader" / "params.yaml").read_text(encoding="utf-8"))


def test_the_parameters_are_valid_and_all_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert list(PARAMS) == list(SCHEMAS)
    for name, schema in SCHEMAS.items():
        assert isinstance(sections.load(name, schema), schema)


def test_the_detector_is_trained_as_it_is_used() -> None:
    trained, used = PARAMS["detector"], PARAMS["reading"]
    assert (trained["surroundings"], trained["floor"]) == (used["window"], used["floor"])


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("detector", {"colour": 1}, "detector: colour: unknown key; remove it or correct its spelling"),
        ("detector", {"steps": "many"}, "detector: steps: 'many': should be a valid integer"),
        ("detector", {"window": 100}, "detector: window: 100: should be a multiple of 16"),
        ("crops", {"overlap": [0.3]}, "crops: overlap[1]: missing key; add it"),
        ("reading", {"fill": 40}, "reading: fill: 40: should be less than or equal to 32"),
        ("pages", {"kinds": {"two": 1}}, "pages: kinds.two.[key]: 'two': String should match pattern '^(one|"),
        ("pages", {"effects": {"fog": 1}}, "pages: effects.fog.[key]: 'fog': String should match pattern '^(clean|"),
    ],
)
def test_a_bad_value_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, changes: dict[str, Any], message: str
) -> None:
    write(tmp_path, {**PARAMS, name: {**PARAMS[name], **changes}})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as raised:
        sections.load(name, SCHEMAS[name])
    assert str(raised.value).startswith(f"reader/params.yaml: {message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [{}, ["detector"], None, {"detectors": PARAMS["detector"]}])
def test_a_missing_section_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any) -> None:
    write(tmp_path, content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^reader/params\.yaml: detector: missing key; add it$"):
        sections.load("detector", Detector)


def write(folder: Path, content: Any) -> None:
    (folder / "reader").mkdir()
    (folder / "reader" / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
