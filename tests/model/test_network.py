from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from digits.core.errors import InputError
from digits.core.symbols import DIGITS, Symbols
from digits.model import network

DENSE: network.Spec = {"Dense": {"units": 10, "activation": "softmax"}}
NORMALISED: network.Spec = {"BatchNormalization": {"momentum": 0.5}}
SMALL: list[network.Spec] = [{"Conv2D": {"filters": 2, "kernel_size": 3}}, {"Flatten": {}}, DENSE]


def test_raw_images_give_probabilities() -> None:
    model = network.build(SMALL)
    probabilities = model.predict(np.full((3, 28, 28), 255, np.uint8), verbose=0)
    assert probabilities.shape == (3, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_scaling_is_part_of_the_model() -> None:
    model = network.build([{"Flatten": {}}, DENSE])
    kernel, bias = model.get_weights()
    image = np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8)
    logits = image.reshape(1, -1) / 255 @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(model.predict(image, verbose=0), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"Conv2d": {"filters": 2, "kernel_size": 3}}, *SMALL], r"network\[0\]: .*'Conv2d'; did you mean Conv2D"),
        ([*SMALL[:1], {"Dense": {"unit": 10}}], r"network\[1\]: Dense has no argument 'unit'; did you mean units"),
        ([{"Conv2D": {"filters": 2}}, *SMALL], r"network\[0\]: Conv2D: .*kernel_size"),
        ([{"Conv2D": {"filters": -1, "kernel_size": 3}}, *SMALL], r"network\[0\]: Conv2D: .*filters"),
        ([{"Conv2D": {"filters": 2, "kernel_size": 40}}, *SMALL], r"network\[0\]: Conv2D does not fit: .*negative"),
        ([{"Flatten": {}}, {"MaxPooling2D": {}}, DENSE], r"network\[1\]: MaxPooling2D does not fit: ."),
        ([{"MaxPooling2D": {"pool_size": 100}}, *SMALL], r"network\[0\]: MaxPooling2D does not fit: (?!Exception)"),
        ([{"BatchNormalization": {"axis": 9}}, *SMALL], r"network\[0\]: BatchNormalization"),
        ([{"UpSampling2D": {"interpolation": "foo"}}, *SMALL], r"train\.network.*: "),
        ([{"ReLU": {"name": "a"}}, {"ReLU": {"name": "a"}}, *SMALL], r"train\.network: .*unique"),
        ([{"Flatten": {}}, {"Dense": {"units": 11, "activation": "softmax"}}], r"network: its output \(None, 11\)"),
        ([{"Flatten": {}}, {"Dense": {"units": 10, "activation": "tanh"}}], r"is not a probability for each of the 10"),
        ([{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmux"}}], r"network\[1\]: Dense: .*softmux"),
    ],
)
def test_a_wrong_layer_is_reported_in_one_line(layers: list[network.Spec], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        network.build(layers)
    assert "\n" not in str(caught.value)


def test_a_percentage_is_a_fraction_of_all_steps() -> None:
    schedule = {"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": "90%", "warmup_target": 1.0, "warmup_steps": "10%"}}  # fmt: skip  # noqa: E501
    optimizer = network.make_optimizer({"AdamW": {"learning_rate": schedule}}, steps=200)
    rates = [float(optimizer._learning_rate(step)) for step in (0, 20, 110, 200)]
    assert rates == pytest.approx([0.1, 1.0, 0.5, 0.0], abs=1e-6)


def test_a_momentum_in_percent_averages_over_this_fraction_of_all_steps() -> None:
    optimizer = network.make_optimizer({"Adam": {"use_ema": True, "ema_momentum": "10%"}}, steps=200)
    assert optimizer.ema_momentum == 1 - 1 / 20
    with pytest.raises(InputError, match=r"Adam\.ema_momentum: 'all%'"):
        network.make_optimizer({"Adam": {"use_ema": True, "ema_momentum": "all%"}}, steps=200)


def test_percentages_may_be_in_a_list() -> None:
    schedule = {"PiecewiseConstantDecay": {"boundaries": ["50%", "75%"], "values": [1.0, 0.1, 0.01]}}
    optimizer = network.make_optimizer({"SGD": {"learning_rate": schedule, "momentum": 0.9}}, steps=100)
    assert [float(optimizer._learning_rate(step)) for step in (50, 75, 76)] == pytest.approx([1.0, 0.1, 0.01])


def test_calibrating_divides_the_logits() -> None:
    model = network.build(SMALL)
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    before = model.predict(images, verbose=0)
    network.calibrate(model, 0.5)
    expected = before**2 / (before**2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-3)


def test_a_network_that_cannot_be_calibrated_is_rejected() -> None:
    model = network.build([{"Flatten": {}}, {"Dense": {"units": 10}}, {"Softmax": {}}])
    with pytest.raises(InputError, match=r"train\.calibrate: the network should end with Dense"):
        network.output_layer(model)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"Adamm": {}}, r"train\.optimizer: Keras has no Optimizer 'Adamm'; did you mean Adam"),
        ({"Adam": {"lr": 0.1}}, r"train\.optimizer: Adam has no argument 'lr'"),
        ({"Adamw": {}}, r"'Adamw'; did you mean AdamW"),
        ({"Adam": {"learning_rate": {"CosinDecay": {}}}}, r"learning_rate: .*'CosinDecay'; did you mean CosineDecay"),
        ({"Adam": {"learning_rate": {"CosineDecay": {"decay_steps": 9}}}}, r"CosineDecay: .*initial_learning_rate"),
        ({"Adam": {"learning_rate": {"CosineDecay": {"decay_steps": "all%"}}}}, r"CosineDecay\.decay_steps: 'all%'"),
        ({"Adam": {"learning_rate": {"CosineDecay": {"decay_steps": "-10%"}}}}, r"CosineDecay\.decay_steps: '-10%'"),
        ({"Adam": {"learning_rate": {"CosineDecay": {"decay_steps": "inf%"}}}}, r"CosineDecay\.decay_steps: 'inf%'"),
        ({"Adam": {"learning_rate": {"CosineDecay": None}}}, r"learning_rate: should be a number or one schedule"),
    ],
)
def test_a_wrong_optimizer_is_reported_in_one_line(spec: network.Spec, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        network.make_optimizer(spec, steps=100)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("optimizer", "loss"),
    [
        ({"Adam": {"clipnorm": "x"}}, {"CategoricalCrossentropy": {}}),
        ({"Adam": {}}, {"CategoricalCrossentropy": {"label_smoothing": "x"}}),
        ({"Adam": {}}, {"SparseCategoricalCrossentropy": {}}),
        ({"LossScaleOptimizer": {"inner_optimizer": "adam"}}, {"CategoricalCrossentropy": {}}),
    ],
)
def test_a_failing_first_step_is_reported_in_one_line(optimizer: network.Spec, loss: network.Spec) -> None:
    with pytest.raises(InputError, match=r"train\.") as caught:
        network.compile_model(network.build(SMALL), optimizer, loss, steps=100)
    assert "\n" not in str(caught.value)


