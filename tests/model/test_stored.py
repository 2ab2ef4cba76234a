from pathlib import Path

import numpy as np
import pytest

from digits.core.errors import InputError
from digits.model import limits, network
from tests.attacks import strange_files

END: list[network.Spec] = [{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}]
ROWS: network.Spec = {"Reshape": {"target_shape": [28, 28]}}
NETWORKS: list[list[network.Spec]] = [
    [
        {"Conv2D": {"filters": 4, "kernel_size": 3, "kernel_initializer": "he_normal", "activation": "leaky_relu"}},
        {"BatchNormalization": {}},
        {"PReLU": {}},
        {"MaxPooling2D": {}},
        {"Conv2D": {"filters": 4, "kernel_size": 3, "kernel_regularizer": "l2", "kernel_constraint": "non_neg"}},
        {"LayerNormalization": {}},
        {"GroupNormalization": {"groups": 2}},
        {"ZeroPadding2D": {"padding": 1}},
        {"SeparableConv2D": {"filters": 3, "kernel_size": 3}},
        {"DepthwiseConv2D": {"kernel_size": 3}},
        {"Conv2DTranspose": {"filters": 3, "kernel_size": 3}},
        {"GaussianNoise": {"stddev": 0.1, "seed": 7}},
        {"Activation": {"activation": "gelu"}},
        *END,
    ],
    *[[ROWS, {name: {"units": 8}}, *END] for name in ("SimpleRNN", "GRU", "LSTM")],
    [
        ROWS,
        {"Conv1D": {"filters": 4, "kernel_size": 3}},
        {"Permute": {"dims": [2, 1]}},
        *END,
    ],
]


@pytest.mark.parametrize("layers", NETWORKS)
def test_a_model_is_loaded_as_it_was_saved(tmp_path: Path, layers: list[network.Spec]) -> None:
    model, random = network.build(layers), np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(random.random(variable.shape))
    network.save(model, tmp_path / "model.keras")
    loaded, _ = network.load(tmp_path / "model.keras")
    images = random.integers(0, 256, (5, 28, 28), np.uint8)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))
    assert network.list_layers(loaded) == network.list_layers(model)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a StringLookup with a file", "StringLookup is not a layer for digits"),
        ("a Lambda with marshalled code", "Lambda is not a layer for digits"),
        ("an activation that is os.system", "activation is not a plain value"),
        ("a layer with billions of weights", f"units is 1000000, more than {limits.ARGUMENT:,}"),
        ("layers with billions of weights", "the network has more than"),
        ("weights that are a bomb", "it is compressed"),
        ("weights that are compressed zeros", "layers/dense/vars/0 is compressed, or in another file"),
        ("weights in an external file", "layers/dense/vars/0 is compressed, or in another file"),
        ("names that lead outside", "it is not made of a config, metadata and weights"),
    ],
)
def test_a_model_by_a_stranger_is_refused(tmp_path: Path, name: str, message: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(bytes(100_000))
    path = tmp_path / "strange.keras"
    path.write_bytes(strange_files.models(secret, tmp_path / "mark", "true")[name])
    with pytest.raises(InputError, match=rf"strange\.keras: not a Keras model .*{message}") as caught:
        network.load(path)
    assert "\n" not in str(caught.value)
