"""Compare the best recipe with the one that the sweep started from: the best of many trials was also lucky."""

import shutil
from pathlib import Path
from statistics import mean, stdev

from digits.core import params as parameters
from digits.core import store
from digits.core.errors import InputError
from digits.core.files import write_json
from digits.core.job import run_stage
from digits.model import metrics
from studies.sweep.stages import recipes, trial
from studies.sweep.stages.schema import SweepParams


def main(params: SweepParams, processed: Path, folder: Path) -> None:
    from studies.sweep.stages import tuning

    best = parameters.load(recipe=f"{folder / 'best.yaml'}:best").model_dump()
    contents, places = {"start": recipes.start(params.sweep), "best": best}, [processed.resolve()]
    kept = recipes.kept({**contents, "seeds": params.compare.seeds}, places)
    rows = tuning.run(
        lambda each: trial.steps(recipes.replaced(contents[each["recipe"]], {"train.seed": each["seed"]}), places),
        kept,
        params.sweep.parallel,
        len(contents) * len(params.compare.seeds),
        param_space={"recipe": {"grid_search": [*contents]}, "seed": {"grid_search": params.compare.seeds}},
    )
    validation = store.load(processed / "validation.npz", "preprocess")
    measured = {"dataset": validation.name, "images": len(validation.labels), "seeds": len(params.compare.seeds)}
    for name in contents:
        mine = [row for row in rows if row["values"]["recipe"] == name]
        if failed := next((row for row in mine if row["error"]), None):
            raise InputError(f"{name} with seed {failed['values']['seed']}: {failed['error']}")
        losses = [row["loss"] for row in mine]
        told = metrics.spread([row["accuracy"] for row in mine])
        loss = {"loss_mean": mean(losses), "loss_deviation": stdev(losses)}
        measured[name] = {"errors": [row["errors"] for row in mine], **told, **loss}
        print(f"{name}: {metrics.describe_spread(told)}, loss {mean(losses):.4f} ± {stdev(losses):.4f}")
    write_json(folder / "metrics.json", measured)
    shutil.rmtree(kept)


if __name__ == "__main__":
    run_stage(main)
