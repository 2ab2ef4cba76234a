"""Search for better parameters of a recipe."""

import shutil
from pathlib import Path

import yaml

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import write_table, write_text
from digits.core.job import run_stage
from studies.sweep.stages import recipes, trial
from studies.sweep.stages.schema import SweepParams


def main(params: SweepParams, processed: Path, folder: Path) -> None:
    from studies.sweep.stages import tuning

    sweep, content = params.sweep, recipes.start(params.sweep)
    classes = len(store.load(processed / "train.npz", "preprocess").symbols.classes)
    own = recipes.own_values(content, sweep, folder / "params.yaml", classes)
    places = recipes.folders(sweep, processed, folder / "data")
    kept = recipes.kept({**content, "sweep": sweep.model_dump()}, places)
    most = sweep.folds or content["train"]["epochs"]
    rows = tuning.run(
        lambda values: trial.steps(recipes.replaced(content, values), places),
        kept,
        sweep.parallel,
        sweep.trials,
        **tuning.search(sweep, own, most),
    )
    ended = [row for row in rows if not row["error"] and row["steps"] == most]
    if not ended:
        raise InputError(f"no trial was trained to its end; trial {rows[0]['trial']}: {rows[0]['error']}")
    best = (min if sweep.judge == "loss" else max)(ended, key=lambda row: float(row[sweep.judge]))
    for row in rows:
        row["outcome"] = row["error"] or ("best" if row is best else "ended" if row in ended else "stopped")
    columns = ("steps", "seconds", "loss", "accuracy", "outcome")
    table = [{"trial": row["trial"], **row["values"], **{key: row[key] for key in columns}} for row in rows]
    write_table(folder / "trials.tsv", table)
    found = recipes.replaced(content, best["values"]).model_dump(include={"augment", "train", "evaluate"})
    write_text(folder / "best.yaml", yaml.safe_dump({"best": found}, sort_keys=False))
    shutil.rmtree(kept)
    print(f"best: trial {best['trial']}, {tuning.summary(best)}")


if __name__ == "__main__":
    run_stage(main)
