from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from digits.core.errors import InputError
from digits.onnx import runtime


def write(path: Path, shape: list[int | str] | None = None, kind: int = TensorProto.UINT8, location: str = "") -> None:
    """Write a network that takes images, or arrays of another shape and kind, and returns ten numbers for one image.

    location: of another file with these numbers
    """
    numbers = TensorProto(name="numbers", data_type=TensorProto.FLOAT, dims=[1, 10])
    if location:
        numbers.data_location = TensorProto.EXTERNAL
        numbers.external_data.add(key="location", value=location)
    else:
        numbers.raw_data = bytes(40)
    given = helper.make_tensor_value_info("in", kind, shape or ["n", 28, 28])
    returned = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 10])
    graph = helper.make_graph([helper.make_node("Identity", ["numbers"], ["out"])], "g", [given], [returned], [numbers])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


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


def test_the_error_for_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.onnx: no such file; make it with: dvc repro export"):
        runtime.load(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("shape", "kind"),
    [(["n", 28, 28], TensorProto.FLOAT), (["n", 9], TensorProto.UINT8), (["n", 27, 28], TensorProto.UINT8)],
)
def test_another_network_is_refused(tmp_path: Path, shape: list[int | str], kind: int) -> None:
    write(tmp_path / "other.onnx", shape, kind)
    with pytest.raises(InputError, match=r"other\.onnx: takes .*, not 28x28 and 10"):
        runtime.load(tmp_path / "other.onnx")


@pytest.mark.parametrize("metadata", ["{}", "no JSON"])
def test_a_damaged_task_is_reported_in_one_line(tmp_path: Path, metadata: str) -> None:
    write(tmp_path / "network.onnx")
    model = onnx.load(tmp_path / "network.onnx")
    helper.set_model_props(model, {runtime.SYMBOLS: metadata})
    onnx.save(model, tmp_path / "network.onnx")
    with pytest.raises(InputError, match=r"network\.onnx: symbols: .*dvc repro --force export") as caught:
        runtime.load(tmp_path / "network.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("location", ["secret.txt", "../folder/secret.txt", "{folder}/secret.txt"])
def test_a_network_reads_no_other_file(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "secret.txt").write_bytes(bytes(40))
    write(folder / "network.onnx", location=location.format(folder=folder))
    with pytest.raises(InputError, match=r"network\.onnx: not an ONNX network") as caught:
        runtime.load(folder / "network.onnx")
    assert "\n" not in str(caught.value)


def test_a_run_that_fails_is_reported_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "network.onnx")
    infer, _ = runtime.load(tmp_path / "network.onnx")
    assert infer(np.zeros((1, 28, 28), np.uint8)).shape == (1, 10)
    with pytest.raises(InputError, match=r"network\.onnx: fails \(.*dvc repro --force export") as caught:
        infer(np.zeros((1, 27, 28), np.uint8))
    assert "\n" not in str(caught.value)
