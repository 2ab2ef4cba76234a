"""The recipe that a sweep starts from, with other values, and the images it is trained and measured on."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from digits.core import params, store
from digits.core.errors import InputError
from digits.core.params import Params
from digits.model import checkpoint, network
from studies.folds.stages import fold
from studies.folds.stages.schema import Folds
from studies.sweep.stages.schema import Sweep, keys

Content = dict[str, Any]


def start(sweep: Sweep) -> Content:
    """Return all sections of the recipe that the sweep starts from. Raises InputError as ``params.load`` does."""
    return params.load(recipe=f"{sweep.recipe.file}:{sweep.recipe.name}").model_dump()


def replaced(content: Content, values: Mapping[str, Any]) -> Params:
    """Return ``content``, checked, with ``values`` at their paths. Raises InputError if one of them is impossible."""
    made = deepcopy(content)
    for path, value in values.items():
        *parents, last = keys(path)
        _at(made, parents)[last] = value
    return params.check(made, Path("params.yaml"), Params)


def own_values(content: Content, sweep: Sweep, file: Path, classes: int) -> dict[str, Any]:
    """Return the values that ``content`` has for all of ``sweep.space``, which was read from ``file``.

    Raises InputError, one line that names the key, if it has none or another than those to try, or if an end of a range
    or a choice is impossible in a network for so many ``classes``.
    """
    own: Content = {}
    name = sweep.recipe.name
    for path, domain in sweep.space.items():
        key = f"{file}: sweep.space.{path}"
        ((kind, values),) = domain.items()
        try:
            own[path] = _at(content, keys(path))
        except (KeyError, IndexError, TypeError):
            raise InputError(f"{key}: {name} has no such key; correct it, or add it to {sweep.recipe.file}") from None
        number = kind != "choice" and isinstance(own[path], int | float)
        if not (values[0] <= own[path] <= values[1] if number else own[path] in values):
            raise InputError(f"{key}.{kind}: {values}: should include {own[path]!r}, with which {name} starts")
        for value in values:
            try:
                train = replaced(content, {path: float(value) if kind.endswith("uniform") else value}).train
                network.build(train.network, train.batch_size, classes)
                network.make_optimizer(train.optimizer, 1000)
                network.make_loss(train.loss)
            except InputError as error:
                raise InputError(f"{key}.{kind}: {value!r}: {error}") from None
    return own


def _at(content: Any, keys: Sequence[str | int]) -> Any:
    for key in keys:
        content = content[key]
    return content


def folders(sweep: Sweep, processed: Path, made: Path) -> list[Path]:
    """Return the folders whose train.npz a trial trains on, and whose validation.npz it is measured on: ``processed``,
    or in ``made`` the folds of its training set."""
    if not sweep.folds:
        return [processed.resolve()]
    train, found = store.load(processed / "train.npz", "preprocess"), []
    folds = Folds(seed=sweep.seed, numbers=[*range(sweep.folds)])
    for number, parts in enumerate(fold.split(train, folds, "sweep.folds")):
        found.append(made.resolve() / str(number))
        for name, indices in zip(("train", "validation"), parts, strict=True):
            store.save(found[-1] / f"{name}.npz", train.part(indices))
    return found


def kept(content: Content, places: list[Path]) -> Path:
    """Return where to keep finished trials: the same folder if they would be the same."""
    inputs = [place / f"{part}.npz" for place in places for part in ("train", "validation")]
    return checkpoint.path(content, inputs, ["digits", "stages", "studies"]).with_suffix("").resolve()
