from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from digits.core.errors import InputError
from digits.model import runtime


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
