"""Trials of a search, several at a time, in a file that processes on other machines may share.

Optuna draws the values and stops what does not look promising.
"""

import contextlib
import io
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import optuna
import psutil
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from digits.core import params
from digits.core.errors import InputError
from digits.core.params import Section, Seed
from studies.stages.entries import FILE

Values = dict[str, Any]
Measured = dict[str, Any]
Steps = Callable[[Values], Iterator[Measured]]
# They are the same for all trials: one that trains for longer, or had a luckier seed, is not better.
FIXED = ("train.seed", "train.epochs")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def _searchable(path: str) -> str:
    if path in FIXED or path.split(".")[0] not in ("augment", "train"):
        message = "should be a key of augment or train, but not {fixed}"
        raise PydanticCustomError("fixed", message, {"fixed": ", ".join(FIXED)})
    return path


def _possible(domain: dict[str, list[Any]]) -> dict[str, list[Any]]:
    ((kind, values),) = domain.items()
    ends = [value for value in values if isinstance(value, int if kind == "integer" else int | float)]
    rising = len(ends) == len(values) == 2 and ends[0] < ends[1] and bool not in map(type, ends)
    if kind != "choice" and not (rising and (kind != "loguniform" or ends[0] > 0)):
        message = "should be two {kind}, the smaller one first"
        kinds = {"integer": "integers", "loguniform": "numbers above 0"}
        raise PydanticCustomError("range", message, {"kind": kinds.get(kind, "numbers")})
    return domain


def _several(folds: int) -> int:
    if folds == 1:
        raise PydanticCustomError("folds", "should be 0, or 2 or more")
    return folds


Domain = Annotated[
    dict[
        Literal["uniform", "loguniform", "integer", "choice"],
        Annotated[list[bool | int | float | str], Field(min_length=2)],
    ],
    Field(min_length=1, max_length=1),
    AfterValidator(_possible),
]


class Search(Section):
    """A search among the values of ``space``, which starts with those of ``recipe``."""

    recipe: str
    space: Annotated[dict[Annotated[str, AfterValidator(_searchable)], Domain], Field(min_length=1)]
    judge: Literal["loss", "accuracy"]
    folds: Annotated[int, Field(ge=0, le=20), AfterValidator(_several)]
    trials: Annotated[int, Field(ge=1, le=10_000)]
    grace_period: Annotated[int, Field(ge=1)]
    reduction_factor: Annotated[int, Field(ge=2)]
    parallel: Annotated[int, Field(ge=1, le=256)]
    seed: Seed


class Content(BaseModel):
    """What the search reads of studies/params.yaml."""

    search: Search


def load() -> Search:
    """Return the section search of studies/params.yaml. Raises InputError if it has an impossible value."""
    return params.check(params.read(FILE), FILE, Content).search


def run(file: Path, search: Search, most: int, fixed: Sequence[Values], steps: Steps) -> list[dict[str, Any]]:
    """Run as many trials as there are ``fixed`` values, ``search.parallel`` at once, and return a row for each.

    fixed: what is not drawn from ``search.space``, for each trial; all values of the first trial of a search
    steps: yields loss, accuracy and errors after each of ``most`` steps with the values; it can be pickled
    A row has the ``trial``'s number, its ``values``, ``steps`` done, ``seconds``, the last ``loss``, ``accuracy`` and
    ``errors``, the ``error`` of one that failed, and whether it ``ended`` after all steps.

    Trials that ended, in this process or in others with the same ``file``, are not run again. Those of a killed process
    are, when a process on its machine starts.
    Raises InputError if ``file`` is damaged.
    """
    # Each trial has one thread; and the first process would claim all memory of a GPU.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = _study(file, search, most)
        running = study.get_trials(states=(TrialState.RUNNING,))
    except (ValueError, KeyError) as error:  # A power cut, for example, may leave half a line.
        raise InputError(f"{file}: damaged ({error}); delete it to start again") from None
    if any("process" not in trial.user_attrs for trial in running):
        time.sleep(1)  # A process that has just taken a trial writes its name next.
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if _has_ended(trial.user_attrs.get("process")):
            study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
    try:
        with ProcessPoolExecutor(search.parallel, get_context("spawn")) as pool:
            workers = [pool.submit(_work, file, search, most, fixed, steps) for _ in range(search.parallel)]
            for worker in workers:
                worker.result()
    except BrokenProcessPool:
        raise InputError("a trial's process was killed, perhaps for lack of memory; lower search.parallel") from None
    while elsewhere := [trial for trial in study.trials[: len(fixed)] if not trial.state.is_finished()]:
        names = ", ".join(f"{trial.number + 1} ({trial.user_attrs.get('process')})" for trial in elsewhere)
        print(f"waiting for trials of other processes: {names}; to start all again, delete {file}", flush=True)
        time.sleep(10)
    return [_row(trial) for trial in study.trials[: len(fixed)]]


