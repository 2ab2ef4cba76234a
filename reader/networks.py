"""The two networks of the reader: one finds digits, one tells the ten digits from what is none."""

from collections.abc import Sequence

import numpy as np

from digits.model.backend import keras, tf

layers = keras.layers
# Boxes are learned in units of this many pixels.
UNIT = 16.0


def detector(channels: Sequence[int]) -> keras.Model:
    """Build a network that finds digits of 16 to 54 pixels, after X. Zhou et al., "Objects as points" (2019).

    In: float32 (N, H, W, 2), locally normalised grey levels and 1 inside the image; H and W are multiples of 16.
    Out: float32 (N, H/4, W/4, 15), the logit of a digit's centre; how far its left, top, right and bottom are from the
    cell's centre, in units of 16 pixels, less 1; and the logits of the ten labels.
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


def classifier(channels: Sequence[int], units: int, dropout: float) -> keras.Model:
    """Build a network that tells digits: float32 (N, 32, 32, 3), as ``digits.reading.finding.crop`` returns them, in;
    float32 (N, 11), the logits of the ten digits and of none, out."""
    inputs = keras.Input((32, 32, 3))
    x = layers.MaxPooling2D(2)(_convolved(inputs, channels[0], 5))
    x = layers.MaxPooling2D(2)(_convolved(_convolved(x, channels[1]), channels[2]))
    x = layers.MaxPooling2D(2)(_convolved(_convolved(x, channels[3]), channels[4]))
    x = layers.Dense(units, activation="relu")(layers.Dropout(dropout)(layers.Flatten()(x)))
    return keras.Model(inputs, layers.Dense(11)(layers.Dropout(dropout)(x)))


def as_probabilities(model: keras.Model) -> keras.Model:
    """Return the classifier with probabilities, float32 (N, 11), instead of logits."""
    return keras.Model(model.input, layers.Softmax()(model.output))


def _convolved(x: tf.Tensor, channels: int, size: int = 3, stride: int = 1) -> tf.Tensor:
    x = layers.Conv2D(channels, size, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.97)(x))


def _joined(coarse: tf.Tensor, fine: tf.Tensor, channels: int) -> tf.Tensor:
    return _convolved(layers.Concatenate()([layers.UpSampling2D(2)(coarse), fine]), channels)


def as_peaks(model: keras.Model) -> keras.Model:
    """Return the detector with its output as ``digits.reading.finding`` takes it.

    Out: float32 (N, H/4, W/4, 15), the probability of a digit's centre, 0 where a neighbouring cell has a higher one;
    how far its left, top, right and bottom are from the cell's centre, in pixels; and the logits of the labels.
    """
    # The centre is computed together with the sides: what tf2onnx makes of a single channel differs from run to run.
    first, centre = model.output[..., :5], np.eye(5, dtype=np.float32)[0]
    highest = layers.MaxPooling2D(3, strides=1, padding="same")(first)
    peaks = keras.ops.sigmoid(first) * keras.ops.cast(keras.ops.greater_equal(first, highest), "float32")
    sides = keras.ops.maximum((first + 1) * UNIT, 0.5)
    both = peaks * centre + sides * (1 - centre)
    return keras.Model(model.input, layers.Concatenate()([both, model.output[..., 5:]]))


def detector_loss(boxes: float, labels: float) -> keras.losses.Loss:
    """Return the loss of the detector: focal loss of the centres; overlap and distance of the boxes; cross-entropy.

    Targets, float32 (N, H/4, W/4, 8): heat, 1 at a centre; weight of the heat, 0 where it does not matter; 1 near a
    centre; the four sides of its box in units of 16 pixels; its label.
    """

    def loss(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        heat, weight, near, label = target[..., 0], target[..., 1], target[..., 2], tf.cast(target[..., 7], tf.int32)
        found = tf.clip_by_value(tf.sigmoid(output[..., 0]), 1e-4, 1 - 1e-4)
        centre = tf.cast(heat >= 0.999, tf.float32)
        # The constant keeps a batch without digits from counting for much.
        hits = centre * (1 - found) ** 2 * tf.math.log(found)
        misses = (1 - centre) * (1 - heat) ** 4 * found**2 * tf.math.log(1 - found)
        finding = -tf.reduce_sum(weight * (hits + misses)) / (tf.reduce_sum(centre * weight) + 8)
        count = tf.reduce_sum(near) + 8
        true, sides = target[..., 3:7], output[..., 1:5] + 1
        inner, size = tf.minimum(sides, true), tf.maximum(sides, 0.05)
        shared = tf.nn.relu(inner[..., 0] + inner[..., 2]) * tf.nn.relu(inner[..., 1] + inner[..., 3])
        areas = [(box[..., 0] + box[..., 2]) * (box[..., 1] + box[..., 3]) for box in (true, size)]
        overlap = shared / (areas[0] + areas[1] - shared + 1e-3)
        placing = near * (1 - overlap + 0.5 * tf.reduce_mean(tf.abs(sides - true), -1))
        naming = near * tf.nn.sparse_softmax_cross_entropy_with_logits(label, output[..., 5:])
        return finding + (boxes * tf.reduce_sum(placing) + labels * tf.reduce_sum(naming)) / count

    return loss
