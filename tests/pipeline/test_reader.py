"""A smaller version of the reader's pipeline, run by real DVC on the finished repository's images."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.reader import fonts
from tests.repository import Repository

pytestmark = pytest.mark.slow

# A reader that takes seconds to train, and reads hardly anything.
PARAMS: dict[str, dict[str, Any]] = {
    "pages": {"count": 60, "max_side": 96},
    "detector": {
        "steps": 10,
        "batch_size": 4,
        "virtual_batch_size": 2,
        "calibration_batches": 1,
        "window": 64,
        "channels": [4] * 5,
    },
    # Networks that have hardly learned find something nevertheless.
    "crops": {"pages": 60, "min_objectness": 0.005},
    "classifier": {
        "steps": 10,
        "batch_size": 8,
        "virtual_batch_size": 4,
        "calibration_batches": 1,
        "channels": [4] * 5,
        "wide_channels": [4] * 3,
        "units": 4,
    },
    "reading": {"max_side": 96, "scale_step": 2.0, "min_objectness": 0.005, "max_candidates": 20, "min_score": 0.01},
    "evaluate": {"pages": 2, "max_side": 64, "digit_sizes": [22, 40]},
}


@pytest.fixture(scope="module")
def trained(finished: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after the reader's pipeline has run; tests that change it work on a copy."""
    repository = finished.copy(tmp_path_factory.mktemp("reader") / "repository")
    repository.set_in("reader", PARAMS)
    for output in outputs(repository):
        if output.is_file():
            output.unlink()
    (repository.path / "reader" / "dvc.lock").unlink()
    registry = tmp_path_factory.mktemp("registry") / "npm"
    (repository.path / "reader" / "fonts.yaml").write_text(fonts.pack(registry))
    repository.environment["PATH"] = f"{registry}{os.pathsep}{repository.environment['PATH']}"
    repository.run("dvc", "--cd", "reader", "repro")
    repository.commit("the reader")
    return repository


def outputs(repository: Repository) -> list[Path]:
    folder = repository.path / "reader"
    stages = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    outs = [out for stage in stages for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return [folder / (out if isinstance(out, str) else next(iter(out))) for out in outs]


def test_every_output_is_written_and_all_but_fonts_pages_and_crops_are_in_git(trained: Repository) -> None:
    files = outputs(trained)
    assert all(file.is_dir() or file.stat().st_size for file in files)
    assert not list((trained.path / "reader" / ".checkpoints").iterdir())
    tracked = {*trained.run("git", "ls-files", "reader").splitlines()}
    names = {file.relative_to(trained.path).as_posix() for file in files}
    assert names - tracked == {"reader/data/fonts", "reader/data/pages.npz", "reader/data/crops.npz"}
    assert not [name for name in tracked if "cache" in name]


def test_a_second_run_does_nothing(trained: Repository) -> None:
    assert "Running stage" not in trained.run("dvc", "--cd", "reader", "repro")


def test_images_are_read_with_these_networks(trained: Repository) -> None:
    output = trained.run("python", "-m", "digits", "read", "--json", "reader/reading.png")
    assert '"text"' in output
    assert "Traceback" not in output
