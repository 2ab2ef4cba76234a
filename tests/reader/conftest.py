import cv2
import numpy as np
import pytest
import yaml

from digits.core.store import Dataset
from digits.reading.settings import Settings
from reader.drawing.strokes import Hand
from tests.repository import ROOT


@pytest.fixture(scope="session")
def hand() -> Hand:
    """Writes with forty images of typed digits."""
    labels = np.tile(np.arange(10, dtype=np.uint8), 4)
    images = np.zeros((40, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        cv2.putText(image, str(label), (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.75, 255, 2, cv2.LINE_AA)
    return Hand(Dataset("type", images, labels), words=20, seed=0)


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The repository's, but for those that the tests depend on."""
    reading = yaml.safe_load((ROOT / "reader" / "params.yaml").read_text(encoding="utf-8"))["reading"]
    fixed = {"rim": 4, "heights": (12.0, 75.0), "most": 100, "fill": 22}
    return Settings.model_validate({**reading, **fixed}, strict=False)
