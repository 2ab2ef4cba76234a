from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from digits.core import params
from digits.core.errors import InputError
from digits.core.params import Section
from digits.reading.settings import Settings
from reader import data
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
PARAMS = params.read(ROOT / "reader" / "params.yaml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reader" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reader"


def test_the_parameters_are_valid_and_all_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert list(PARAMS) == list(SCHEMAS)
    for name, schema in SCHEMAS.items():
        assert isinstance(data.load_section(name, schema), schema)


def test_the_detector_is_trained_as_it_is_used() -> None:
    for key in ("normalization_window", "normalization_floor"):
        assert PARAMS["detector"][key] == PARAMS["reading"][key]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("detector", {"colour": 1}, "detector: colour: unknown key; remove it or correct its spelling"),
        ("detector", {"window": 100}, "detector: window: 100: should be a multiple of 16"),
        ("crops", {"iou_limits": [0.3]}, "crops: iou_limits[1]: missing key; add it"),
        ("pages", {"kinds": {"two": 1}}, "pages: kinds.two.[key]: 'two': String should match pattern '^(one|"),
        ("pages", {"effects": {"fog": 1}}, "pages: effects.fog.[key]: 'fog': String should match pattern '^(clean|"),
    ],
)
def test_a_bad_value_is_reported_in_one_line(folder: Path, name: str, changes: dict[str, Any], message: str) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump({**PARAMS, name: {**PARAMS[name], **changes}}))
    with pytest.raises(InputError) as raised:
        data.load_section(name, SCHEMAS[name])
    assert str(raised.value).startswith(f"reader/params.yaml: {message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [{}, ["detector"], None])
def test_a_missing_section_is_reported(folder: Path, content: Any) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"^reader/params\.yaml: detector: missing key; add it$"):
        data.load_section("detector", Detector)


def test_pages_come_with_their_boxes(folder: Path) -> None:
    with pytest.raises(InputError, match=r"pages\.npz: no such file"):
        data.load_pages()
    pages = [np.full(shape, number, np.uint8) for number, shape in enumerate([(3, 5), (4, 2), (1, 1)])]
    boxes = [np.full((count, 6), count, np.float32) for count in (2, 0, 1)]
    np.savez(
        folder / "data" / "pages.npz",
        pixels=np.concatenate([page.ravel() for page in pages]),
        shapes=np.array([page.shape for page in pages], np.int32),
        boxes=np.concatenate(boxes),
        counts=np.array([2, 0, 1], np.int32),
    )
    for loaded, expected in zip(data.load_pages(), zip(pages, boxes, strict=True), strict=True):
        for array, other in zip(loaded, expected, strict=True):
            np.testing.assert_array_equal(array, other)
