"""Models, networks, checkpoints and datasets by someone who wants to run code, read files, or take memory or time."""

import base64
import hashlib
import io
import json
import marshal
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from digits.core.store import Dataset
from digits.model import network

# How many bytes a bomb fills, and how large an array may be said to be.
BOMB, HUGE = 4_000_000_000, 10**12
LAYERS: list[dict[str, dict[str, Any]]] = [
    {"Flatten": {}},
    {"Dense": {"units": 16, "activation": "relu"}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]
Files = dict[str, tuple[str, bytes]]
Change = Callable[[dict[str, Any]], None]


def write(secret: Path, mark: Path) -> Files:
    """Return files by name, each with its kind: keras, npz, checkpoint or onnx. One of each kind, which is named plain,
    is harmless.

    secret: a file that none of them may read
    mark: a file that their code would create
    """
    command = f"touch {mark}"
    return {
        **{f"keras: {name}": ("keras", content) for name, content in models(secret, mark, command).items()},
        **{f"npz: {name}": ("npz", content) for name, content in _arrays(command).items()},
        **{f"checkpoint: {name}": ("checkpoint", content) for name, content in _checkpoints(command).items()},
        **{f"onnx: {name}": ("onnx", content) for name, content in networks(secret).items()},
    }


class Payload:
    """An object whose pickle runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, (self.command,)


def _zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, each in members.items():
            archive.writestr(zipfile.ZipInfo(name), each, method)
    return content.getvalue()


def _bomb(name: str, start: bytes, others: Mapping[str, bytes] | None = None) -> bytes:
    """Return an archive whose member ``name`` is ``start`` and then four gigabytes of zeros, in some megabytes."""
    press, again = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.compressobj(9, zlib.DEFLATED, -15)
    # What follows a full flush can be repeated.
    first = press.compress(start) + press.flush(zlib.Z_FULL_FLUSH)
    million = again.compress(bytes(1_000_000)) + again.flush(zlib.Z_FULL_FLUSH)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for other, each in (others or {}).items():
            archive.writestr(zipfile.ZipInfo(other), each)
        member = zipfile.ZipInfo(name)
        archive.writestr(member, first + million * (BOMB // 1_000_000) + b"\x03\x00")
        # Only the directory, which is written last, tells that it is compressed. The checksum is wrong, but is compared
        # at the end.
        member.compress_type, member.file_size = zipfile.ZIP_DEFLATED, len(start) + BOMB // 1_000_000 * 1_000_000
    return content.getvalue()


def models(secret: Path, mark: Path, command: str) -> dict[str, bytes]:
    plain = secret.with_name("plain.keras")
    network.save(network.build(LAYERS), plain)
    with zipfile.ZipFile(plain) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])

    def changed(change: Change) -> bytes:
        other = json.loads(json.dumps(config))
        change(other)
        return _zipped({**members, "config.json": json.dumps(other).encode()})

    def layer(name: str, arguments: dict[str, Any], module: str = "keras.layers", registered: Any = None) -> bytes:
        """Return a model with another layer instead of the first dense one."""

        def change(other: dict[str, Any]) -> None:
            old = other["config"]["layers"][4]
            given = {"name": old["name"], "trainable": True, "dtype": "float32", **arguments}
            old.update({"class_name": name, "module": module, "registered_name": registered, "config": given})
            old.pop("build_config", None)

        return changed(change)

    def argument(key: str, value: Any) -> bytes:
        """Return a model whose first dense layer has another argument."""
        return changed(lambda other: other["config"]["layers"][4]["config"].update({key: value}))

    def weights(write: Callable[[h5py.File], None]) -> bytes:
        content = io.BytesIO(members["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            write(file)
        return _zipped({**members, "model.weights.h5": content.getvalue()})

    def text(content: bytes) -> bytes:
        return _zipped({**members, "config.json": content})

    def function(module: str, name: str) -> dict[str, Any]:
        return {"module": module, "class_name": "function", "config": name, "registered_name": name}

    kernel = "layers/dense/vars/0"

    def replace(file: h5py.File, make: Callable[[h5py.Group], None]) -> None:
        group = file[kernel].parent
        del group["0"]
        make(group)

    def external(file: h5py.File) -> None:
        replace(file, lambda group: group.create_dataset("0", (784, 16), "f4", external=[(str(secret), 0, 784 * 64)]))

    def link(file: h5py.File) -> None:
        replace(file, lambda group: group.__setitem__("0", h5py.ExternalLink(str(secret), "/a")))

    def linked_folder(file: h5py.File) -> None:
        del file["layers/dense"]
        file["layers/dense"] = h5py.ExternalLink(str(secret), "/")

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((784, 16), "f4")
        layout[:] = h5py.VirtualSource(str(secret), "a", (784, 16))
        replace(file, lambda group: group.create_virtual_dataset("0", layout))

    def empty(file: h5py.File) -> None:
        replace(file, lambda group: group.create_dataset("0", (HUGE,), "f4", chunks=(1000,)))

    def compressed(file: h5py.File) -> None:
        side, chunk = 1_000_000, zlib.compress(bytes(4_000_000))

        def make(group: h5py.Group) -> None:
            made = group.create_dataset("0", (BOMB // 4,), "f4", chunks=(side,), compression="gzip")
            for start in range(0, BOMB // 4, side):
                made.id.write_direct_chunk((start,), chunk)

        replace(file, make)

    def circle(file: h5py.File) -> None:
        file["layers/dense/again"] = h5py.SoftLink("/layers")
        del file["layers/dense/vars"]
        file["layers/dense/vars"] = file["layers"]

    code = base64.b64encode(marshal.dumps(compile(f"__import__('os').system({command!r})", "", "eval"))).decode()
    lambda_ = {"class_name": "__lambda__", "config": {"value": [code, None, None]}}
    deep = b'{"class_name":"Sequential","module":"keras","config":' * 100_000
    wide = [{**each, "config": {**each["config"], "units": 10_000}} for each in config["config"]["layers"][4:]] * 20
    file = {"class_name": "get_file", "module": "keras.utils", "registered_name": None}
    url = f"file://{secret}"
    return {
        "plain": plain.read_bytes(),
        "a Lambda with marshalled code": layer("Lambda", {"function": lambda_}),
        "a Lambda of the first form": layer("Lambda", {"function": [code, None, None], "function_type": "lambda"}),
        "a Lambda that is os.system": layer("Lambda", {"function": function("os", "system")}),
        "a Lambda that reads a file": layer(
            "Lambda", {"function": function("keras.utils", "get_file"), "arguments": {"origin": url}}
        ),
        "an activation that is marshalled code": argument("activation", lambda_),
        "an activation that is os.system": argument("activation", function("os", "system")),
        "an activation that is a builtin": argument("activation", function("builtins", "exec")),
        "an initializer that is a Popen": argument(
            "kernel_initializer",
            {"module": "subprocess", "class_name": "Popen", "config": {"args": command, "shell": True}},
        ),
        "a layer that is os.system": layer("system", {"command": command}, "os", "os>system"),
        "a layer of a module to import": layer("Evil", {}, "evil", "evil>Evil"),
        "a layer of a module inside Keras": layer("Evil", {}, "keras.src.evil", "Evil"),
        "a layer that fetches a file": changed(
            lambda other: other["config"]["layers"][4].update(
                {**file, "config": {"fname": str(mark), "origin": url, "cache_dir": str(mark.parent)}}
            )
        ),
        "an initializer that fetches a file": argument("kernel_initializer", {**file, "config": {"origin": url}}),
        "a model that allows everything": changed(
            lambda other: other["config"]["layers"].insert(0, function("keras.config", "enable_unsafe_deserialization"))
        ),
        "a type of NumPy with code": argument(
            "kernel_initializer", {"class_name": "__numpy__", "config": {"value": command, "dtype": "O"}}
        ),
        "a StringLookup with a file": layer("StringLookup", {"vocabulary": str(secret)}),
        "an IntegerLookup with a file": layer("IntegerLookup", {"vocabulary": str(secret)}),
        "a TextVectorization with a file": layer("TextVectorization", {"vocabulary": str(secret)}),
        "a Hashing": layer("Hashing", {"num_bins": HUGE}),
        "a TFSMLayer with a folder": layer("TFSMLayer", {"filepath": str(secret.parent)}),
        "a FlaxLayer": layer("FlaxLayer", {"module": {"class_name": "Evil", "module": "evil", "config": {}}}),
        "a TorchModuleWrapper": layer(
            "TorchModuleWrapper",
            {"module": base64.b64encode(pickle.dumps(Payload(command))).decode()},
        ),
        "a layer with billions of weights": argument("units", 1_000_000),
        "layers with billions of weights": changed(
            lambda other: other["config"].update(layers=[*other["config"]["layers"][:4], *wide])
        ),
        "a build for billions of weights": changed(
            lambda other: other["config"]["layers"][4].update(build_config={"input_shape": [None, 100_000_000]})
        ),
        "an input of billions of pixels": changed(
            lambda other: other["config"]["layers"][0]["config"].update(batch_shape=[None, 100_000, 100_000])
        ),
        "padding of billions of pixels": layer("ZeroPadding1D", {"padding": 10**9}),
        "a constant tensor of billions of numbers": argument(
            "kernel_initializer",
            {"class_name": "RandomNormal", "module": "keras.initializers", "config": {"seed": HUGE}},
        ),
        "a config of 100,000 levels": text(deep),
        "lists of 100,000 levels": text(b"[" * 100_000 + b"]" * 100_000),
        "a number of a million digits": text(b'{"config": ' + b"9" * 1_000_000 + b"}"),
        "a config that is a list": text(b"[]"),
        "a config that is null": text(b"null"),
        "a config in UTF-16": text(json.dumps(config).encode("utf-16")),
        "names that lead outside": _zipped(
            {**members, "../../outside": b"x", "/tmp/outside": b"x", "assets/../../../outside": b"x"}
        ),
        "a folder of assets": _zipped({**members, "assets/layers/dense/vocabulary.txt": b"x" * 100}),
        "two configs": _zipped(members)[:-22] + _zipped({"config.json": b"{}"}),
        "a config that is a bomb": _bomb(
            "config.json", b'{"a": "', {k: v for k, v in members.items() if k != "config.json"}
        ),
        "weights that are a bomb": _bomb(
            "model.weights.h5", members["model.weights.h5"], {k: v for k, v in members.items() if "weights" not in k}
        ),
        "metadata that are a bomb": _bomb(
            "metadata.json", b'{"a": "', {k: v for k, v in members.items() if k != "metadata.json"}
        ),
        "weights in an external file": weights(external),
        "weights in another file": weights(link),
        "a layer in another file": weights(linked_folder),
        "weights that are a view of another file": weights(virtual),
        "weights of terabytes that are not stored": weights(empty),
        "weights that are compressed zeros": weights(compressed),
        "weights in a circle": weights(circle),
        "no weights": _zipped({name: each for name, each in members.items() if "weights" not in name}),
        "weights as a pickle": _zipped({**members, "model.weights.h5": pickle.dumps(Payload(command))}),
        "weights in a .npz with a pickle": _zipped(
            {**{k: v for k, v in members.items() if "weights" not in k}, "model.weights.npz": _npz(command)}
        ),
        "an H5 file of the first form with a Lambda": _old(code),
        "a pickle": pickle.dumps(Payload(command)),
    }


def _old(code: str) -> bytes:
    content = io.BytesIO()
    inner = {"name": "x", "function": [code, None, None], "function_type": "lambda", "arguments": {}}
    layers = [{"class_name": "Lambda", "config": inner}]
    with h5py.File(content, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": layers}})
    return content.getvalue()


def _npz(command: str) -> bytes:
    content = io.BytesIO()
    np.savez(content, name=np.array(Payload(command), object), images=np.array([Payload(command)], object))
    return content.getvalue()


def _npy(header: str, data: bytes = b"") -> bytes:
    """Return a .npy file with any text as its header."""
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header) + 1) + header.encode("latin1") + b"\n" + data


def _arrays(command: str) -> dict[str, bytes]:
    rows = BOMB // 784
    dataset = Dataset("mnist", np.zeros((20, 28, 28), np.uint8), np.zeros(20, np.uint8))

    members = {}
    for name, array in {**dataset._asdict(), "symbols": dataset.symbols.model_dump_json()}.items():
        written = io.BytesIO()
        np.save(written, array)
        members[f"{name}.npy"] = written.getvalue()

    def npz(**changes: bytes) -> bytes:
        return _zipped({**members, **{f"{name}.npy": each for name, each in changes.items()}}, zipfile.ZIP_DEFLATED)

    def bomb(name: str, start: bytes) -> bytes:
        return _bomb(f"{name}.npy", start, {each: content for each, content in members.items() if name not in each})

    def header(shape: str, kind: str = "'|u1'", more: str = "") -> str:
        return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}{more}}}"

    return {
        "plain": npz(),
        "objects": _npz(command),
        "objects as images": npz(images=_npy(header("(1,)", "'|O'"), pickle.dumps(Payload(command)))),
        "a pickle as an array": npz(images=pickle.dumps(Payload(command))),
        "a pickle": pickle.dumps(Payload(command)),
        "images of a terabyte that are not stored": npz(images=_npy(header(f"({HUGE // 784}, 28, 28)"))),
        "images of more than a terabyte": npz(images=_npy(header("(2**62, 28, 28)"))),
        "a shape of huge numbers": npz(images=_npy(header(f"({10**18}, 28, {10**18})"))),
        "a negative shape": npz(images=_npy(header("(-1, 28, 28)"), bytes(784))),
        "a shape that overflows": npz(images=_npy(header(f"({2**33}, {2**31}, 2)"), bytes(784))),
        "four gigabytes of zeros": bomb("images", _npy(header(f"({rows}, 28, 28)"))),
        "a name of four gigabytes": bomb("name", _npy(header("(4,)", f"'<U{BOMB // 16}'"))),
        "a header of four gigabytes": bomb("images", b"\x93NUMPY\x02\x00" + struct.pack("<I", BOMB - 1000)),
        "a header that calls": npz(images=_npy(f"__import__('os').system({command!r})")),
        "a header with a type that calls": npz(images=_npy(header("()", f"__import__('os').system({command!r})"))),
        "a header of 100,000 brackets": npz(images=_npy("(" * 100_000)),
        "a header of 9,000 brackets": npz(images=_npy("[" * 4500 + "]" * 4500)),
        "a header of a million characters": npz(images=_npy(header("()", more=" " * 1_000_000))),
        "a header of several lines": npz(images=_npy("\n".join("{'a'"))),
        "a type of many fields": npz(images=_npy(header("(1,)", str([(f"f{n}", "<f8") for n in range(500)])))),
        "a type that holds objects": npz(images=_npy(header("(1,)", "[('a', '|O')]"), pickle.dumps(Payload(command)))),
        "names that lead outside": npz(**{"../../outside": b"x"}),
        "a name that is an array of names": npz(name=_npy(header("(50000, 28)"), bytes(1_400_000))),
    }


def _checkpoints(command: str) -> dict[str, bytes]:
    """Return checkpoints with the checksum that the project writes: everybody can compute it."""
    content = io.BytesIO()
    np.savez(content, rows=np.array("[]"), weights=np.array(HUGE), weights0=np.zeros(3))
    many = content.getvalue()
    text = io.BytesIO()
    np.savez(text, rows=np.array("[" * 100_000), weights=np.array(0))
    one = io.BytesIO()
    np.savez(one, rows=np.array("[]"), weights=np.array(1), weights0=np.zeros(3))
    with zipfile.ZipFile(one) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    archives = {
        "plain": one.getvalue(),
        "objects": _npz(command),
        "a pickle": pickle.dumps(Payload(command)),
        "a trillion arrays": many,
        "rows of 100,000 levels": text.getvalue(),
        "four gigabytes of zeros": _bomb(
            "weights0.npy",
            _npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({BOMB // 4},)}}"),
            {name: each for name, each in members.items() if name != "weights0.npy"},
        ),
    }
    name = FILES["checkpoint"].encode()
    return {each: hashlib.sha256(name + content).digest() + content for each, content in archives.items()}


def networks(secret: Path) -> dict[str, bytes]:
    given = helper.make_tensor_value_info("in", TensorProto.UINT8, ["n", 28, 28])
    taken = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 10])

    def model(nodes: list[Any], *stored: TensorProto, domains: tuple[str, ...] = ()) -> bytes:
        graph = helper.make_graph(nodes, "g", [given], [taken], list(stored))
        opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(each, 1) for each in domains)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())

    def node(kind: str, inputs: list[str], output: str, **more: Any) -> Any:
        return helper.make_node(kind, inputs, [output], **more)

    def numbers(name: str, *values: int) -> TensorProto:
        return numpy_helper.from_array(np.array(values, np.int64), name)

    def flat(*middle: Any, end: str) -> list[Any]:
        """Return nodes that make what the project expects of the number ``end``."""
        return [
            node("Cast", ["in"], "numbers", to=TensorProto.FLOAT),
            node("ReduceMax", ["numbers"], "pixel", keepdims=0),
            *middle,
            node("Flatten", ["numbers"], "flat"),
            node("Slice", ["flat", "zero", "ten", "one"], "some"),
            node("Add", ["some", end], "out"),
        ]

    slices = [numbers("zero", 0), numbers("ten", 10), numbers("one", 1)]

    def stored(path: str, **more: str) -> bytes:
        """Return a network with numbers that are in another file."""
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[10], data_location=TensorProto.EXTERNAL)
        for key, value in {"location": path, **more}.items():
            tensor.external_data.add(key=key, value=value)
        return model(flat(end="w"), tensor, *slices)

    def claimed(*dims: int, data: bytes = b"") -> bytes:
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=data)
        return model(flat(end="w"), tensor, *slices)

    def filled(*shape: int) -> bytes:
        zero = helper.make_tensor("v", TensorProto.FLOAT, [1], [0])
        middle = [node("ConstantOfShape", ["shape"], "huge", value=zero)]
        middle += [node("ReduceMax", ["huge"], "least", keepdims=0)]
        return model(flat(*middle, end="least"), numbers("shape", *shape), *slices)

    def later(times: int) -> bytes:
        """Return a network that repeats its input, so that nothing can be computed when it is loaded."""
        middle = [
            node("Tile", ["numbers", "times"], "huge"),
            node("ReduceMax", ["huge"], "least", keepdims=0),
        ]
        return model(flat(*middle, end="least"), numbers("times", 1, times, 1), *slices)

    def loop(body: list[Any], times: int) -> bytes:
        values = [("i", TensorProto.INT64), ("c", TensorProto.BOOL), ("x", TensorProto.FLOAT)]
        infos = [helper.make_tensor_value_info(name, kind, []) for name, kind in values]
        outs = [
            helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x2", TensorProto.FLOAT, []),
        ]
        inner = helper.make_graph([node("Identity", ["c"], "c2"), *body], "body", infos, outs)
        true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
        count = helper.make_tensor("count", TensorProto.INT64, [], [times])
        middle = node("Loop", ["count", "true", "pixel"], "least", body=inner)
        return model(flat(middle, end="least"), true, count, *slices)

    deep = node("Identity", ["in"], "x")
    for _ in range(12):
        inner = helper.make_graph([deep], "g", [], [helper.make_tensor_value_info("x", TensorProto.UINT8, None)])
        deep = node("If", ["yes"], "x", then_branch=inner, else_branch=inner)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])

    def products(square: Any, *more: TensorProto) -> bytes:
        """Return a network that multiplies a matrix with itself again and again."""
        middle = [square, node("MatMul", ["square", "square"], "0")]
        middle += [node("MatMul", [str(number), "square"], str(number + 1)) for number in range(40)]
        middle += [node("ReduceMax", ["40"], "least", keepdims=0)]
        return model(flat(*middle, end="least"), numbers("shape", 4000, 4000), *more, *slices)

    return {
        "plain": model(flat(end="pixel"), *slices),
        "numbers in another file": stored(secret.name, length="40"),
        "numbers in a folder above": stored(f"../{secret.parent.name}/{secret.name}", length="40"),
        "numbers at an absolute path": stored(str(secret), length="40"),
        "numbers in /etc/passwd": stored("../../../../../../../../etc/passwd", length="40"),
        "numbers behind a terabyte": stored(secret.name, offset=str(HUGE), length="40"),
        "numbers in a file of negative length": stored(secret.name, offset="-40", length="-40"),
        "numbers in memory": stored("*/_ORT_MEM_ADDR_/*", offset="4096", length="40"),
        "terabytes that are not stored": claimed(HUGE),
        "a shape that overflows": claimed(2**33, 2**31),
        "a negative shape": claimed(-10, data=bytes(40)),
        "another domain": model([helper.make_node("System", ["in"], ["out"], domain="evil")], domains=("evil",)),
        "an operator that loads a library": model(
            [helper.make_node("PyOp", ["in"], ["out"], domain="ai.onnx.contrib")], domains=("ai.onnx.contrib",)
        ),
        "a tensor of terabytes": filled(1_000_000, 1_000_000),
        "a tensor of four gigabytes": filled(BOMB // 4),
        "terabytes from the input": later(10**9),
        "gigabytes from the input": later(1_000_000),
        "a loop that never ends": loop([node("Identity", ["x"], "x2")], 2**62),
        "a loop that grows": loop([node("Add", ["x", "x"], "x2")], 2**62),
        "products that take minutes": products(node("Expand", ["pixel", "shape"], "square")),
        "products that take minutes when it is loaded": products(
            node("Expand", ["half", "shape"], "square"), numpy_helper.from_array(np.array(0.5, np.float32), "half")
        ),
        "branches inside branches": model([deep], yes),
        "a circle": model(
            [node("Add", ["a", "b"], "b"), node("Add", ["b", "a"], "a"), node("Cast", ["a"], "out", to=1)]
        ),
        "a division by zero": model(
            flat(node("Div", ["one", "zero"], "q"), node("Cast", ["q"], "least", to=TensorProto.FLOAT), end="least"),
            *slices,
        ),
        "an index far outside": model(
            flat(node("Gather", ["one", "far"], "q"), node("Cast", ["q"], "least", to=TensorProto.FLOAT), end="least"),
            numbers("far", 2**40),
            *slices,
        ),
        "groups of which there are none": model(
            [node("Cast", ["in"], "real", to=TensorProto.FLOAT), node("Conv", ["real", "w"], "out", group=0)],
            numpy_helper.from_array(np.ones((1, 1, 1), np.float32), "w"),
        ),
        "a pickle": pickle.dumps(Payload("true")),
    }


# Each takes as long as a network may take.
SLOW = (
    "onnx: a loop that grows",
    "onnx: products that take minutes",
    "onnx: products that take minutes when it is loaded",
)
FILES = {"keras": "strange.keras", "npz": "strange.npz", "checkpoint": "state.npz", "onnx": "strange.onnx"}
