import numpy as np
import pytest
from numpy.typing import NDArray

from digits.reading.classes import CLASSES
from reader.data import SCALE
from reader.stages.classifier import Classifier, _batch

PLAIN = Classifier(
    seed=0,
    steps=10,
    batch_size=16,
    virtual_batch_size=8,
    calibration_batches=2,
    optimizer={"Adam": {}},
    channels=[4] * 5,
    wide_channels=[4] * 3,
    units=4,
    dropout=0,
    inverted_share=0,
    max_contrast_change=0,
    max_noise=0,
    warped_share=0,
    label_smoothing=0,
)


@pytest.fixture
def crops() -> NDArray[np.int8]:
    """Of each label one crop, whose upper left corner is outside the page."""
    crops = np.random.default_rng(0).integers(-100, 100, (CLASSES, 32, 32, 5)).astype(np.int8)
    crops[..., 1] = 1
    crops[:, :8, :8, :2] = 0
    crops[..., 2] = 0
    crops[:, 5:27, 8:24, 2] = 1
    crops[..., 4] = 1
    crops[:, :8, :8, 3:] = 0
    return crops


def batch(crops: NDArray[np.int8], step: int = 0, **changes: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _batch(crops, np.arange(CLASSES), PLAIN.model_copy(update=changes), step)


def test_a_batch_is_crops_with_their_labels(crops: NDArray[np.int8]) -> None:
    images, labels = batch(crops)
    assert images.shape == (16, 32, 32, 5)
    assert images.dtype == labels.dtype == np.float32
    assert labels.shape == (16, CLASSES)
    assert (labels.sum(axis=1) == 1).all()
    for image, label in zip(images, labels.argmax(axis=1), strict=True):
        np.testing.assert_allclose(image, crops[label] / np.array([SCALE, 1, 1, SCALE, 1]), rtol=1e-6)


def test_a_batch_depends_only_on_the_seed_and_the_step(crops: NDArray[np.int8]) -> None:
    every = {"inverted_share": 0.5, "max_contrast_change": 0.2, "max_noise": 0.3, "warped_share": 0.5}
    images, labels = batch(crops, 5, **every)
    batch(crops, 6, **every)
    again = batch(crops, 5, **every)
    np.testing.assert_array_equal(images, again[0])
    np.testing.assert_array_equal(labels, again[1])
    assert (images != batch(crops, 6, **every)[0]).any()
    assert (images != batch(crops, 5, **every, seed=1)[0]).any()


def test_noise_is_in_half_of_the_batches_and_only_on_the_page(crops: NDArray[np.int8]) -> None:
    noisy = 0
    for step in range(20):
        difference = batch(crops, step, max_noise=1)[0] - batch(crops, step)[0]
        assert not difference[..., [1, 2, 4]].any()
        assert not difference[:, :8, :8].any()
        noisy += int(difference.any())
    assert 5 <= noisy <= 15


def test_crops_are_warped_a_little_together_with_their_masks(crops: NDArray[np.int8]) -> None:
    smooth = np.zeros_like(crops)
    smooth[:, 6:26, 10:22] = [100, 1, 1, 100, 1]
    plain, warped = batch(smooth)[0], batch(smooth, warped_share=1)[0]
    assert (warped != plain).any(axis=(1, 2, 3)).all()
    assert 0 <= warped[..., 1:3].min() <= warped[..., 1:3].max() <= 1
    np.testing.assert_array_equal(warped[..., 3:], plain[..., 3:])
    np.testing.assert_allclose(warped[..., 1], warped[..., 2], atol=1e-6)
    overlap = np.minimum(warped[..., 2], plain[..., 2]).sum(axis=(1, 2)) / plain[..., 2].sum(axis=(1, 2))
    assert overlap.min() > 0.7
    assert overlap.mean() > 0.88
