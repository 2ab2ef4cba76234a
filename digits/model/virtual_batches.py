"""The parts of a batch, computed separately, so that every device computes the same."""

from itertools import pairwise
from typing import Any

from digits.model.backend import keras, tf


class Divided(keras.Model):  # type: ignore[misc]
    """A network that computes each batch in parts; see ``divide``."""

    parts = 1

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        (images,), whole = keras.tree.flatten(inputs), super().call
        if not training:
            return tf.concat([whole(part, training=False) for part in _split(images, self.parts)], axis=0)

        replica = tf.distribute.get_replica_context()
        parts = _split(images, self.parts // replica.num_replicas_in_sync)
        # Only the states of random generators are integers.
        averages = [variable for variable in self.non_trainable_variables if variable.dtype != "int64"]
        seeds = [variable for variable in self.non_trainable_variables if variable.dtype == "int64"]
        first = tf.cast(replica.replica_id_in_sync_group * len(parts), tf.int64)
        outputs, scopes = [], []
        for number, part in enumerate(parts):
            # Each part draws its own random numbers, the same on whichever device it is computed.
            drawn = [(seed, seed.value + tf.stack([first + number, 0])) for seed in seeds]
            with keras.StatelessScope(drawn, collect_losses=True) as scope:
                outputs.append(whole(part, training=True))
            scopes.append(scope)
        for seed in seeds:
            seed.assign(scopes[0].get_current_value(seed) - tf.stack([first, 0]))
        for average in averages:
            values = [scope.get_current_value(average) for scope in scopes]
            if values[0] is not None:
                average.assign(replica.all_reduce(tf.distribute.ReduceOp.MEAN, tf.add_n(values) / len(parts)))
        for penalties in zip(*(scope.losses for scope in scopes), strict=True):
            # self.add_loss is refused: this is a functional model.
            keras.Layer.add_loss(self, tf.add_n(penalties) / len(parts))
        return tf.concat(outputs, axis=0)


def _split(images: Any, parts: int) -> list[Any]:
    ends = [tf.shape(images)[0] * number // parts for number in range(parts + 1)]
    return [images[start:end] for start, end in pairwise(ends)]


def divide(model: keras.Model, parts: int) -> keras.Model:
    """Return a model with the layers of ``model`` that computes each batch in so many ``parts``, as equal as possible.

    A layer sees each part as a batch: BatchNormalization normalises it by itself (E. Hoffer et al., "Train longer,
    generalize better", 2017), and moves its averages once, by the mean over the parts. Several devices, whose
    number divides ``parts``, compute the same, but for rounding.

    On a processor the parts are computed at the same time, which is faster than sharing each operation, since most are
    too small for that.
    """
    if parts == 1:
        return model
    divided = Divided(model.input, model.output)
    divided.parts = parts
    return divided
