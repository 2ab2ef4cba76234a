"""Train a network step by step, resumably, and write it for ONNX Runtime."""

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quant_pre_process, quantize_static

from digits.core.errors import InputError
from digits.core.files import replacing, write_table
from digits.model import checkpoint
from digits.model.backend import keras, tf
from digits.model.export import renumber
from digits.model.network import divide, make_optimizer
from reader.sections import FILE, Trained

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def fit(
    model: keras.Model,
    loss: Any,
    batch: Callable[[int], Batch],
    section: Trained,
    folder: Path,
    name: str,
    data: Path,
) -> Path:
    """Train ``model`` on ``batch(0)``, ``batch(1)`` and so on, ``section.steps`` times, rounded up to tens.

    The state is kept after each tenth of the steps, in the file that is returned: a training that was stopped goes on
    from there, to the same weights, if the section, the code and the file ``data`` are the same. The loss goes to
    plots/``name``.csv in ``folder``.
    """
    each = -(-section.steps // 10)
    model = divide(model, min(section.threads, section.batch_size))
    try:
        model.compile(make_optimizer(section.optimizer, 10 * each), loss)
    except InputError as error:
        raise InputError(str(error).replace("train.", f"{FILE}: {name}.", 1)) from None
    model.optimizer.build(model.trainable_variables)
    file = checkpoint.path(section.model_dump(), [data], ["digits", "reader"])
    checkpoint.tidy(file.parent)
    state = _State(file, folder / "plots" / f"{name}.csv")
    state.set_model(model)
    first = state.restore()
    specs = tuple(tf.TensorSpec(array.shape, array.dtype) for array in batch(0))
    steps = range(first * each, 10 * each)
    model.fit(
        tf.data.Dataset.from_generator(lambda: map(batch, steps), output_signature=specs).prefetch(8),
        initial_epoch=first,
        epochs=10,
        steps_per_epoch=each,
        shuffle=False,
        callbacks=[state],
        # A progress bar for people, a line per tenth for logs.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return state.file


class _State(keras.callbacks.Callback):  # type: ignore[misc]
    """Everything that the next tenth of a training depends on, in one file that is complete or absent.

    keras.callbacks.BackupAndRestore writes two, and a process may be killed between them.
    """

    def __init__(self, file: Path, curve: Path) -> None:
        super().__init__()
        self.file, self.curve, self.rows = file, curve, list[dict[str, float]]()

    def restore(self) -> int:
        """Load the state, if there is one, and return the number of finished tenths."""
        saved = checkpoint.load(self.file, "values")
        if not saved:
            return 0
        self.rows, (values,) = saved
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)
        print(f"resuming after {len(self.rows)} tenths")
        return len(self.rows)

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        if not np.isfinite(logs["loss"]):
            key = f"{FILE}: {self.curve.stem}.optimizer"
            raise InputError(f"{key}: the loss is {logs['loss']} in tenth {epoch + 1}; lower its learning rate")
        self.rows.append({"tenth": epoch + 1, **{name: float(value) for name, value in logs.items()}})
        checkpoint.save(self.file, self.rows, values=[variable.numpy() for variable in self._variables()])

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        write_table(self.curve, self.rows)


class Examples(CalibrationDataReader):  # type: ignore[misc]
    """Feeds ``batches`` to the input ``name`` of a network, for ONNX Runtime to see the ranges of its values."""

    def __init__(self, name: str, batches: Iterable[NDArray[Any]]) -> None:
        self.feeds = ({name: batch} for batch in batches)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self.feeds, None)


def export(
    model: keras.Model, path: Path, shape: tuple[int | None, ...], examples: Iterable[NDArray[np.float32]]
) -> None:
    """Write ``model``, which takes float32 of this ``shape``, as an ONNX file that computes with 8-bit integers.

    Batches of ``examples`` tell which range each layer's output needs (B. Jacob et al., "Quantization and training of
    neural networks for efficient integer-arithmetic-only inference", 2018). The same model gives the same bytes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        written, quantized = Path(temporary) / "model.onnx", Path(temporary) / "quantized.onnx"
        model.export(written, format="onnx", verbose=False, input_signature=[keras.InputSpec("float32", shape)])
        renumber(written)
        graph = onnx.load(written).graph
        last = max(number for number, node in enumerate(graph.node) if node.op_type in ("Conv", "MatMul"))
        quant_pre_process(written, written, skip_optimization=True, skip_symbolic_shape=True)
        quantize_static(
            written,
            quantized,
            Examples(graph.input[0].name, examples),
            op_types_to_quantize=["Conv", "Relu", "MaxPool", "Concat", "Tile", "Transpose", "Reshape"],
            # The last layer's output is too wide for 8 bits: it has probabilities beside sizes in pixels.
            nodes_to_exclude=[node.name for node in graph.node[last:]],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Processors without VNNI would saturate at 8 bits.
            reduce_range=True,
        )
        network = onnx.load(quantized)
    # Both have counters of what this process did before, which is less if the training was resumed.
    network.graph.doc_string = ""
    del network.graph.value_info[:]
    for value in (*network.graph.input, *network.graph.output):
        for side in value.type.tensor_type.shape.dim:
            side.ClearField("dim_param")
    with replacing(path) as partial:
        partial.write_bytes(network.SerializeToString())