def _study(file: Path, search: Search, most: int) -> optuna.Study:
    backend = JournalFileBackend(str(file), JournalFileOpenLock(str(file), grace_period=10))
    return optuna.create_study(
        study_name="search",
        storage=JournalStorage(backend),
        load_if_exists=True,
        direction="minimize" if search.judge == "loss" else "maximize",
        pruner=optuna.pruners.SuccessiveHalvingPruner(min(search.grace_period, most), search.reduction_factor),
    )


def _process() -> str:
    """Return what tells this process from all others, also from a later one with the same number."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def _has_ended(process: str | None) -> bool:
    """Return whether ``process``, as ``_process`` named it, has ended. One on another machine is taken to run."""
    if process is None:
        return True
    host, number, created = process.split()
    if host != socket.gethostname():
        return False
    try:
        known = psutil.Process(int(number))
        # A killed process may stay a zombie, and its number may be given to another one.
        return bool(known.status() == psutil.STATUS_ZOMBIE or abs(known.create_time() - float(created)) > 5)
    except psutil.NoSuchProcess:
        return True


def _work(file: Path, search: Search, most: int, fixed: Sequence[Values], steps: Steps) -> None:
    """Run trials as long as there are any."""
    # Optuna's, that PartialFixedSampler may change, and that a step repeated after a kill was reported before.
    warnings.simplefilter("ignore")
    study, process = _study(file, search, most), _process()
    while (trial := study.ask()).number < len(fixed):
        trial.set_user_attr("process", process)
        # What is drawn depends on the trials before alone, so that a search goes on after a kill as it would have.
        seed = int(np.random.default_rng([search.seed, trial.number]).integers(2**32))
        study.sampler = PartialFixedSampler(fixed[trial.number], TPESampler(seed=seed))
        values = _rounded({path: _suggest(trial, path, domain) for path, domain in search.space.items()})
        start, step, state, measured = time.perf_counter(), 0, TrialState.COMPLETE, Measured()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                for step, measured in enumerate(steps(values), 1):
                    trial.report(measured[search.judge], step)
                    if step < most and trial.should_prune():
                        state = TrialState.PRUNED
                        break
            outcome = f"{summary(measured)}, {step} steps"
        except Exception as error:  # Whatever is wrong with these values, others may be better.
            state, reason = TrialState.FAIL, str(error) if isinstance(error, InputError) else repr(error)
            outcome = " ".join(reason.split())[:300]
            trial.set_user_attr("error", outcome)
        seconds = round(time.perf_counter() - start, 1)
        trial.set_user_attr("measured", measured | {"steps": step, "seconds": seconds})
        study.tell(trial, measured[search.judge] if state == TrialState.COMPLETE else None, state)
        described = ", ".join(f"{path.split('.')[-1]} {value}" for path, value in values.items())
        print(f"trial {trial.number + 1} ({described}): {outcome} in {seconds:.0f} s", flush=True)
    study.tell(trial, state=TrialState.FAIL)


def _suggest(trial: optuna.Trial, path: str, domain: Mapping[Any, Sequence[Any]]) -> Any:
    ((kind, values),) = domain.items()
    match kind:
        case "choice":
            return trial.suggest_categorical(path, values)
        case "integer":
            return trial.suggest_int(path, *values)
    return trial.suggest_float(path, *values, log=kind == "loguniform")


def _rounded(values: Values) -> Values:
    """Return ``values`` as people would write them."""
    return {path: float(f"{value:.4g}") if isinstance(value, float) else value for path, value in values.items()}


def _row(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "trial": trial.number + 1,
        "values": _rounded(trial.params),
        **dict.fromkeys(("loss", "accuracy", "errors"), ""),
        **trial.user_attrs["measured"],
        "error": trial.user_attrs.get("error", ""),
        "ended": trial.state == TrialState.COMPLETE,
    }


def summary(measured: Measured) -> str:
    """Return what a step measured as a phrase."""
    return f"loss {measured['loss']:.4f}, accuracy {measured['accuracy']:.2%}"
