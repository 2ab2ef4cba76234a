"""A smaller version of the reader's pipeline, run by real DVC on the offline sample."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repository import Repository, create

SMALL: dict[str, dict[str, Any]] = {
    "pages": {"training": 200, "words": 20, "side": 96},
    "detector": {"steps": 30, "batch_size": 8, "window": 64, "channels": [8] * 5},
    # Networks that have hardly learned find something nevertheless.
    "crops": {"pages": 150, "candidate": 0.005},
    "classifier": {"steps": 30, "batch_size": 16, "channels": [4] * 5, "units": 8},
    "reading": {"longest": 200, "small": 50, "step": 2.0, "candidate": 0.005, "most": 20, "accepted": 0.01},
    "evaluate": {"pages": 4, "words": 20, "side": 96, "sizes": [22, 40]},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after the reader's pipeline has run; tests that change it work on a copy."""
    repository = create(tmp_path_factory.mktemp("reader") / "repository", "reader")
    repository.set(train={"epochs": 1}, augment={"passes": 1})
    reader = repository.path / "reader"
    for output in outputs(reader):
        output.unlink(missing_ok=True)
    (reader / "dvc.lock").unlink(missing_ok=True)
    file = reader / "params.yaml"
    params = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({name: {**section, **SMALL[name]} for name, section in params.items()}))
    repository.commit("start")
    repository.run("dvc", "repro", "export")
    repository.run("dvc", "--cd", "reader", "repro")
    repository.commit("a run")
    return repository


def outputs(reader: Path) -> list[Path]:
    """Return the outputs of every stage."""
    stages = yaml.safe_load((reader / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    outs = [out for stage in stages for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return [reader / (out if isinstance(out, str) else next(iter(out))) for out in outs]


def test_every_output_is_written_and_the_networks_are_small(trained: Repository) -> None:
    found = outputs(trained.path / "reader")
    assert {path.name for path in found} > {"detector.onnx", "classifier.onnx", "reading.json", "metrics.json"}
    assert all(path.stat().st_size for path in found)
    assert all(path.stat().st_size < 1_000_000 for path in found if path.suffix == ".onnx")
    assert not list((trained.path / "reader" / ".checkpoints").iterdir())


def test_results_are_in_git_and_pages_are_not(trained: Repository) -> None:
    tracked = set(trained.run("git", "ls-files", "reader").splitlines())
    names = {path.relative_to(trained.path).as_posix() for path in outputs(trained.path / "reader")}
    assert names - tracked == {"reader/data/pages.npz", "reader/data/crops.npz"}
    assert not [name for name in tracked if "cache" in name]


def test_a_second_run_does_nothing(trained: Repository) -> None:
    assert "Running stage" not in trained.run("dvc", "--cd", "reader", "repro")


def test_a_forced_run_gives_the_same_bytes(trained: Repository, tmp_path: Path) -> None:
    copy = trained.copy(tmp_path / "copy")
    copy.run("dvc", "--cd", "reader", "repro", "--force")
    assert copy.run("git", "status", "--short") == ""


def test_pictures_are_read_with_these_networks(trained: Repository) -> None:
    output = trained.run("python", "-m", "digits", "read", "--json", "reader/reading.png")
    assert '"text"' in output
    assert "Traceback" not in output


def test_a_bad_parameter_gives_one_line(trained: Repository, tmp_path: Path) -> None:
    copy = trained.copy(tmp_path / "copy")
    file = copy.path / "reader" / "params.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("steps: 30", "steps: many"))
    output = copy.run("dvc", "--cd", "reader", "repro", "detector", code=255)
    assert "error: reader/params.yaml: detector: steps: 'many': should be" in output
    assert "Traceback" not in output
