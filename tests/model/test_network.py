from pathlib import Path

import keras
import numpy as np
import pytest

from digits.core.errors import InputError
from digits.core.task import DIGITS, Task
from digits.model import network

DENSE: network.Spec = {"Dense": {"units": 10, "activation": "softmax"}}
SMALL: list[network.Spec] = [{"Conv2D": {"filters": 2, "kernel_size": 3}}, {"Flatten": {}}, DENSE]
CROSS_ENTROPY: network.Spec = {"CategoricalCrossentropy": {}}
IMAGES = np.random.default_rng(0).integers(0, 256, (11, 28, 28), np.uint8)


def test_a_network_takes_raw_images_and_returns_probabilities() -> None:
    model = network.build([{"Flatten": {}}, DENSE])
    kernel, bias = model.get_weights()
    logits = IMAGES.reshape(len(IMAGES), -1) / 255 @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"Conv2d": {"filters": 2, "kernel_size": 3}}, *SMALL], r"network\[0\]: .*'Conv2d'; did you mean Conv2D"),
        ([*SMALL[:1], {"Dense": {"unit": 10}}], r"network\[1\]: Dense has no argument 'unit'; did you mean units"),
        ([{"Conv2D": {"filters": 2}}, *SMALL], r"network\[0\]: Conv2D: .*kernel_size"),
        ([{"Conv2D": {"filters": -1, "kernel_size": 3}}, *SMALL], r"network\[0\]: Conv2D: .*filters"),
        ([{"Conv2D": {"filters": 2, "kernel_size": 40}}, *SMALL], r"network\[0\]: Conv2D does not fit: .*negative"),
        ([{"MaxPooling2D": {"pool_size": 100}}, *SMALL], r"network\[0\]: MaxPooling2D does not fit: (?!Exception)"),
        ([{"ReLU": {"name": "a"}}, {"ReLU": {"name": "a"}}, *SMALL], r"train\.network: .*unique"),
        ([{"Flatten": {}}, {"Dense": {"units": 11, "activation": "softmax"}}], r"output \(None, 11\) .*units: 10"),
        ([{"Flatten": {}}, {"Dense": {"units": 10, "activation": "tanh"}}], r"is not a probability for each of the 10"),
        ([{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmux"}}], r"network\[1\]: Dense: .*softmux"),
    ],
)
def test_a_wrong_layer_is_reported_in_one_line(layers: list[network.Spec], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        network.build(layers)
    assert "\n" not in str(caught.value)


def test_percentages_of_an_optimizer_are_shares_of_all_steps() -> None:
    cosine = {"initial_learning_rate": 0.1, "decay_steps": "90%", "warmup_target": 1.0, "warmup_steps": "10%"}
    piecewise = {"boundaries": ["50%", "75%"], "values": [1.0, 0.1, 0.01]}
    for schedule, steps, expected in (
        ({"CosineDecay": cosine}, (0, 20, 110, 200), [0.1, 1.0, 0.5, 0.0]),
        ({"PiecewiseConstantDecay": piecewise}, (100, 150, 151), [1.0, 0.1, 0.01]),
    ):
        optimizer = network.make_optimizer({"SGD": {"learning_rate": schedule}}, steps=200)
        assert [float(optimizer._learning_rate(step)) for step in steps] == pytest.approx(expected, abs=1e-6)
    averaging = network.make_optimizer({"Adam": {"use_ema": True, "ema_momentum": "10%"}}, steps=200)
    assert averaging.ema_momentum == 1 - 1 / 20


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"Adamm": {}}, r"train\.optimizer: Keras has no Optimizer 'Adamm'; did you mean Adam"),
        ({"Adam": {"lr": 0.1}}, r"train\.optimizer: Adam has no argument 'lr'"),
        ({"Adam": {"ema_momentum": "all%"}}, r"Adam\.ema_momentum: 'all%'"),
        ({"Adam": {"learning_rate": {"CosinDecay": {}}}}, r"learning_rate: .*'CosinDecay'; did you mean CosineDecay"),
        ({"Adam": {"learning_rate": {"CosineDecay": {"decay_steps": 9}}}}, r"CosineDecay: .*initial_learning_rate"),
        ({"Adam": {"learning_rate": {"CosineDecay": {"decay_steps": "-10%"}}}}, r"CosineDecay\.decay_steps: '-10%'"),
        ({"Adam": {"learning_rate": {"CosineDecay": None}}}, r"learning_rate: should be a number or one schedule"),
    ],
)
def test_a_wrong_optimizer_is_reported_in_one_line(spec: network.Spec, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        network.make_optimizer(spec, steps=100)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("optimizer", "loss", "message"),
    [
        ({"Adam": {"clipnorm": "x"}}, CROSS_ENTROPY, r"train\.optimizer or train\.loss"),
        ({"Adam": {}}, {"SparseCategoricalCrossentropy": {}}, "a first step fails"),
        ({"Adam": {}}, {"CategoricalCrossEntropy": {}}, r"train\.loss: .*; did you mean CategoricalCrossentropy"),
    ],
)
def test_a_training_that_would_fail_is_reported_in_one_line(
    optimizer: network.Spec, loss: network.Spec, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        network.compile_model(network.build(SMALL), optimizer, loss, steps=100)
    assert "\n" not in str(caught.value)


def test_compiling_does_not_change_the_weights() -> None:
    model = network.build(SMALL)
    before = model.get_weights()
    network.compile_model(model, {"Adam": {}}, CROSS_ENTROPY, steps=100)
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))


