"""A trial: a recipe, trained as the stages do it, and measured as it goes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from digits.core import store
from digits.core.params import Params
from digits.data.augmentation import is_identity
from digits.model import backend, network, training
from stages import augment

Measured = dict[str, float]


def steps(params: Params, folders: list[Path]) -> Iterator[Measured]:
    """Yield the measures after each epoch; if there are several ``folders``, their means so far after each of them."""
    if len(folders) == 1:
        yield from epochs(params, folders[0])
        return
    done: list[Measured] = []
    for folder in folders:
        *_, last = epochs(params, folder)
        done.append(last)
        yield {key: mean(each[key] for each in done) for key in last}


def epochs(params: Params, folder: Path) -> Iterator[Measured]:
    """Train on ``folder``/train.npz and yield loss, accuracy and errors on ``folder``/validation.npz after each epoch,
    with one thread, which computes one part of a batch after another. The last ones are those of stages.train, to the
    bit."""
    section = params.train
    validation = store.load(folder / "validation.npz", "preprocess")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as made:
        passes = [folder / "train.npz"]
        if not is_identity(params.augment):
            numbers = range(min(params.augment.passes, section.epochs))
            for number in numbers:
                augment.write_pass(params.augment, passes[0], Path(made), number)
            passes = [Path(made, f"{number:02d}.npz") for number in numbers]
        count = training.count_images(passes)
        # The process may have trained another trial before.
        backend.keras.utils.clear_session()
        backend.use(1)
        training.make_deterministic(section.seed)
        model = network.build(section.network, section.batch_size, len(validation.symbols.classes))
        model = network.divide(model, training.parts(count, section.batch_size, section.threads))
        network.compile_model(model, section.optimizer, section.loss, section.epochs * -(-count // section.batch_size))
        for epoch in range(1, section.epochs + 1):
            # It goes on from its checkpoint of the epoch before, so the bits are those of one call.
            training.train(
                model,
                passes,
                validation,
                count=count,
                epochs=epoch,
                batch_size=section.batch_size,
                seed=section.seed,
                keep=section.keep,
                curves=Path(made, "training.tsv"),
                state=Path(made, "state.npz"),
            )
            _, measured = network.measure(model, validation, section.calibrate)
            yield {key: measured[key] for key in ("loss", "accuracy", "errors")}
