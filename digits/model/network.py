"""Keras objects from the names and arguments in params.yaml; networks are saved and loaded."""

import difflib
import inspect
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.core.errors import InputError
from digits.core.files import again, command, replacing, writing
from digits.core.store import SIDE
from digits.core.task import DIGITS, Task
from digits.model.backend import keras, tf

Spec = Mapping[str, Mapping[str, Any]]


def build(layers: Sequence[Spec], classes: int = len(DIGITS.classes)) -> keras.Model:
    """Build a model from ``layers``: uint8 (N, 28, 28) in, probabilities float32 (N, classes) out.

    Scaling to 0...1 is its first layer, so nobody who uses the model can scale differently.
    Raises InputError for an unknown layer or argument, or if the output is not a probability for each of the
    ``classes``.
    """
    keys = [f"train.network[{number}]" for number in range(len(layers))]
    made = [_make(keras.layers, keras.Layer, spec, key) for key, spec in zip(keys, layers, strict=True)]
    inputs = keras.Input((SIDE, SIDE), dtype="uint8")
    outputs = keras.layers.Rescaling(1 / 255)(inputs)
    outputs = keras.layers.Reshape((SIDE, SIDE, 1))(outputs)
    for key, layer in zip(keys, made, strict=True):
        with _one_line(f"{key}: {type(layer).__name__} does not fit"):
            outputs = layer(outputs)
    with _one_line("train.network"):
        model = keras.Model(inputs, outputs)
        probabilities = keras.ops.convert_to_numpy(model(np.zeros((1, SIDE, SIDE), np.uint8), training=False))
    valid = probabilities.shape == (1, classes) and np.isclose(probabilities.sum(), 1, atol=1e-3)
    if not valid or (probabilities < 0).any():
        raise InputError(
            f"train.network: its output {outputs.shape} is not a probability for each of the {classes} classes; "
            f"end it with Dense: {{units: {classes}, activation: softmax}}"
        )
    return model


def compile_model(model: keras.Model, optimizer: Spec, loss: Spec, steps: int) -> None:
    """Compile ``model`` with the optimiser and the loss of params.yaml for this number of training ``steps``.

    Raises InputError for an unknown name or argument, or if a first step, tried on a copy of the model, fails.
    """
    copy = keras.models.clone_model(keras.Model(model.input, model.output))
    for either, eagerly in ((copy, True), (model, False)):
        with _one_line("train.optimizer or train.loss"):
            either.compile(make_optimizer(optimizer, steps), make_loss(loss), metrics=["accuracy"], run_eagerly=eagerly)
    with _one_line("train.optimizer or train.loss: a first step fails"):
        labels = np.eye(*model.output_shape[1:], dtype=np.float32)[:2]
        copy.train_on_batch(np.zeros((2, SIDE, SIDE), np.uint8), labels)
    if not tf.distribute.has_strategy():
        # Otherwise the first step would make the metrics' variables, and be traced twice, which takes as long again.
        model.compute_metrics(None, labels, labels)
        model.reset_metrics()


def output_layer(model: keras.Model) -> keras.layers.Dense:
    """Return the layer that outputs the probabilities. Raises InputError if it is not Dense with softmax."""
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense) or last.activation is not keras.activations.softmax:
        raise InputError(
            "train.calibrate: the network should end with Dense: {units: …, activation: softmax}; "
            "change that or set calibrate to false"
        )
    return last


def predict(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probabilities, (N, classes), of ``images``, (N, 28, 28)."""
    probabilities: NDArray[np.float32] = model.predict(images, batch_size=1000, verbose=0)
    return probabilities


def scale_logits(model: keras.Model, temperature: float) -> None:
    """Divide the logits of ``model``, whose last layer is dense, by ``temperature``; the predictions stay the same.

    The weights are scaled, so that everyone who uses or exports the model gets the calibrated probabilities.
    """
    for variable in output_layer(model).weights:
        variable.assign(variable / temperature)


def make_optimizer(spec: Spec, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimiser ``spec``. Percentages in its learning-rate schedule are resolved to that share of ``steps``.

    So is an ``ema_momentum`` given as a percentage: the average of the weights then spans that many steps.
    Raises InputError for an unknown name or argument.
    """
    ((name, arguments),) = spec.items()
    key = "train.optimizer"
    rate = arguments.get("learning_rate")
    if isinstance(rate, dict):
        if len(rate) != 1 or not isinstance(next(iter(rate.values())), dict):
            raise InputError(f"{key}.{name}.learning_rate: should be a number or one schedule, not {rate}")
        ((schedule, options),) = rate.items()
        where = f"{key}.{name}.learning_rate"
        options = {
            option: _steps(value, steps, f"{where}.{schedule}.{option}")
            if option.endswith("steps") or option == "boundaries"
            else value
            for option, value in options.items()
        }
        schedules = keras.optimizers.schedules
        rate = _make(schedules, schedules.LearningRateSchedule, {schedule: options}, where)
        arguments = {**arguments, "learning_rate": rate}
    if isinstance(momentum := arguments.get("ema_momentum"), str):
        span = _steps(momentum, steps, f"{key}.{name}.ema_momentum")
        if isinstance(span, int):
            arguments = {**arguments, "ema_momentum": 1 - 1 / span}
    return _make(keras.optimizers, keras.optimizers.Optimizer, {name: arguments}, key)


def _steps(value: Any, steps: int, key: str) -> Any:
    if isinstance(value, list):
        return [_steps(part, steps, key) for part in value]
    if not isinstance(value, str) or not value.endswith("%"):
        return value
    try:
        part = float(value[:-1]) / 100
    except ValueError:
        part = -1
    if not 0 <= part <= 1:
        raise InputError(f"{key}: {value!r}: should be a number of steps, or a percentage of all steps from 0% to 100%")
    return max(1, round(part * steps))


def make_loss(spec: Spec) -> keras.losses.Loss:
    """Return the loss that ``spec`` names, which compares probabilities (N, classes) with one-hot labels.

    Raises InputError for an unknown name or argument.
    """
    return _make(keras.losses, keras.losses.Loss, spec, "train.loss")


def _make(module: ModuleType, base: type, spec: Spec, key: str) -> Any:
    ((name, arguments),) = spec.items()
    classes = {
        known: member for known, member in vars(module).items() if inspect.isclass(member) and issubclass(member, base)
    }
    if name not in classes:
        raise InputError(f"{key}: Keras has no {base.__name__} {name!r}{_hint(name, classes)}")
    try:
        return classes[name](**arguments)
    except Exception as error:
        accepted = {
            parameter
            for ancestor in classes[name].__mro__
            if "__init__" in vars(ancestor)
            for parameter in inspect.signature(vars(ancestor)["__init__"]).parameters
        }
        for argument in arguments:
            if argument not in accepted:
                raise InputError(f"{key}: {name} has no argument {argument!r}{_hint(argument, accepted)}") from None
        raise InputError(f"{key}: {name}: {reason(error)}") from None


def _hint(name: str, known: Iterable[str]) -> str:
    spellings = {other.lower(): other for other in known}
    similar = difflib.get_close_matches(name.lower(), spellings, n=1)
    return f"; did you mean {spellings[similar[0]]}?" if similar else ""


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turn any exception from Keras into an InputError of one line that begins with ``what``."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what}: {reason(error)}") from None


