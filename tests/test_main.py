import sys
from pathlib import Path

import numpy as np
import pytest

from digits import __main__ as command_line
from digits import network
from digits.errors import InputError

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


def test_summary_lists_layers_and_adds_up(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "summary", str(model))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Conv2D", "26×26×2", "20"] in lines
    assert lines[-1] == ["in", "all", "13,550"]


def test_weights_are_printed_whole_and_exactly(
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
def test_a_file_that_is_no_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    path = tmp_path / "no.keras"
    path.write_text("no model")
    with pytest.raises(InputError, match=r"no\.keras: no Keras model"):
        run(monkeypatch, command, str(path))
