from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import settings

from digits.core.store import Dataset
from tests.repository import PARAMS

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def dataset() -> Dataset:
    """Forty pictures that a network can learn: digit d is a bar whose place is d."""
    labels = np.tile(np.arange(10, dtype=np.uint8), 4)
    images = np.zeros((40, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4:24, 3 + 2 * label : 6 + 2 * label] = 255
    return Dataset("bars", images, labels)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A params.yaml in which nothing is wrong."""
    path = tmp_path / "root.yaml"
    path.write_text(yaml.safe_dump(PARAMS))
    return path
