"""TensorFlow and Keras, imported without their messages about the processor."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

# Hides notes, warnings, and an "error" that an optimisation was skipped to stay deterministic. Set it to 0 to see all.
LEVEL = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The user's own settings of Keras would change results. There can be no keras.json below a file.
for name in [*os.environ]:
    if name.startswith("KERAS_"):
        del os.environ[name]
os.environ |= {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull}


@contextmanager
def suppressed_stderr() -> Iterator[None]:
    """Discard what the block writes to file descriptor 2."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


# TensorFlow writes two lines on oneDNN before its logging starts, which no setting of its own prevents.
with suppressed_stderr() if LEVEL == "3" else nullcontext():
    import keras
    import tensorflow as tf

if LEVEL == "3":
    # Python has a level of its own.
    tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "tf"]


def use(threads: int) -> None:
    """Compute with so many ``threads``, each operation with one of them. To be called before anything is computed.

    As many as a batch has parts are enough. Their number does not change the bits; if several shared an operation, it
    would.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def make_deterministic(seed: int) -> None:
    """Make every later operation give the same bits for the same ``seed``."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # GPUs would round what they multiply to ten bits.
    tf.config.experimental.enable_tensor_float_32_execution(False)


def spread(parts: int, kind: str = "GPU") -> AbstractContextManager[object]:
    """Return a context in which to make a model whose batches are shared among the devices of a ``kind``, if there are
    several: the most that can each take the same number of ``parts`` of a batch.

    Call ``use`` first.
    """
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    shared = max((number for number in range(1, len(devices) + 1) if parts % number == 0), default=1)
    return tf.distribute.MirroredStrategy(devices[:shared]).scope() if shared > 1 else nullcontext()
