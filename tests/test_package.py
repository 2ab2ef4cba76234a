"""The installed package, used from outside the repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from digits.model import network
from tests.repository import NETWORK, ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which ``pip install`` has put the package and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    # setuptools writes a folder build/ next to the sources, so these are copied.
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "digits", source / "digits")
    for models in ("models", "reader/models"):
        shutil.copytree(ROOT / models, source / models)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*command, str(folder), str(source)], check=True)
    return folder


def test_the_command_and_the_package_work_in_any_folder(installed: Path, tmp_path: Path) -> None:
    network.save(network.build(NETWORK), tmp_path / "model.keras")
    cv2.imwrite(str(tmp_path / "one.png"), cv2.line(np.full((60, 60), 255, np.uint8), (30, 12), (30, 48), 0, 4))
    for command, expected in (
        ([str(*(installed / "bin").glob("digits*")), "summary", "model.keras"], "total"),
        ([str(*(installed / "bin").glob("digits*")), "read", "one.png"], "one.png: 1 "),
        ([sys.executable, "-c", "import digits; print(digits.Recognizer, digits.__file__)"], str(installed)),
    ):
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert expected in done.stdout
        # TensorFlow's messages about the processor are suppressed.
        assert done.stderr == ""
