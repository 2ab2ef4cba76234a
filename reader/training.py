"""Train a network step by step, resumably, and write it for ONNX Runtime."""

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quant_pre_process, quantize_static
from pydantic import Field

from digits.core.errors import InputError
from digits.core.files import replacing
from digits.core.params import Batches, KerasObject, Seed
from digits.model import checkpoint
from digits.model.backend import keras, tf
from digits.model.checkpoint import Checkpoint, History
from digits.model.network import make_optimizer
from digits.model.virtual_batches import divide
from digits.onnx.renumbering import renumber
from reader.data import PARAMS

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]
Channels = Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=5, max_length=5)]


class Training(Batches):
    """What both networks are trained with."""

    seed: Seed
    steps: Annotated[int, Field(ge=10, le=1_000_000)]
    calibration_batches: Annotated[int, Field(ge=1, le=1000)]
    optimizer: KerasObject


def fit(model: keras.Model, loss: Any, batch: Callable[[int], Batch], section: Training, name: str, data: Path) -> Path:
    """Train ``model`` on ``batch(0)``, ``batch(1)`` and so on, ``section.steps`` times, rounded up to tens.

    The state is saved after each tenth of the steps, in the file that is returned: a training that was stopped goes on
    from there, to the same weights, if the section, the code and the file ``data`` are the same. The loss goes to
    reader/plots/``name``.csv.

    Raises InputError if the optimiser is impossible, or the loss is no longer finite.
    """
    tenth = -(-section.steps // 10)
    model = divide(model, section.parts)
    try:
        model.compile(make_optimizer(section.optimizer, 10 * tenth), loss)
    except InputError as error:
        raise InputError(str(error).replace("train.", f"{PARAMS}: {name}.", 1)) from None
    model.optimizer.build(model.trainable_variables)
    file = checkpoint.path(section.model_dump(), [data], ["digits", "reader"])
    history = History(Path(f"reader/plots/{name}.csv"), f"{PARAMS}: {name}", ["tenth", "loss"])
    state = Checkpoint(file, history)
    first = state.restore(model)
    specs = tuple(tf.TensorSpec(array.shape, array.dtype) for array in batch(0))
    steps = range(first * tenth, 10 * tenth)
    model.fit(
        tf.data.Dataset.from_generator(lambda: map(batch, steps), output_signature=specs).prefetch(8),
        initial_epoch=first,
        epochs=10,
        steps_per_epoch=tenth,
        shuffle=False,
        callbacks=[history, state],
        # A progress bar for people, a line per tenth for logs.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return file


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
    # doc_string and value_info contain counters of this process, which are lower after a resumed training.
    network.graph.doc_string = ""
    del network.graph.value_info[:]
    for value in (*network.graph.input, *network.graph.output):
        for side in value.type.tensor_type.shape.dim:
            side.ClearField("dim_param")
    with replacing(path) as partial:
        partial.write_bytes(network.SerializeToString())
