"""The package, installed without extras into a fresh environment."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.repository import ROOT


@pytest.mark.slow
def test_a_wheel_of_the_sdist_installed_alone_reads_images_and_says_what_else_needs(tmp_path: Path) -> None:
    # setuptools writes a folder build/ next to the sources, so these are copied.
    source = tmp_path / "source"
    for name in ("digits", "models", "reader/models"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, stdout=subprocess.DEVNULL, check=True)
    (sdist,) = tmp_path.glob("digits-*.tar.gz")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(sdist)], check=True)
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    (wheel,) = tmp_path.glob("digits-*.whl")
    subprocess.run([str(scripts / "python"), "-m", "pip", "install", "--quiet", str(wheel)], check=True)

    assert sum(path.stat().st_size for path in environment.rglob("*") if path.is_file()) < 400_000_000
    listed = [str(scripts / "python"), "-m", "pip", "list", "--format=freeze"]
    packages = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.lower()
    assert not [name for name in ("tensorflow", "keras", "dvc", "matplotlib", "scipy") if f"\n{name}" in packages]

    def digits(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(scripts / "digits"), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    cv2.imwrite(str(tmp_path / "one.png"), cv2.line(np.full((60, 60), 255, np.uint8), (30, 12), (30, 48), 0, 4))
    done = digits("read", "one.png")
    assert done.stdout.startswith("one.png: 1 ")
    assert done.stderr == ""
    for command, extra in (
        (["read", "one.png", "--show", "read.png"], "figures"),
        (["serve", "--no-browser"], "serve"),
        (["summary", "model.keras"], "train"),
    ):
        done = digits(*command)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"pip install '.[{extra}]'" in done.stderr
