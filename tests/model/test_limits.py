import re
from typing import Any

import pytest

from digits.core.errors import InputError
from digits.model import network
from digits.model.backend import keras
from digits.model.limits import LAYERS, WEIGHTS

END: list[dict[str, dict[str, Any]]] = [{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}]
# Arguments that each layer needs, and what comes before it if it does not take an image.
NEEDED: dict[str, dict[str, Any]] = {
    "Dense": {"units": 3},
    "Conv1D": {"filters": 3, "kernel_size": 3},
    "Conv2D": {"filters": 6, "kernel_size": 3},
    "Conv2DTranspose": {"filters": 3, "kernel_size": 3},
    "DepthwiseConv2D": {"kernel_size": 3, "depth_multiplier": 2},
    "SeparableConv2D": {"filters": 3, "kernel_size": [3, 5]},
    "GroupNormalization": {"groups": 2},
    "Activation": {"activation": "relu"},
    "Permute": {"dims": [2, 1, 3]},
    "Reshape": {"target_shape": [-1]},
    "Rescaling": {"scale": 2},
    "AlphaDropout": {"rate": 0.1},
    "Dropout": {"rate": 0.1},
    "GaussianDropout": {"rate": 0.1},
    "SpatialDropout1D": {"rate": 0.1},
    "SpatialDropout2D": {"rate": 0.1},
    "AveragePooling1D": {"pool_size": 2},
    "AveragePooling2D": {"pool_size": 2},
    "GaussianNoise": {"stddev": 0.1},
    "GRU": {"units": 5},
    "LSTM": {"units": 5},
    "SimpleRNN": {"units": 5},
}
SEQUENCES = {"GRU", "LSTM", "SimpleRNN"}


def spec(name: str) -> list[dict[str, dict[str, Any]]]:
    before: list[dict[str, dict[str, Any]]] = [{"Conv2D": {"filters": 4, "kernel_size": 3, "strides": 2}}]
    if name in SEQUENCES or name.endswith("1D"):
        before.append({"Reshape": {"target_shape": [13, 52]}})
    return [*before, {name: NEEDED.get(name, {})}, *END]


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_can_be_used_and_its_weights_are_hardly_overestimated(name: str) -> None:
    layers = spec(name)
    model = network.build(layers)
    layer = model.layers[-3]
    assert type(layer).__name__ == name
    counted = LAYERS[name](layer, (1, *layer.input.shape[1:]))
    assert layer.count_params() <= counted <= 2 * layer.count_params() + 30


def test_every_layer_is_keras_own() -> None:
    assert all(issubclass(getattr(keras.layers, name), keras.Layer) for name in LAYERS)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (
            {"StringLookup": {"vocabulary": "/etc/passwd"}},
            "StringLookup: not a layer for digits; use one of Acti",
        ),
        ({"Lambda": {"function": "print"}}, "Lambda: not a layer for digits"),
        ({"TFSMLayer": {"filepath": "/tmp"}}, "TFSMLayer: not a layer for digits"),
        ({"RandomRotation": {"factor": 0.1}}, "RandomRotation: not a layer for digits"),
        ({"Dense": {"units": 10**9}}, "Dense: units: 1000000000: should be at most 10,000"),
        ({"UpSampling2D": {"size": [1, 20_000]}}, "UpSampling2D: size: 20000: should be at most 10,000"),
        ({"UpSampling2D": {"size": 9_000}}, "the outputs of a batch of 64 take more than 8 GB"),
        (
            {"Dense": {"units": 3, "kernel_initializer": {"module": "os", "class_name": "system", "config": {}}}},
            "Dense: kernel_initializer: should be a number, a word or a list of numbers",
        ),
        ({"Dense": {"units": [[1]]}}, "Dense: units: should be a number"),
    ],
)
def test_what_no_network_for_digits_has_is_refused_before_anything_is_built(
    layer: dict[str, dict[str, Any]], reason: str
) -> None:
    with pytest.raises(InputError, match=rf"^train\.network\[\d\]: (UpSampling2D does not fit: )?({reason})") as caught:
        network.build([layer, *END], batch_size=64)
    assert "\n" not in str(caught.value)


def test_a_network_with_too_many_weights_is_refused() -> None:
    layers: list[dict[str, dict[str, Any]]] = [
        {"Flatten": {}},
        {"Dense": {"units": 9_000}},
        {"Dense": {"units": 9_000}},
        END[1],
    ]
    with pytest.raises(InputError, match=re.escape(f"the network has more than {WEIGHTS:,} weights; make it smaller")):
        network.build(layers)