def test_compiling_does_not_change_the_weights() -> None:
    model = network.build(SMALL)
    before = model.get_weights()
    network.compile_model(model, {"Adam": {}}, {"CategoricalCrossentropy": {}}, steps=100)
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))
    assert model.compiled


def test_a_wrong_loss_is_reported() -> None:
    with pytest.raises(InputError, match=r"train\.loss: .*'CategoricalCrossEntropy'; did you mean CategoricalCross"):
        network.make_loss({"CategoricalCrossEntropy": {}})


def test_layers_are_listed_with_shapes_and_parameters() -> None:
    rows = network.list_layers(network.build(SMALL))
    assert rows[-3] == {"layer": "Conv2D", "details": "3×3", "output": "26×26×2", "parameters": 20}
    parameters = 26 * 26 * 2 * 10 + 10
    assert rows[-1] == {"layer": "Dense", "details": "softmax", "output": "10", "parameters": parameters}


@pytest.mark.parametrize(
    ("layer", "details"),
    [
        ({"Conv2D": {"filters": 2, "kernel_size": [3, 5], "strides": 2, "activation": "relu"}}, "3×5, stride 2, relu"),
        ({"DepthwiseConv2D": {"kernel_size": 3}}, "3×3"),
        ({"MaxPooling2D": {"pool_size": 2}}, "2×2, stride 2"),
        ({"AveragePooling2D": {"pool_size": 3, "strides": 1}}, "3×3"),
        ({"Dropout": {"rate": 0.25}}, "rate 0.25"),
        ({"Activation": {"activation": "tanh"}}, "tanh"),
        ({"ReLU": {}}, ""),
        ({"BatchNormalization": {}}, ""),
    ],
)
def test_layers_are_listed_with_details(layer: network.Spec, details: str) -> None:
    rows = network.list_layers(network.build([layer, {"Flatten": {}}, DENSE]))
    assert rows[-3]["details"] == details


