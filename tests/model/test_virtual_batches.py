from pathlib import Path

import keras
import numpy as np
import pytest

from digits.model import network
from digits.model.virtual_batches import divide

DENSE: network.Spec = {"Dense": {"units": 10, "activation": "softmax"}}
NORMALISED: network.Spec = {"BatchNormalization": {"momentum": 0.5}}
SMALL: list[network.Spec] = [{"Conv2D": {"filters": 2, "kernel_size": 3}}, {"Flatten": {}}, DENSE]
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
LABELS = np.eye(10, dtype=np.float32)[np.arange(12) % 10]


def fitted(layers: list[network.Spec], parts: int) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = divide(network.build(layers), parts)
    network.compile_model(model, {"SGD": {"learning_rate": 0.001}}, {"CategoricalCrossentropy": {}}, 9)
    model.fit(IMAGES, LABELS, batch_size=6, epochs=3, shuffle=False, verbose=0)
    return model


def test_a_divided_network_predicts_the_same() -> None:
    model = network.build([{"Conv2D": {"filters": 2, "kernel_size": 3}}, {"MaxPooling2D": {}}, NORMALISED, *SMALL])
    for count in (1, 3, 10):
        expected = model.predict(IMAGES[:count], verbose=0)
        np.testing.assert_allclose(divide(model, 3).predict(IMAGES[:count], verbose=0), expected, atol=1e-6)


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("activity", [{}, {"activity_regularizer": "l2"}])
def test_a_divided_network_learns_the_same_and_is_saved_as_one(tmp_path: Path, activity: dict[str, str]) -> None:
    layers: list[network.Spec] = [{"Conv2D": {"filters": 2, "kernel_size": 3, **activity}}, *SMALL[1:]]
    kernels = []
    for parts in (1, 3):
        network.save(fitted(layers, parts), tmp_path / "model.keras")
        kernels.append(network.load(tmp_path / "model.keras")[0].get_weights()[0])
    np.testing.assert_allclose(kernels[0], kernels[1], rtol=1e-4, atol=1e-6)


def test_each_part_is_normalised_by_itself_and_the_averages_move_by_the_mean_of_all() -> None:
    model = divide(network.build([NORMALISED, *SMALL]), 2)
    outputs = model(IMAGES[:6], training=True)
    (layer,) = (layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    np.testing.assert_allclose(layer.moving_mean, [0.5 * IMAGES[:6].mean() / 255], atol=1e-6)
    variances = [(part / 255).var() for part in (IMAGES[:3], IMAGES[3:6])]
    np.testing.assert_allclose(layer.moving_variance, [0.5 * 1 + 0.5 * np.mean(variances)], atol=1e-6)
    alone = network.build([NORMALISED, *SMALL])
    alone.set_weights(model.get_weights())
    np.testing.assert_allclose(outputs[3:], alone(IMAGES[3:6], training=True), atol=1e-6)


def test_each_part_and_each_step_draws_its_own_random_numbers() -> None:
    model = divide(network.build([{"Flatten": {}}, {"Dropout": {"rate": 0.5}}, DENSE]), 2)
    same = np.repeat(IMAGES[:1], 2, axis=0)
    steps = [model(same, training=True).numpy() for _ in range(2)]
    rows = np.concatenate(steps)
    assert len(np.unique(rows.round(6), axis=0)) == 4
