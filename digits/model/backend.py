"""TensorFlow and Keras, imported without their messages about the processor.

TensorFlow writes two lines on oneDNN before its logging starts, which no setting of its own prevents.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

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


try:
    tempfile.gettempdir()
except FileNotFoundError:
    # TensorFlow asks for it, but a full disk has none; whatever is written to it then says so in one line.
    tempfile.tempdir = str(Path.cwd())

with suppressed_stderr() if LEVEL == "3" else nullcontext():
    import keras
    import tensorflow as tf

__all__ = ["keras", "tf"]
