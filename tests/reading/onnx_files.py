"""Small networks as .onnx files."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from digits.core.files import write_json
from tests.reading.fakes import SETTINGS, labelled

Shape = list[int | str | None]


def reader(folder: Path) -> None:
    """Write what ``Reader.load`` loads: networks that see a 1, which is probably a digit, everywhere."""
    labels = labelled(1, 9)
    cell = np.array([0.9, 9, 9, 9, 9, *labels], np.float32)
    save(
        folder / "detector.onnx",
        [
            helper.make_node("Transpose", ["in"], ["first"], perm=[0, 3, 1, 2]),
            helper.make_node("Conv", ["first", "none", "values"], ["cells"], strides=[4, 4]),
            helper.make_node("Transpose", ["cells"], ["out"], perm=[0, 2, 3, 1]),
        ],
        {"in": ["N", "H", "W", 2], "out": ["N", None, None, 15]},
        {"none": np.zeros((15, 2, 4, 4), np.float32), "values": cell},
    )
    constant(folder / "classifier.onnx", ["N", 32, 32, 5], np.append(0.9 * labels, [0, 0, 0.1]).astype(np.float32))
    write_json(folder / "reading.json", SETTINGS.model_dump())


def constant(path: Path, shape: Shape, row: NDArray[np.float32], kind: int = TensorProto.FLOAT) -> None:
    """Write a network that takes arrays of this shape, and returns the same row for each element of the first axis."""
    nodes = [
        helper.make_node("Cast", ["in"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["numbers"], ["flat"]),
        helper.make_node("MatMul", ["flat", "none"], ["nothing"]),
        helper.make_node("Add", ["nothing", "row"], ["out"]),
    ]
    length = int(np.prod([side for side in shape if isinstance(side, int)]))
    none = np.zeros((length, len(row)), np.float32)
    save(path, nodes, {"in": shape, "out": ["N", len(row)]}, {"none": none, "row": row}, kind=kind)


def save(
    path: Path,
    nodes: list[Any],
    shapes: dict[str, Shape],
    constants: dict[str, NDArray[np.float32]],
    inputs: int = 1,
    kind: int = TensorProto.FLOAT,
) -> None:
    """Write a network; the first of the arrays with ``shapes`` are its inputs, of this ``kind``, the others outputs."""
    infos = [
        helper.make_tensor_value_info(name, kind if number < inputs else TensorProto.FLOAT, shape)
        for number, (name, shape) in enumerate(shapes.items())
    ]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "network", infos[:inputs], infos[inputs:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
