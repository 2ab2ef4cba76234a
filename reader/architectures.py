"""The two networks of the reader: a detector of digits, and a classifier of what it finds."""

from collections.abc import Sequence

import numpy as np

from digits.model.backend import keras, tf
from digits.reading.classes import CLASSES

layers = keras.layers
# Boxes are learned in units of this many pixels.
UNIT = 16.0


def detector(channels: Sequence[int]) -> keras.Model:
    """Build a network that finds digits of 16 to 54 pixels, after X. Zhou et al., "Objects as points" (2019).

    In: float32 (N, H, W, 2), locally normalised grey levels and 1 inside the image; H and W are multiples of 16.
    Out: float32 (N, H/4, W/4, 15), the logit of objectness, that a digit's centre is in the cell; how far its left,
    top, right and bottom are from the cell's centre, in units of 16 pixels, less 1; and the logits of the ten classes.
    """
    half, quarter, eighth, sixteenth, features = channels
    inputs = keras.Input((None, None, 2))
    fine = _convolved(_convolved(_convolved(inputs, half, 5, 2), quarter, 3, 2), quarter)
    middle = _convolved(_convolved(fine, eighth, 3, 2), eighth)
    coarse = _convolved(middle, sixteenth, 3, 2)
    coarse = _convolved(_convolved(coarse, sixteenth), sixteenth)
    middle = _joined(_convolved(coarse, eighth, 1), middle, eighth)
    fine = _convolved(_joined(_convolved(middle, features, 1), fine, features), features)
    model = keras.Model(inputs, layers.Conv2D(15, 1)(fine))
    # Nearly all cells are no centres.
    model.layers[-1].bias.assign([-4.0] + 14 * [0.0])
    return model


def classifier(channels: Sequence[int], wide_channels: Sequence[int], units: int, dropout: float) -> keras.Model:
    """Build a network that classifies crops.

    In: float32 (N, 32, 32, 5), as ``digits.reading.finding.crop`` returns them.
    Out: float32 (N, 13), the logits of the ten digits, of a letter, of another sign, and of none of these.
    """
    inputs = keras.Input((32, 32, 5))
    x = layers.MaxPooling2D(2)(_convolved(inputs[..., :3], channels[0], 5))
    x = layers.MaxPooling2D(2)(_convolved(_convolved(x, channels[1]), channels[2]))
    x = layers.MaxPooling2D(2)(_convolved(_convolved(x, channels[3]), channels[4]))
    # What is around it is seen by a network of its own.
    y = layers.MaxPooling2D(2)(_convolved(inputs[..., 3:], wide_channels[0], 5))
    for count in wide_channels[1:]:
        y = layers.MaxPooling2D(2)(_convolved(y, count))
    both = layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(y)])
    hidden = layers.Dense(units, activation="relu")(layers.Dropout(dropout)(both))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.Dropout(dropout)(hidden)))


def as_probabilities(model: keras.Model) -> keras.Model:
    """Return the classifier with probabilities, float32 (N, 13), instead of logits."""
    return keras.Model(model.input, layers.Softmax()(model.output))


def _convolved(x: tf.Tensor, channels: int, size: int = 3, stride: int = 1) -> tf.Tensor:
    x = layers.Conv2D(channels, size, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.97)(x))


def _joined(coarse: tf.Tensor, fine: tf.Tensor, channels: int) -> tf.Tensor:
    return _convolved(layers.Concatenate()([layers.UpSampling2D(2)(coarse), fine]), channels)


def as_peaks(model: keras.Model) -> keras.Model:
    """Return the detector with its output as ``digits.reading.finding`` takes it.

    Out: float32 (N, H/4, W/4, 15), the objectness, 0 where a neighbouring cell has a higher one; how far the digit's
    left, top, right and bottom are from the cell's centre, in pixels; and the logits of the classes.
    """
    # The centre is computed together with the sides: what tf2onnx makes of a single channel differs from run to run.
    first, centre = model.output[..., :5], np.eye(5, dtype=np.float32)[0]
    highest = layers.MaxPooling2D(3, strides=1, padding="same")(first)
    peaks = keras.ops.sigmoid(first) * keras.ops.cast(keras.ops.greater_equal(first, highest), "float32")
    sides = keras.ops.maximum((first + 1) * UNIT, 0.5)
    both = peaks * centre + sides * (1 - centre)
    return keras.Model(model.input, layers.Concatenate()([both, model.output[..., 5:]]))


def detector_loss(box_weight: float, class_weight: float) -> keras.losses.Loss:
    """Return the loss of the detector: focal loss of the objectness; IoU and L1 loss of the boxes; cross-entropy.

    Targets, float32 (N, H/4, W/4, 8): heat, 1 at a centre; weight of the heat, 0 where it does not matter; 1 near a
    centre; the four sides of its box in units of 16 pixels; its class.
    """

    def loss(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        heat, weight, near, digit = target[..., 0], target[..., 1], target[..., 2], tf.cast(target[..., 7], tf.int32)
        objectness = tf.clip_by_value(tf.sigmoid(output[..., 0]), 1e-4, 1 - 1e-4)
        centre = tf.cast(heat >= 0.999, tf.float32)
        # The constant keeps a batch without digits from counting for much.
        hits = centre * (1 - objectness) ** 2 * tf.math.log(objectness)
        misses = (1 - centre) * (1 - heat) ** 4 * objectness**2 * tf.math.log(1 - objectness)
        focal = -tf.reduce_sum(weight * (hits + misses)) / (tf.reduce_sum(centre * weight) + 8)
        count = tf.reduce_sum(near) + 8
        true, sides = target[..., 3:7], output[..., 1:5] + 1
        inner, size = tf.minimum(sides, true), tf.maximum(sides, 0.05)
        intersection = tf.nn.relu(inner[..., 0] + inner[..., 2]) * tf.nn.relu(inner[..., 1] + inner[..., 3])
        areas = [(box[..., 0] + box[..., 2]) * (box[..., 1] + box[..., 3]) for box in (true, size)]
        iou = intersection / (areas[0] + areas[1] - intersection + 1e-3)
        boxes = near * (1 - iou + 0.5 * tf.reduce_mean(tf.abs(sides - true), -1))
        classes = near * tf.nn.sparse_softmax_cross_entropy_with_logits(digit, output[..., 5:])
        return focal + (box_weight * tf.reduce_sum(boxes) + class_weight * tf.reduce_sum(classes)) / count

    return loss
