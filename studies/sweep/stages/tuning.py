"""Ray Tune without its noise, going on where it was killed."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from digits.core.errors import InputError

# Before Ray is imported: Ctrl-C ends it; and what is finished is on disk within a second.
os.environ |= {
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1",
    # A trial that is stopped deletes its augmented copies before its process takes another.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",
}

try:
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch
except ImportError:
    raise InputError("Ray or Optuna is missing: pip install -r requirements-cluster.txt") from None

from cluster.connection import connected
from studies.sweep.stages.schema import Domain, Sweep

Values = dict[str, Any]
Measured = dict[str, float]
optuna.logging.set_verbosity(optuna.logging.ERROR)


def search(sweep: Sweep, first: Values, most: int) -> dict[str, Any]:
    """Return the options of ``run`` that search ``sweep.space``, after a ``first`` trial, all of ``most`` steps."""
    judge = {"metric": sweep.judge, "mode": "min" if sweep.judge == "loss" else "max"}
    space = {path: _distribution(domain) for path, domain in sweep.space.items()}
    searcher = OptunaSearch(space, points_to_evaluate=[first], seed=sweep.seed, **judge)
    asha = Asha(
        max_t=most, grace_period=min(sweep.grace_period, most), reduction_factor=sweep.reduction_factor, **judge
    )
    return {
        "search_alg": ConcurrencyLimiter(searcher, sweep.parallel),
        "scheduler": asha,
        "num_samples": sweep.trials,
    }


def _distribution(domain: Domain) -> Any:
    ((kind, values),) = domain.items()
    if kind == "choice":
        return CategoricalDistribution(values)
    return IntDistribution(*values) if kind == "integer" else FloatDistribution(*values, log=kind == "loguniform")


def run(
    steps: Callable[[Values], Iterator[Measured]],
    folder: Path,
    parallel: int,
    count: int,
    param_space: Values | None = None,
    **config: Any,
) -> list[dict[str, Any]]:
    """Run ``count`` trials, ``parallel`` at once, each yielding its measures from ``steps``, and return a row for each.

    Those that ended are kept in ``folder``, an absolute path, and not run again until it is deleted. ``param_space``
    and ``config`` are as for tune.Tuner and tune.TuneConfig. A row has the ``trial``'s number, its ``values``,
    ``steps`` done, ``seconds``, the last ``loss``, ``accuracy`` and ``errors``, and the ``error`` of one that failed.

    Raises InputError if what is kept in ``folder`` is damaged.
    """

    def trial(values: Values) -> None:
        history: list[Measured] = []
        for measured in steps(_rounded(values)):
            history.append(measured)
            tune.report(measured | {"history": history})

    restored = False
    try:
        with connected(None, num_cpus=parallel):
            if restored := tune.Tuner.can_restore(str(folder)):
                tuner = tune.Tuner.restore(str(folder), trial)
            else:
                shutil.rmtree(folder, ignore_errors=True)
                where = {"name": folder.name, "storage_path": str(folder.parent)}
                kept = tune.RunConfig(verbose=0, callbacks=[Progress()], **where)
                options = tune.TuneConfig(trial_dirname_creator=_number, reuse_actors=True, **config)
                tuner = tune.Tuner(trial, param_space=param_space, tune_config=options, run_config=kept)
            rows = [_row(result) for result in tuner.fit()]
        if len(rows) != count:
            raise ValueError(f"{len(rows)} of {count} trials")
    except Exception as error:  # A power cut, for example, may leave anything.
        if not restored or isinstance(error, InputError):
            raise
        raise InputError(f"{folder}: damaged ({type(error).__name__}); delete it to start again") from error
    return sorted(rows, key=lambda row: int(row["trial"]))


def _rounded(values: Values) -> Values:
    """Return ``values`` as people would write them."""
    return {path: float(f"{value:.4g}") if isinstance(value, float) else value for path, value in values.items()}


def _row(result: Any) -> dict[str, Any]:
    measured = result.metrics or {}
    return {
        "trial": int(Path(result.path).name),
        "values": _rounded(result.config),
        "steps": measured.get("training_iteration", 0),
        "seconds": round(measured.get("time_total_s", 0), 1),
        **{key: measured.get(key, "") for key in ("loss", "accuracy", "errors")},
        "error": str(result.error).strip().splitlines()[-1].split("InputError: ")[-1] if result.error else "",
    }


def _number(trial: Any) -> str:
    # What Tune calls it begins with this; its own numbers are random.
    return str(trial.experiment_tag).partition("_")[0]


class Asha(ASHAScheduler):  # type: ignore[misc]
    """ASHA that learns from the trials before an interruption too: Tune restores them, but not its scheduler."""

    def on_trial_add(self, controller: Any, trial: Any) -> None:
        super().on_trial_add(controller, trial)
        for number, measured in enumerate((trial.last_result or {}).get("history", []), 1):
            self.on_trial_result(controller, trial, {"training_iteration": number, **measured})


def summary(measured: Measured) -> str:
    """Return what a step measured as a phrase."""
    return f"loss {measured['loss']:.4f}, accuracy {measured['accuracy']:.2%}"


class Progress(tune.Callback):  # type: ignore[misc]
    """A line for each trial that ends."""

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        done = trial.last_result
        told = f"{summary(done)}, {done['training_iteration']} steps in {done['time_total_s']:.0f} s"
        self._say(trial, told)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._say(trial, "failed")

    def _say(self, trial: Any, told: str) -> None:
        values = ", ".join(f"{path.split('.')[-1]} {value}" for path, value in _rounded(trial.config).items())
        print(f"trial {_number(trial)} ({values}): {told}", file=sys.__stdout__, flush=True)
