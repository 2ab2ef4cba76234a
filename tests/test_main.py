import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import __main__ as command_line
from digits.core.errors import InputError
from digits.model import network
from tests.reading.test_finding import draw

LAYERS: list[network.Spec] = [
    {"Conv2D": {"filters": 2, "kernel_size": 3}},
    {"Flatten": {}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["digits", *arguments])
    command_line.main()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.keras"
    network.save(network.build(LAYERS), path)
    return path


def test_summary_lists_layers_and_the_total_number_of_parameters(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "summary", str(model))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Conv2D", "3×3", "26×26×2", "20"] in lines
    assert lines[-1] == ["total", "13,550"]


def test_weights_are_printed_completely_and_exactly(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "weights", str(model))
    lines = capsys.readouterr().out.splitlines()
    starts = [number for number, line in enumerate(lines) if line.split()[0].endswith(("kernel", "bias"))]
    printed = [
        np.array(" ".join(lines[start + 1 : end]).split(), np.float32)
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    expected = network.load(model).get_weights()
    assert len(printed) == len(expected)
    for values, weight in zip(printed, expected, strict=True):
        np.testing.assert_array_equal(values, weight.ravel())
    assert lines[starts[0]].endswith(" 3x3x1x2")


@pytest.mark.parametrize("command", ["summary", "weights"])
def test_a_file_that_is_not_a_model_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    path = tmp_path / "bad.keras"
    path.write_text("not a model")
    with pytest.raises(InputError, match=r"bad\.keras: not a Keras model"):
        run(monkeypatch, command, str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image of two digits, a blank image, a damaged image, and a text file."""
    path = tmp_path / "images"
    path.mkdir()
    Image.fromarray(draw("50")).save(path / "a.png")
    Image.fromarray(np.full((50, 50), 255, np.uint8)).save(path / "b.png")
    (path / "c.png").write_text("not an image")
    (path / "note.txt").write_text("a note")
    return path


def test_the_images_of_a_folder_are_read_and_bad_ones_reported(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "read", str(folder), "--model", str(model))
    assert ended.value.code == 1
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert first.startswith(f"{folder / 'a.png'}: ")
    assert len(first.split(": ")[1].split(" (")[0]) == 2
    assert second == f"{folder / 'b.png'}: no digit"
    (error,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert "c.png: not an image" in error


def test_json_has_one_object_per_line(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "read", str(folder), "--model", str(model), "--json")
    read, blank, damaged = map(json.loads, capsys.readouterr().out.splitlines())
    assert read["picture"] == str(folder / "a.png")
    assert read["text"] == "".join(str(each["digit"]) for each in read["digits"])
    for each in read["digits"]:
        assert 0.1 <= each["probability"] <= 1
        assert len(each["box"]) == 4
    assert (blank["text"], blank["digits"]) == ("", [])
    assert set(damaged) == {"picture", "error"}


@pytest.mark.parametrize("name", ["a.png", "b.png"])
def test_the_reading_is_drawn(model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    drawn = folder / "drawn.png"
    run(monkeypatch, "read", str(folder / name), "--model", str(model), "--show", str(drawn))
    assert Image.open(drawn).width > 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["a.png", "b.png", "--show", "x.png"], "needs a single image, not 2"), (["empty"], "no images in this folder")],
)
def test_unusable_arguments_are_reported(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=message):
        run(monkeypatch, "read", *arguments, "--model", str(model))


def test_a_model_is_exported_next_to_the_original(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "export", str(model), "--format", "tflite")
    assert model.with_suffix(".tflite").exists()
    assert "differ from Keras's by at most" in capsys.readouterr().out