def reason(error: Exception) -> str:
    """Return the line of Keras's message that says why; the line before it names Keras's own method, both coloured."""
    lines = re.sub(r"\x1b\[\d+m", "", str(error)).splitlines()
    reasons = [line.strip() for line in lines if line.strip() and not line.startswith("Exception encountered")]
    return reasons[0] if reasons else type(error).__name__


def list_layers(model: keras.Model) -> list[dict[str, Any]]:
    """Return a row for each layer of ``model``: its class, details, output's shape and number of parameters."""
    return [
        {
            "layer": type(layer).__name__,
            "details": _details(layer),
            "output": ", ".join("×".join(map(str, output.shape[1:])) for output in keras.tree.flatten(layer.output)),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    ]


def _details(layer: keras.layers.Layer) -> str:
    """Return what the shape of its output does not say about ``layer``, such as 3×3, stride 2, relu."""
    settings = vars(layer)
    details = []
    if window := settings.get("kernel_size") or settings.get("pool_size"):
        details.append("×".join(map(str, window)))
        stride = max(layer.strides)
        details += [f"stride {stride}"] if stride > 1 else []
    if "rate" in settings:
        details.append(f"rate {layer.rate:g}")
    activation = settings.get("activation", keras.activations.linear)
    if activation is not keras.activations.linear:
        details.append(getattr(activation, "__name__", type(activation).__name__))
    return ", ".join(details)


def save(model: keras.Model, path: Path, task: Task = DIGITS) -> None:
    """Write ``model``, without its optimiser, and its ``task``, as a .keras archive.

    The same model gives the same bytes: the dates and memory addresses that Keras writes are removed.
    """
    # Keras numbers the models of a process; a fixed name keeps the bytes the same.
    bare = keras.Model(model.inputs, model.outputs, name="digits")
    numbers: dict[bytes, bytes] = {}

    def number(address: re.Match[bytes]) -> bytes:
        return numbers.setdefault(address[0], str(len(numbers)).encode())

    with tempfile.TemporaryDirectory() as folder, replacing(path) as partial:
        dated = Path(folder) / "model.keras"
        try:
            with writing(dated):
                bare.save(dated)
        except ValueError as error:  # A ZIP archive cannot be dated 1970, at which a clock without a battery starts.
            raise InputError(f"{path}: cannot be written ({error}); is the clock right?") from None
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(partial, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    # Archives of networks for digits are such as Keras itself writes.
                    more = {} if task == DIGITS else {"symbols": task.model_dump()}
                    content = json.dumps({**json.loads(content), "date_saved": "1980-01-01", **more}).encode()
                if name == "config.json":
                    content = re.sub(rb'(?<="shared_object_id": )\d+', number, content)
                target.writestr(zipfile.ZipInfo(name), content)


def load(path: Path) -> tuple[keras.Model, Task]:
    """Read a model that ``save`` wrote, and its task.

    Raises InputError if the file is missing, damaged or another kind of model.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; make it with: {command('train', path)}")
    try:
        with zipfile.ZipFile(path) as archive:
            symbols = json.loads(archive.read("metadata.json")).get("symbols")
        task = Task.parse(json.dumps(symbols)) if symbols else DIGITS
        # In safe mode, no code in a model from elsewhere is run.
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        shapes = model.input_shape, model.output_shape
    except Exception as error:  # Keras raises anything from KeyError to BadZipFile.
        raise InputError(f"{path}: not a Keras model ({reason(error)}); {again('train', path)}") from None
    count = len(task.classes)
    if shapes != ((None, SIDE, SIDE), (None, count)):
        raise InputError(
            f"{path}: takes {shapes[0]} and returns {shapes[1]}, not 28x28 and {count} probabilities; "
            f"{again('train', path)}"
        )
    return model, task
