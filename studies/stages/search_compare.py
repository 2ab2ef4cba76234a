"""Train the best recipe of the search and the one it started from with other seeds: the best of many trials is also the
luckiest."""

from collections.abc import Iterator
from functools import partial
from statistics import mean, stdev
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from digits.core import params, store
from digits.core.errors import InputError, run_main
from digits.core.files import write_json
from digits.core.params import Section, Seed
from digits.model import metrics
from studies.stages import entries, search, trials
from studies.stages.entries import FILE, Entry
from studies.stages.search import FOLDER, PARTS
from studies.stages.trials import Measured, Values


class Compare(Section):
    seeds: Annotated[list[Seed], Field(min_length=2)]


class Content(BaseModel):
    """What this stage reads of studies/params.yaml."""

    model_config = ConfigDict(validate_by_name=True)
    compare: Annotated[Compare, Field(alias="search-compare")]


def main() -> None:
    section, seeds = trials.load(), params.check(params.read(FILE), FILE, Content).compare.seeds
    best = params.check(params.read(FOLDER / "best.yaml"), FOLDER / "best.yaml", dict[str, Entry])["best"]
    recipes = {"start": entries.load(f"recipes.{section.recipe}").model_dump(), "best": best.model_dump()}
    most = max(recipe["train"]["epochs"] for recipe in recipes.values())
    rows = trials.run(
        search.storage({**recipes, "seeds": seeds}),
        # Every trial is trained to its end.
        section.model_copy(
            update={"space": {"recipe": {"choice": [*recipes]}, "seed": {"choice": seeds}}, "grace_period": most}
        ),
        most,
        [{"recipe": name, "seed": seed} for name in recipes for seed in seeds],
        partial(steps, recipes),
    )
    validation = store.load(PARTS[1], "preprocess")
    measured: dict[str, Any] = {
        "dataset": validation.name,
        "images": len(validation.labels),
        "seeds": len(seeds),
    }
    for name in recipes:
        own = [row for row in rows if row["values"]["recipe"] == name]
        if failed := next((row for row in own if row["error"]), None):
            raise InputError(f"{name} with seed {failed['values']['seed']}: {failed['error']}")
        losses = [row["loss"] for row in own]
        spread = metrics.spread([row["accuracy"] for row in own])
        loss = {"loss_mean": mean(losses), "loss_deviation": stdev(losses)}
        measured[name] = {"errors": [row["errors"] for row in own], **spread, **loss}
        print(f"{name}: {metrics.describe_spread(spread)}, loss {mean(losses):.4f} ± {stdev(losses):.4f}")
    write_json(FOLDER / "metrics.json", measured)


def steps(recipes: dict[str, dict[str, Any]], values: Values) -> Iterator[Measured]:
    """Train the recipe with the seed that the ``values`` name."""
    yield from search.steps(recipes[values["recipe"]], [], {"train.seed": values["seed"]})


if __name__ == "__main__":
    run_main(main)
