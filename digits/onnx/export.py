"""Models in the formats of other runtimes, each checked by running it."""

import contextlib
import io
import logging
import re
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import replacing, writing
from digits.core.store import SIDE
from digits.core.task import DIGITS, Task
from digits.model.backend import keras, suppressed_stderr, tf
from digits.model.network import reason
from digits.onnx import runtime
from digits.onnx.renumbering import renumber
from digits.onnx.runtime import Images, Infer

# The largest difference allowed between a probability of the model and of the exported file.
TOLERANCE = 1e-4
# tf2onnx logs what its exception says, too.
logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
SUFFIXES = {"onnx": ".onnx", "tflite": ".tflite", "saved_model": ""}


def export(model: keras.Model, path: Path, form: str, task: Task = DIGITS) -> float:
    """Write ``model``, whose classes ``task`` names, as ``onnx``, ``tflite`` or ``saved_model`` (a folder).

    Return the largest difference between its probabilities and those of the written file, on random images. The written
    file takes uint8 (N, 28, 28) and returns float32 (N, classes), as ``model`` does; tflite takes one image at a time.
    The same model gives the same .onnx bytes, unless it has a GRU or a SimpleRNN that is not unrolled.
    Raises InputError, and writes nothing, if it cannot be converted, or the two differ by more than 1e-4.
    """
    if path.exists() and (path.is_dir() or form == "saved_model"):
        raise InputError(f"{path}: already exists; remove it or choose another path")
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / f"model{SUFFIXES[form]}"
        difference = _convert(model, written, form, task, str(path))
        if form == "saved_model":
            shutil.copytree(written, path)
        else:
            with replacing(path) as partial:
                shutil.copyfile(written, partial)
    return difference


def check(model: keras.Model, task: Task, key: str) -> None:
    """Raise InputError, which names the ``key``, if ``model`` cannot be exported for ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        _convert(keras.Model(model.inputs, model.outputs), Path(folder) / "model.onnx", "onnx", task, key)


def _convert(model: keras.Model, written: Path, form: str, task: Task, name: str) -> float:
    images = np.random.default_rng(0).integers(0, 256, (100, SIDE, SIDE), dtype=np.uint8)
    expected = model.predict(images, verbose=0)
    with warnings.catch_warnings(), writing(written):
        # Keras warns about the list that it wraps the only input in.
        warnings.simplefilter("ignore")
        try:
            if form == "tflite":
                # The converter prints each of its steps, and all that it tried before it failed.
                with contextlib.redirect_stdout(io.StringIO()), suppressed_stderr():
                    written.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
            else:
                kind = "tf_saved_model" if form == "saved_model" else form
                signature = [keras.InputSpec(shape=(None, SIDE, SIDE), dtype="uint8")]
                model.export(written, format=kind, verbose=False, input_signature=signature)
        except OSError:
            raise
        except Exception as error:  # The converters raise exceptions of their own.
            raise InputError(f"{name}: cannot be converted to {form} ({reason(error)}); use other layers") from None
    if form == "onnx":
        for node in onnx.load(written).graph.node:
            if not onnx.defs.has(node.op_type, node.domain):
                # TensorFlow adds a number to the name of each layer.
                layer = "/".join(re.sub(r"_\d+$", "", part) for part in node.name.split("/")[1:-1])
                raise InputError(f"{name}: ONNX has no {node.op_type}, as {layer} needs; use another layer")
        renumber(written)
        if task != DIGITS:
            named = onnx.load(written)
            onnx.helper.set_model_props(named, {runtime.SYMBOLS: task.model_dump_json()})
            onnx.save(named, written)
    difference = float(np.abs(open_exported(written, form)(images) - expected).max())
    if not difference <= TOLERANCE:
        raise InputError(
            f"{name}: the probabilities of the exported network differ by {difference:.2g}, more than {TOLERANCE:.0e}"
        )
    return difference


def open_exported(path: Path, form: str, threads: int | None = None) -> Infer:
    """Return a function that runs the exported file, from uint8 (N, 28, 28) to float32 (N, classes)."""
    if form == "saved_model":
        loaded = tf.saved_model.load(str(path))
        return lambda images: loaded.serve(tf.constant(images)).numpy()
    if form == "onnx":
        return runtime.load(path, threads or 0)[0]
    with warnings.catch_warnings(), suppressed_stderr():
        # TensorFlow announces that its interpreter will move to another package.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    (given,), (returned,) = interpreter.get_input_details(), interpreter.get_output_details()

    def infer(images: Images) -> NDArray[np.float32]:
        rows = []
        for image in images:
            interpreter.set_tensor(given["index"], image[np.newaxis])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(returned["index"])[0])
        return np.stack(rows)

    return infer
