"""Models in the formats of other runtimes, each checked by running it."""

import contextlib
import io
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import replacing
from digits.core.store import SIDE
from digits.model.backend import keras, suppressed_stderr, tf

Images = NDArray[np.uint8]
Run = Callable[[Images], NDArray[np.float32]]

# The largest difference allowed between a probability of the model and of the exported file.
TOLERANCE = 1e-4


def export(model: keras.Model, path: Path, form: str) -> float:
    """Write ``model`` as ``onnx``, ``tflite`` or ``saved_model`` (a folder) and return the largest difference between
    its probabilities and those of the written file, on random images.

    The written file takes uint8 (N, 28, 28) and returns float32 (N, 10), as ``model`` does; tflite takes one image at a
    time. Raises InputError, and writes nothing, if the two differ by more than 1e-4 or a package is missing.
    """
    if path.exists() and (path.is_dir() or form == "saved_model"):
        raise InputError(f"{path}: already exists; remove it or choose another path")
    images = np.random.default_rng(0).integers(0, 256, (100, SIDE, SIDE), dtype=np.uint8)
    expected = model.predict(images, verbose=0)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras warns about the list that it wraps the only input in.
        warnings.simplefilter("ignore")
        written = Path(folder) / f"model{SUFFIXES[form]}"
        options: dict[str, Any] = {"format": "tf_saved_model" if form == "saved_model" else form, "verbose": False}
        if form == "tflite":
            written.write_bytes(_tflite(model))
        else:
            try:
                signature = [keras.InputSpec(shape=(None, SIDE, SIDE), dtype="uint8")]
                model.export(written, input_signature=signature, **options)
            except ImportError as error:
                raise InputError(f"{form} needs {error.name}: pip install -r requirements-export.txt") from None
        difference = float(np.abs(open_exported(written, form)(images) - expected).max())
        if not difference <= TOLERANCE:
            raise InputError(f"{path}: the probabilities differ by {difference:.2g}, more than {TOLERANCE:.0e}")
        if form == "saved_model":
            shutil.copytree(written, path)
        else:
            with replacing(path) as partial:
                shutil.copyfile(written, partial)
    return difference


SUFFIXES = {"onnx": ".onnx", "tflite": ".tflite", "saved_model": ""}


def _tflite(model: keras.Model) -> bytes:
    # The converter prints each of its steps.
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def open_exported(path: Path, form: str, threads: int | None = None) -> Run:
    """Return a function that runs the exported file: images, uint8 (N, 28, 28), to probabilities, float32 (N, 10)."""
    if form == "saved_model":
        loaded = tf.saved_model.load(str(path))
        return lambda images: loaded.serve(tf.constant(images)).numpy()
    if form == "onnx":
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(f"{form} needs {error.name}: pip install -r requirements-export.txt") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda images: session.run(None, {name: images})[0]
    with warnings.catch_warnings(), suppressed_stderr():
        # TensorFlow announces that its interpreter will move to another package.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    (given,), (taken,) = interpreter.get_input_details(), interpreter.get_output_details()

    def infer(images: Images) -> NDArray[np.float32]:
        rows = []
        for image in images:
            interpreter.set_tensor(given["index"], image[np.newaxis])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(taken["index"])[0])
        return np.stack(rows)

    return infer
