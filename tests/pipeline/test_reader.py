"""A smaller version of the reader's pipeline, run by real DVC on the offline sample."""

from pathlib import Path

import pytest

from tests.repository import Repository, create_reader, outputs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository after the reader's pipeline has run; tests that change it work on a copy."""
    repository = create_reader(tmp_path_factory.mktemp("reader") / "repository")
    repository.run("dvc", "--cd", "reader", "repro")
    repository.commit("a run")
    return repository


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
