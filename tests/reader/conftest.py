from pathlib import Path

import cv2
import numpy as np
import pytest

from digits.core.store import Dataset
from reader.drawing.strokes import Hand
from reader.drawing.type import Fonts
from tests.reader import fonts


@pytest.fixture(scope="session")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Hand:
    """Writes with forty images of typed digits, and Matplotlib's fonts."""
    labels = np.tile(np.arange(10, dtype=np.uint8), 4)
    images = np.zeros((40, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        cv2.putText(image, str(label), (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.75, 255, 2, cv2.LINE_AA)
    folder: Path = tmp_path_factory.mktemp("fonts")
    fonts.write(folder)
    return Hand(Dataset("type", images, labels), Fonts(folder))