def test_a_model_is_loaded_as_it_was_saved_without_its_optimizer(tmp_path: Path) -> None:
    model = network.build(SMALL)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    network.save(model, tmp_path / "model.keras")
    loaded, _ = network.load(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))
    assert not loaded.compiled
    # Adam's moments would take another two times the bytes of the weights.
    assert (tmp_path / "model.keras").stat().st_size < 2 * 4 * model.count_params() + 20_000


@pytest.mark.parametrize("units", [3, 10])
def test_the_number_of_units_that_the_classes_need_is_told(units: int) -> None:
    layers: list[network.Spec] = [{"Flatten": {}}, {"Dense": {"units": units, "activation": "softmax"}}]
    with pytest.raises(InputError, match=rf"output \(None, {units}\) .* 26 classes; .*units: 26, activation"):
        network.build(layers, classes=26)


def test_the_names_of_other_classes_are_kept_with_the_model(tmp_path: Path) -> None:
    symbols = Symbols(classes=("cat", "ア", "ñ"), fit="resize", polarity="dark")
    layers: list[network.Spec] = [{"Flatten": {}}, {"Dense": {"units": 3, "activation": "softmax"}}]
    network.save(network.build(layers, classes=3), tmp_path / "model.keras", symbols)
    loaded, found = network.load(tmp_path / "model.keras")
    assert (loaded.output_shape, found) == ((None, 3), symbols)


def test_an_archive_of_keras_is_taken_for_one_of_digits(tmp_path: Path) -> None:
    network.build(SMALL).save(tmp_path / "model.keras")
    assert network.load(tmp_path / "model.keras")[1] == DIGITS


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


def test_a_model_with_other_inputs_and_outputs_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(InputError, match="not 28x28 and 10 probabilities"):
        network.load(path)


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_a_divided_network_predicts_the_same(count: int) -> None:
    model = network.build([{"Conv2D": {"filters": 2, "kernel_size": 3}}, {"MaxPooling2D": {}}, NORMALISED, *SMALL])
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)
    divided = network.divide(model, 3)
    np.testing.assert_allclose(divided.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-6)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_divided_network_learns_the_same_and_is_saved_as_one(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (11, 28, 28), np.uint8)
    labels = np.eye(10, dtype=np.float32)[np.arange(11) % 10]
    kernels = []
    for parts in (1, 3):
        keras.utils.set_random_seed(0)
        model = network.divide(network.build(SMALL), parts)
        network.compile_model(model, {"SGD": {"learning_rate": 0.001}}, {"CategoricalCrossentropy": {}}, 9)
        model.fit(images, labels, batch_size=4, epochs=3, shuffle=False, verbose=0)
        kernels.append(model.get_weights()[0])
        network.save(model, tmp_path / "model.keras")
        loaded, _ = network.load(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded.get_weights()[0], kernels[-1])
    np.testing.assert_allclose(kernels[0], kernels[1], rtol=1e-4, atol=1e-6)


def test_each_part_of_a_batch_is_normalised_by_itself() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
    model = network.divide(network.build([NORMALISED, *SMALL]), 2)
    model(images, training=True)
    (layer,) = (each for each in model.layers if isinstance(each, keras.layers.BatchNormalization))
    first, second = images[:3].mean() / 255, images[3:].mean() / 255
    np.testing.assert_allclose(layer.moving_mean, [0.5 * (0.5 * first) + 0.5 * second], atol=1e-6)


@pytest.mark.parametrize("parts", [1, 2])
def test_the_training_step_is_traced_once(monkeypatch: pytest.MonkeyPatch, parts: int) -> None:
    traced = []

    def step(model: keras.Model, data: object, step: Callable[..., object] = keras.Model.train_step) -> object:
        traced.append(model)
        return step(model, data)

    monkeypatch.setattr(keras.Model, "train_step", step)
    model = network.divide(network.build([{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}]), parts)
    network.compile_model(model, {"Adam": {}}, {"CategoricalCrossentropy": {}}, 6)
    # As training.train does.
    model.optimizer.build(model.trainable_variables)
    model.fit(np.zeros((8, 28, 28), np.uint8), np.eye(10, dtype=np.float32)[:8], batch_size=4, epochs=3, verbose=0)
    assert sum(each is model for each in traced) == 1
