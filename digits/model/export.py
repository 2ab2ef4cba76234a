"""Models in the formats of other runtimes, each checked by running it."""

import contextlib
import io
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import replacing, writing
from digits.core.store import SIDE
from digits.core.symbols import DIGITS, Symbols
from digits.model import runtime
from digits.model.backend import keras, suppressed_stderr, tf
from digits.model.runtime import Images, Infer

# The largest difference allowed between a probability of the model and of the exported file.
TOLERANCE = 1e-4


def export(model: keras.Model, path: Path, form: str, symbols: Symbols = DIGITS) -> float:
    """Write ``model``, which tells ``symbols`` apart, as ``onnx``, ``tflite`` or ``saved_model`` (a folder).

    Return the largest difference between its probabilities and those of the written file, on random images. The written
    file takes uint8 (N, 28, 28) and returns float32 (N, classes), as ``model`` does; tflite takes one image at a time.
    The same model gives the same .onnx bytes, unless it has a GRU or a SimpleRNN that is not unrolled.
    Raises InputError, and writes nothing, if the two differ by more than 1e-4.
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
        with writing(written):
            if form == "tflite":
                written.write_bytes(_tflite(model))
            else:
                signature = [keras.InputSpec(shape=(None, SIDE, SIDE), dtype="uint8")]
                model.export(written, input_signature=signature, **options)
            if form == "onnx":
                renumber(written)
                if symbols != DIGITS:
                    named = onnx.load(written)
                    onnx.helper.set_model_props(named, {runtime.SYMBOLS: symbols.model_dump_json()})
                    onnx.save(named, written)
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


def renumber(path: Path) -> None:
    """Rename the values of an ONNX file in the order of their use; tf2onnx numbers them differently in each run.

    What else it numbers, unknown sizes and the function it began with, loses its name.
    """
    model = onnx.load(path)
    model.graph.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        for side in value.type.tensor_type.shape.dim:
            if side.dim_param:
                side.ClearField("dim_param")
    _rename(model.graph, {value.name: value.name for value in (*model.graph.input, *model.graph.output)})
    onnx.save(model, path)


def _rename(graph: Any, names: dict[str, str]) -> None:
    for value in (*graph.input, *graph.output):
        value.name = names.setdefault(value.name, f"value_{len(names)}")
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        for values in (node.input, node.output):
            values[:] = [name and names.setdefault(name, f"value_{len(names)}") for name in values]
        for attribute in node.attribute:
            # The body of a loop uses values from outside. tf2onnx does not always give it the same nodes.
            if attribute.HasField("g"):
                _rename(attribute.g, names)
    weights = sorted(graph.initializer, key=lambda weight: names[weight.name])
    for weight in weights:
        weight.name = names[weight.name]
    del graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(weights)


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
    (given,), (taken,) = interpreter.get_input_details(), interpreter.get_output_details()

    def infer(images: Images) -> NDArray[np.float32]:
        rows = []
        for image in images:
            interpreter.set_tensor(given["index"], image[np.newaxis])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(taken["index"])[0])
        return np.stack(rows)

    return infer
