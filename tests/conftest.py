from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import settings

from digits.core import interrupts
from digits.core.store import Dataset
from tests import browser as browsers
from tests.repository import PARAMS, ROOT, bypass_proxies

# The time that an example takes depends more on the machine than on the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure() -> None:
    if not (ROOT / ".git").exists():
        pytest.exit("the tests need a Git clone of the project, not a ZIP: git clone", returncode=1)
    interrupts.allow()
    bypass_proxies()


def pytest_collection_finish() -> None:
    # Programs that tests import have taken Ctrl-C: it would end the tests without a word, and leave servers running.
    interrupts.allow()


@pytest.fixture
def dataset() -> Dataset:
    """Forty images that a network can learn: digit d is a vertical bar at position d."""
    labels = np.tile(np.arange(10, dtype=np.uint8), 4)
    images = np.zeros((40, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4:24, 3 + 2 * label : 6 + 2 * label] = 255
    return Dataset("bars", images, labels)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A valid params.yaml."""
    path = tmp_path / "root.yaml"
    path.write_text(yaml.safe_dump(PARAMS))
    return path


@pytest.fixture
def browser() -> Iterator[Any]:
    driver = browsers.start()
    yield driver
    driver.quit()
