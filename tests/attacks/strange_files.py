"""Models, networks and datasets by someone who wants to run code or to read files."""

import base64
import io
import json
import marshal
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from digits.core import store
from digits.core.store import Dataset


class Payload:
    """An object whose pickle runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, (self.command,)


def _zipped(members: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name), member)
    return content.getvalue()


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def models(secret: Path, mark: Path) -> dict[str, bytes]:
    """Return .keras files, one of them harmless, which would read the file ``secret`` or create the file ``mark``."""
    from digits.model import network

    path, command = secret.with_name("plain.keras"), f"touch {mark}"
    network.save(network.build([{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}]), path)
    members = _members(path)
    path.unlink()

    def layer(name: str, arguments: dict[str, Any], module: str = "keras.layers") -> bytes:
        """Return a model with another layer instead of the dense one."""
        content = json.loads(members["config.json"])
        old = content["config"]["layers"][-1]
        given = {"name": old["name"], "trainable": True, "dtype": "float32", **arguments}
        old.update({"class_name": name, "module": module, "registered_name": None, "config": given})
        return _zipped({**members, "config.json": json.dumps(content).encode()})

    def argument(key: str, value: Any) -> bytes:
        return layer("Dense", {"units": 10, key: value})

    def weights(replace: Callable[[h5py.Group], object]) -> bytes:
        """Return a model whose weights are made by ``replace``."""
        content = io.BytesIO(members["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            group = file["layers/dense/vars"]
            del group["0"]
            replace(group)
        return _zipped({**members, "model.weights.h5": content.getvalue()})

    def function(module: str, name: str) -> dict[str, Any]:
        return {"module": module, "class_name": "function", "config": name, "registered_name": name}

    code = base64.b64encode(marshal.dumps(compile(f"__import__('os').system({command!r})", "", "eval"))).decode()
    lambda_ = {"class_name": "__lambda__", "config": {"value": [code, None, None]}}
    popen = {"module": "subprocess", "class_name": "Popen", "config": {"args": command, "shell": True}}
    fetched = {"module": "keras.utils", "class_name": "get_file", "config": {"origin": f"file://{secret}"}}
    shape = (784, 10)
    return {
        "plain": _zipped(members),
        "a Lambda with marshalled code": layer("Lambda", {"function": lambda_}),
        "a Lambda that is os.system": layer("Lambda", {"function": function("os", "system")}),
        "an activation that is marshalled code": argument("activation", lambda_),
        "an activation that is a builtin": argument("activation", function("builtins", "exec")),
        "an initializer that is a Popen": argument("kernel_initializer", popen),
        "an initializer that fetches a file": argument("kernel_initializer", fetched),
        "a layer of a module to import": layer("Evil", {}, "evil"),
        "a StringLookup with a file": layer("StringLookup", {"vocabulary": str(secret)}),
        "a TFSMLayer with a folder": layer("TFSMLayer", {"filepath": str(secret.parent)}),
        "names that lead outside": _zipped({**members, "../../outside": b"x", "assets/../../../outside": b"x"}),
        "weights in an external file": weights(
            lambda group: group.create_dataset("0", shape, "f4", external=[(str(secret), 0, 784 * 40)])
        ),
        "weights in another file": weights(lambda group: group.update({"0": h5py.ExternalLink(str(secret), "/a")})),
        "weights as a pickle": _zipped({**members, "model.weights.h5": pickle.dumps(Payload(command))}),
        "a pickle": pickle.dumps(Payload(command)),
    }


def datasets(folder: Path, mark: Path) -> dict[str, bytes]:
    """Return .npz files, one of them harmless, which would create the file ``mark``."""
    path = folder / "plain.npz"
    store.save(path, Dataset("mnist", np.zeros((20, 28, 28), np.uint8), np.zeros(20, np.uint8)))
    members, content = _members(path), io.BytesIO()
    path.unlink()
    np.save(content, np.array([Payload(f"touch {mark}")], object))
    return {
        "plain": _zipped(members),
        "objects as images": _zipped({**members, "images.npy": content.getvalue()}),
        "a pickle as an array": _zipped({**members, "images.npy": pickle.dumps(Payload(f"touch {mark}"))}),
        "a pickle": pickle.dumps(Payload(f"touch {mark}")),
    }


def networks(secret: Path) -> dict[str, bytes]:
    """Return .onnx files, one of them harmless; the others would read the file ``secret``, or fail."""
    given = helper.make_tensor_value_info("in", TensorProto.UINT8, ["n", 28, 28])
    returned = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 10])

    def model(nodes: list[Any], *stored: TensorProto, domain: str = "") -> bytes:
        graph = helper.make_graph(nodes, "g", [given], [returned], list(stored))
        opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())

    def numbers(name: str, *values: int) -> TensorProto:
        return numpy_helper.from_array(np.array(values, np.int64), name)

    def plus(tensor: TensorProto, *nodes: Any) -> bytes:
        """Return a network that outputs the first ten pixels plus ``w``, which is ``tensor``, or made of it."""
        start = [
            helper.make_node("Cast", ["in"], ["numbers"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["numbers"], ["flat"]),
            helper.make_node("Slice", ["flat", "zero", "ten", "one"], ["pixels"]),
        ]
        ends = numbers("zero", 0), numbers("ten", 10), numbers("one", 1)
        return model([*start, *nodes, helper.make_node("Add", ["pixels", "w"], ["out"])], tensor, *ends)

    def stored(path: str, offset: int = 0) -> bytes:
        """Return a network with numbers that are in another file."""
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[10], data_location=TensorProto.EXTERNAL)
        for key, value in {"location": path, "offset": str(offset), "length": "40"}.items():
            tensor.external_data.add(key=key, value=value)
        return plus(tensor)

    outside = [helper.make_node("Gather", ["one", "far"], ["q"]), helper.make_node("Cast", ["q"], ["w"], to=1)]
    return {
        "plain": plus(numpy_helper.from_array(np.ones(10, np.float32), "w")),
        "numbers in another file": stored(secret.name),
        "numbers in a folder above": stored(f"../{secret.parent.name}/{secret.name}"),
        "numbers at an absolute path": stored(str(secret)),
        "numbers in memory": stored("*/_ORT_MEM_ADDR_/*", 4096),
        "an operator of another library": model([helper.make_node("System", ["in"], ["out"], domain="x")], domain="x"),
        "an index far outside": plus(numbers("far", 2**40), *outside),
        "a pickle": pickle.dumps(Payload("true")),
    }
