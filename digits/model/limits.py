"""What a network for digits may consist of, checked before anything is built."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from digits.core.errors import InputError
from digits.core.store import SIDE
from digits.model.backend import keras

Shape = tuple[int, ...]
Spec = Mapping[str, Mapping[str, Any]]
# The largest number in an argument; weights; and bytes of a batch's outputs, kept for the gradients.
ARGUMENT, WEIGHTS, BYTES = 10_000, 50_000_000, 8_000_000_000


def _convolution(layer: Any, shape: Shape) -> int:
    inputs = math.prod(layer.kernel_size) * shape[-1] // getattr(layer, "groups", 1)
    return int((inputs + 1) * layer.filters)


def _depthwise(layer: Any, shape: Shape) -> int:
    return int((math.prod(layer.kernel_size) + 1) * shape[-1] * layer.depth_multiplier)


def _recurrent(gates: int) -> Callable[[Any, Shape], int]:
    return lambda layer, shape: gates * layer.units * (layer.units + shape[-1] + 2)


def _per_channel(layer: Any, shape: Shape) -> int:
    return 4 * shape[-1]


def _none(layer: Any, shape: Shape) -> int:
    return 0


# The layers that may be used, each with its number of weights for an input of a shape. None of them reads a file.
LAYERS: dict[str, Callable[[Any, Shape], int]] = {
    "Dense": lambda layer, shape: (shape[-1] + 1) * layer.units,
    **dict.fromkeys(["Conv1D", "Conv2D", "Conv2DTranspose"], _convolution),
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": lambda layer, shape: (
        _depthwise(layer, shape) + (shape[-1] * layer.depth_multiplier + 1) * layer.filters
    ),
    **dict.fromkeys(["BatchNormalization", "GroupNormalization", "LayerNormalization"], _per_channel),
    "PReLU": lambda layer, shape: math.prod(shape[1:]),
    "SimpleRNN": _recurrent(1),
    "GRU": _recurrent(3),
    "LSTM": _recurrent(4),
    **dict.fromkeys(
        [
            *["Activation", "ELU", "LeakyReLU", "ReLU", "Softmax", "Flatten", "Permute", "Reshape", "Rescaling"],
            *["AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"],
            *["MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"],
            *["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"],
            *["Cropping2D", "UpSampling2D", "ZeroPadding2D", "UnitNormalization"],
        ],
        _none,
    ),
}


def check_layer(spec: Spec, key: str) -> None:
    """Raise InputError if a layer is not one of ``LAYERS``, or an argument is no plain value of a sensible size."""
    ((name, arguments),) = spec.items()
    if name not in LAYERS:
        raise InputError(f"{key}: {name}: not a layer for digits; use one of {', '.join(sorted(LAYERS))}")
    check_arguments(name, arguments, key)


def check_arguments(name: str, arguments: Mapping[str, Any], key: str) -> None:
    """Raise InputError if an argument is neither a plain value nor a list of such, or too large."""
    for argument, value in arguments.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict | list):
                raise InputError(f"{key}: {name}: {argument}: should be a number, a word or a list of numbers")
            if isinstance(part, int) and abs(part) > ARGUMENT:
                raise InputError(f"{key}: {name}: {argument}: {part}: should be at most {ARGUMENT:,}")


def check_size(layers: Sequence[tuple[str, keras.Layer]], batch_size: int, shape: Shape = (1, SIDE, SIDE, 1)) -> None:
    """Raise InputError if the network of ``layers``, each with its key, has too many weights or too large outputs, for
    images of this ``shape``.

    Nothing is built: the shapes are inferred, and a layer's weights are counted by ``LAYERS``.
    """
    weights, outputs = 0, 0
    for key, layer in layers:
        weights += LAYERS[type(layer).__name__](layer, shape)
        if weights > WEIGHTS:
            raise InputError(f"{key}: the network has more than {WEIGHTS:,} weights; make it smaller")
        shape = tuple(layer.compute_output_shape(shape))
        outputs += math.prod(shape)
        if 4 * outputs * batch_size > BYTES:
            need = f"the outputs of a batch of {batch_size} take more than {BYTES // 10**9} GB"
            raise InputError(f"{key}: {need}; make the network or train.batch_size smaller")
