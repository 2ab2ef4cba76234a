"""TensorFlow and Keras, imported without their remarks on the processor.

TensorFlow writes two lines on oneDNN before its logging starts, which no setting of its own prevents.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Notes, warnings, and an "error" that it left deterministic work as it is.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def stderr_held_back() -> Iterator[None]:
    """Drop what the block writes to file descriptor 2, or write it after all if the block raises."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            written.seek(0)
            with os.fdopen(os.dup(2), "wb") as stderr:
                shutil.copyfileobj(written, stderr)
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with stderr_held_back():
    import keras
    import tensorflow as tf

__all__ = ["keras", "tf"]
