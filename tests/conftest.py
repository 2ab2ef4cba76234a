import signal
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

from digits.core.store import Dataset
from tests.repository import PARAMS, ROOT, Repository, bypass_proxies, create

# The time that an example takes depends more on the machine than on the code.
settings.register_profile("untimed", deadline=None, max_examples=30)
settings.load_profile("untimed")


def pytest_configure() -> None:
    if not (ROOT / ".git").exists():
        pytest.exit("the tests need a Git clone of the project, not a ZIP or a folder of another clone", returncode=1)
    bypass_proxies()


def pytest_collection_finish() -> None:
    # Programs that tests import let Ctrl-C end the process: that would leave servers running.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Repository:
    """A repository after ``dvc repro`` on the offline sample; tests that change it work on a copy."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        # That of all processes that run these tests, so that the pipeline is run once.
        folder = folder.parent
    path, done = folder / "finished", folder / "finished.done"
    with FileLock(folder / "finished.lock"):
        if done.exists():
            return Repository(path)
        repository = create(path, "reader", "studies")
        repository.commit("start")
        output = repository.run("dvc", "repro")
        assert "NO MIRROR IS USABLE" in output
        assert "dvc repro --force download" in output
        repository.commit("a run")
        done.touch()
    return repository


@pytest.fixture
def copy(finished: Repository, tmp_path: Path) -> Repository:
    """A copy of the finished repository, which a test may change."""
    return finished.copy(tmp_path / "copy")
