"""The same bytes for the same network: names in an ONNX file that do not depend on the process that wrote it."""

from pathlib import Path
from typing import Any

import onnx


def renumber(path: Path) -> None:
    """Rename the values of an ONNX file in the order of their use; tf2onnx numbers them differently in each run.

    What else it numbers, unknown sizes and the function it began with, loses its name.
    """
    model = onnx.load(path)
    model.graph.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        for side in value.type.tensor_type.shape.dim:
            if side.dim_param:
                side.ClearField("dim_param")
    _rename(model.graph, {value.name: value.name for value in (*model.graph.input, *model.graph.output)})
    onnx.save(model, path)


def _rename(graph: Any, names: dict[str, str]) -> None:
    for value in (*graph.input, *graph.output):
        value.name = names.setdefault(value.name, f"value_{len(names)}")
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        for values in (node.input, node.output):
            values[:] = [name and names.setdefault(name, f"value_{len(names)}") for name in values]
        for attribute in node.attribute:
            # The body of a loop uses values from outside. tf2onnx does not always give it the same nodes.
            if attribute.HasField("g"):
                _rename(attribute.g, names)
    weights = sorted(graph.initializer, key=lambda weight: names[weight.name])
    for weight in weights:
        weight.name = names[weight.name]
    del graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(weights)
