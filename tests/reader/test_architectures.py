import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from reader import architectures


@pytest.fixture(scope="module")
def detector() -> keras.Model:
    keras.utils.set_random_seed(0)
    return architectures.detector([4, 5, 6, 7, 8])


def inputs(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(2, height, width, 2)).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 160)])
def test_the_detector_takes_images_of_any_size_and_finds_single_peaks(
    detector: keras.Model, height: int, width: int
) -> None:
    # So that there is more than one peak.
    images = 30 * inputs(height, width)
    raw, peaks = detector(images).numpy(), architectures.as_peaks(detector)(images).numpy()
    assert raw.shape == peaks.shape == (2, height // 4, width // 4, 15)
    heat = 1 / (1 + np.exp(-raw[..., 0]))
    around = np.pad(heat, ((0, 0), (1, 1), (1, 1)))
    rows, columns = heat.shape[1:]
    highest = np.max([around[:, y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0)
    np.testing.assert_allclose(peaks[..., 0], np.where(heat == highest, heat, 0), atol=1e-6)
    assert 0 < (peaks[..., 0] > 0).sum() < heat.size / 2
    np.testing.assert_allclose(peaks[..., 1:5], np.maximum(16 * (raw[..., 1:5] + 1), 0.5), rtol=1e-5)
    np.testing.assert_allclose(peaks[..., 5:], raw[..., 5:], rtol=1e-5)


def a_target() -> NDArray[np.float32]:
    """Return the targets of a digit 7 of 24 by 32 pixels in a window of 32 by 32."""
    target = np.zeros((1, 8, 8, 8), np.float32)
    target[..., 1] = 1
    target[0, 3:5, 4, 0] = 0.6
    target[0, 4, 4] = [1, 1, 1, 0.75, 1, 0.75, 1, 7]
    return target


def answer(target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the output of a detector that is sure of ``target``."""
    output = np.zeros((*target.shape[:3], 15), np.float32)
    output[..., 0] = np.where(target[..., 0] == 1, 6, -6)
    output[..., 1:5] = target[..., 3:7] - 1
    output[..., 5:] = 6 * np.eye(10)[target[..., 7].astype(int)]
    return output


def test_the_right_answer_has_a_lower_loss_than_any_wrong_one() -> None:
    loss, target = architectures.detector_loss(1, 1), a_target()
    right = answer(target)
    wrong = {name: right.copy() for name in ("missed", "false", "elsewhere", "larger", "misread")}
    wrong["missed"][0, 4, 4, 0] = -6
    wrong["false"][0, 1, 1, 0] = 6
    wrong["elsewhere"][0, 4, 4, 1:5] += [1, 0, -1, 0]
    wrong["larger"][0, 4, 4, 1:5] += 0.3
    wrong["misread"][0, 4, 4, 5:] = 6 * np.eye(10)[1]
    least = float(loss(target, right))
    assert 0 <= least < 0.05
    for name, output in wrong.items():
        assert float(loss(target, output)) > least + 0.02, name


def test_without_a_digit_the_loss_and_its_gradient_are_finite() -> None:
    target = np.zeros((2, 8, 8, 8), np.float32)
    target[..., 1] = 1
    for level in (-100.0, 0.0, 100.0):
        output = tf.Variable(np.full((2, 8, 8, 15), level, np.float32))
        with tf.GradientTape() as tape:
            loss = architectures.detector_loss(1, 1)(target, output)
        assert np.isfinite(float(loss))
        assert np.isfinite(tape.gradient(loss, output).numpy()).all()
