"""TensorFlow and Keras, imported without their messages about the processor.

TensorFlow writes two lines on oneDNN before its logging starts, which no setting of its own prevents.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

# Keras imports these, if they are installed, for functions that nothing here calls. It takes a third of Keras's time.
UNUSED = ("matplotlib", "pandas", "sklearn")
# Hides notes, warnings, and an "error" that an optimisation was skipped to stay deterministic. Set it to 0 to see all.
LEVEL = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def suppressed_stderr() -> Iterator[None]:
    """Discard what the block writes to file descriptor 2, unless it raises an exception; then write it after all."""
    try:
        written = tempfile.TemporaryFile()  # noqa: SIM115
        kept = os.dup(2)
    except OSError:  # The disk is full, or there is no standard error, as in a service.
        yield
        return
    with written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            written.seek(0)
            os.write(2, written.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def quick_import() -> Iterator[None]:
    """Import in the block as if the packages ``UNUSED`` were not installed, and without the garbage collection, which
    would search a million new objects and find nothing."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    collected = gc.isenabled()
    gc.disable()
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        if collected:
            gc.enable()


try:
    tempfile.gettempdir()
except FileNotFoundError:
    # TensorFlow asks for it, but a full disk has none; whatever is written to it then says so in one line.
    tempfile.tempdir = str(Path.cwd())

with quick_import(), suppressed_stderr() if LEVEL == "3" else nullcontext():
    import keras
    import tensorflow as tf

if LEVEL == "3":
    # Python has a level of its own.
    tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "tf"]


def use(threads: int) -> None:
    """Compute with so many ``threads``, each operation with one of them. To be called before anything is computed.

    ``network.divide`` gives them work. Where several threads compute a network that is not divided, gradients of the
    reader's detector differ from run to run, although TensorFlow is told to be deterministic.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def spread(kind: str = "GPU") -> AbstractContextManager[object]:
    """Return a context in which to make a model whose batches are shared among the devices of a ``kind``, if several.

    Call ``use`` first.
    """
    devices = [each.name for each in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(devices).scope() if len(devices) > 1 else nullcontext()
