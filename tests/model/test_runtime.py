from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from digits.core.errors import InputError
from digits.model import runtime
from tests.attacks import strange_files


def write(path: Path, given: list[int | str], kind: int = TensorProto.UINT8) -> None:
    """Write a network that returns what it is given."""
    values = [helper.make_tensor_value_info(name, kind, given) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Identity", ["in"], ["out"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


@pytest.mark.parametrize("content", [b"", b"no network", bytes(range(256)) * 40])
def test_a_damaged_file_is_reported_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"network\.onnx: not an ONNX network .*dvc repro --force export") as caught:
        runtime.load(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("given", "kind"),
    [(["n", 28, 28], TensorProto.UINT8), (["n", 28, 28], TensorProto.FLOAT), (["n", 9], TensorProto.UINT8)],
)
def test_another_network_is_refused(tmp_path: Path, given: list[int | str], kind: int) -> None:
    write(tmp_path / "other.onnx", given, kind)
    with pytest.raises(InputError, match=r"other\.onnx: takes .*, not 28x28 and 10"):
        runtime.load(tmp_path / "other.onnx")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("numbers in another file", "not an ONNX network"),
        ("a loop that never ends", "fails .*terminate"),
        ("a tensor of four gigabytes", "fails .*memory"),
        ("an index far outside", "fails .*index|fails .*indices"),
    ],
)
def test_a_network_by_a_stranger_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setattr(runtime, "SECONDS", 1)
    (tmp_path / "secret.txt").write_bytes(bytes(1000))
    path = tmp_path / "strange.onnx"
    path.write_bytes(strange_files.networks(tmp_path / "secret.txt")[name])
    with pytest.raises(InputError, match=rf"strange\.onnx: {message}") as caught:
        runtime.load(path)
    assert "\n" not in str(caught.value)


def test_images_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    path.write_bytes(strange_files.networks(tmp_path / "secret.txt")["plain"])
    with pytest.raises(InputError, match="fails"):
        runtime.load(path)[0](np.zeros((1, 27, 28), np.uint8))
