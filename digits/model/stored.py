"""Models in .keras archives, which may be a stranger's: only layers for digits, in a row, and only numbers for weights.

Keras would build whatever an archive describes: any of its layers, of which some read files, of any size.
"""

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import h5py

from digits.core.symbols import DIGITS, Symbols
from digits.model import limits
from digits.model.backend import keras

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# As many images as are read together.
BATCH = 256
# What only matters before a training.
UNUSED = ("_regularizer", "_constraint")


def load(path: Path) -> tuple[keras.Model, Symbols]:
    """Return the model, and the symbols that it tells apart.

    It has the shapes of input and output that the file says, and weights of these shapes.
    Raises any exception if the file is damaged, or not what ``digits.model.network.save`` writes.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sorted(each.filename for each in members) != [CONFIG, METADATA, WEIGHTS]:
            raise ValueError("it is not made of a config, metadata and weights")
        # What Keras writes is not compressed.
        if sum(each.file_size for each in members) > path.stat().st_size:
            raise ValueError("it is compressed")
        config, metadata = (json.loads(archive.read(name)) for name in (CONFIG, METADATA))
        weights = archive.read(WEIGHTS)
    found = metadata.get("symbols")
    symbols = Symbols.parse(json.dumps(found)) if found else DIGITS
    model = _build(config["config"]["layers"])
    _check_weights(weights)
    model.load_weights(path)
    return model, symbols


def _build(specs: list[dict[str, Any]]) -> keras.Model:
    """Return a model of the layers that follow each other."""
    first = specs[0]["config"]
    _check_plain(first)
    shape = tuple(first["batch_shape"][1:])
    inputs = keras.Input(shape, dtype=first["dtype"], name=first["name"])
    layers = [(spec["class_name"], _layer(spec)) for spec in specs[1:]]
    limits.check_size(layers, BATCH, (1, *shape))
    outputs = inputs
    for _, layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name="digits")


def _layer(spec: dict[str, Any]) -> keras.Layer:
    name, arguments = spec["class_name"], dict[str, Any]()
    if name not in limits.LAYERS:
        raise ValueError(f"{name} is not a layer for digits")
    for key, value in spec["config"].items():
        if key.endswith("_initializer"):
            # The weights are read.
            arguments[key] = "zeros"
        elif not key.endswith(UNUSED):
            arguments[key] = value["config"]["name"] if key == "dtype" and isinstance(value, dict) else value
    _check_plain(arguments)
    return getattr(keras.layers, name).from_config(arguments)


def _check_plain(value: Any, key: str = "") -> None:
    """Raise ValueError if a value is an object, or a number that is too large."""
    for name, part in value.items() if isinstance(value, dict) else ():
        if isinstance(part, dict):
            raise ValueError(f"{name} is not a plain value")
        _check_plain(part, name)
    for part in value if isinstance(value, list) else ():
        if isinstance(part, dict):
            raise ValueError(f"{key} is not a plain value")
        _check_plain(part, key)
    if isinstance(value, int) and abs(value) > limits.ARGUMENT:
        raise ValueError(f"{key} is {value}, more than {limits.ARGUMENT:,}")


def _check_weights(content: bytes) -> None:
    """Raise ValueError if the HDF5 file has numbers that are compressed, or in another file."""
    size = 0

    def check(name: str, each: Any) -> None:
        nonlocal size
        if isinstance(each, h5py.Dataset):
            size += math.prod(each.shape or ()) * each.dtype.itemsize
            if size > len(content) or each.external or each.is_virtual:
                raise ValueError(f"{name} is compressed, or in another file")

    with h5py.File(io.BytesIO(content)) as file:
        # Links to other files are not followed.
        file.visititems(check)
