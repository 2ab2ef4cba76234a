import numpy as np
import pytest
from hypothesis import settings

from digits.store import Dataset

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