def test_a_temperature_divides_the_logits() -> None:
    model = network.build(SMALL)
    before = model.predict(IMAGES, verbose=0)
    network.scale_logits(model, 0.5)
    expected = before**2 / (before**2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), expected, rtol=1e-3)


def test_a_network_that_cannot_be_calibrated_is_refused() -> None:
    model = network.build([{"Flatten": {}}, {"Dense": {"units": 10}}, {"Softmax": {}}])
    with pytest.raises(InputError, match=r"train\.calibrate: the network should end with Dense"):
        network.output_layer(model)


@pytest.mark.parametrize(
    ("layer", "details"),
    [
        ({"Conv2D": {"filters": 2, "kernel_size": [3, 5], "strides": 2, "activation": "relu"}}, "3×5, stride 2, relu"),
        ({"MaxPooling2D": {"pool_size": 2}}, "2×2, stride 2"),
        ({"AveragePooling2D": {"pool_size": 3, "strides": 1}}, "3×3"),
        ({"Dropout": {"rate": 0.25}}, "rate 0.25"),
        ({"BatchNormalization": {}}, ""),
    ],
)
def test_layers_are_listed_with_shapes_details_and_parameters(layer: network.Spec, details: str) -> None:
    *_, first, _, last = network.list_layers(network.build([layer, {"Flatten": {}}, DENSE]))
    assert first["details"] == details
    parameters = (np.prod([int(side) for side in first["output"].split("×")]) + 1) * 10
    assert last == {"layer": "Dense", "details": "softmax", "output": "10", "parameters": parameters}


@pytest.mark.parametrize("task", [DIGITS, Task(classes=(*"abcdefgh", "ア", "ñ"), fit="resize", polarity="dark")])
def test_a_model_is_loaded_as_it_was_saved_without_its_optimizer(tmp_path: Path, task: Task) -> None:
    model = network.build(SMALL)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    network.save(model, tmp_path / "model.keras", task)
    loaded, loaded_task = network.load(tmp_path / "model.keras")
    assert loaded_task == task
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    # Adam's moments would take another two times the bytes of the weights.
    assert (tmp_path / "model.keras").stat().st_size < 2 * 4 * model.count_params() + 20_000


def test_the_same_model_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network.build(SMALL)
    network.save(model, tmp_path / "a.keras")
    monkeypatch.setattr("time.time", lambda: 2e9)
    network.save(model, tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"not a model", b"truncated"])
def test_the_error_for_a_damaged_model_names_the_file_and_the_command(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.keras"
    if content == b"truncated":
        network.save(network.build(SMALL), path)
        path.write_bytes(path.read_bytes()[:5000])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.keras: .*dvc repro") as caught:
        network.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([keras.Input((3,)), keras.layers.Dense(2)], "not 28x28 and 10 probabilities"),
        ([keras.Input((28, 28)), keras.layers.Lambda(lambda images: images)], "not a Keras model .*unsafe"),
    ],
)
def test_a_model_of_another_shape_or_with_code_is_refused_in_one_line(
    tmp_path: Path, layers: list[keras.Layer], message: str
) -> None:
    path = tmp_path / "model.keras"
    keras.Sequential(layers).save(path)
    with pytest.raises(InputError, match=message) as caught:
        network.load(path)
    assert "\n" not in str(caught.value)
