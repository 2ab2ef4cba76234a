"""Compare the recipes: a page with a table, a figure, and their learning curves."""

from pathlib import Path
from typing import Any

from digits.core.files import read_json, read_table, write_table, write_text
from digits.core.job import run_stage
from digits.core.params import Params
from digits.report import basics
from studies.recipes.stages import comparison
from studies.recipes.stages.comparison import Claim, Result

# The recipe that the others' errors are compared with.
BASELINE = "dense"

TRAINING = ("parameters", "epochs", "images", "validation_images", "loss")
TEST = ("dataset", "images", "errors", "loss", "accuracy", "accuracy_low", "accuracy_high")
TIMING = ("seconds", "images_per_second", "machine")


def main(params: Params, recipes: dict[str, Params], folder: Path) -> None:
    articles = comparison.load_articles(folder / "articles.yaml")
    results = [
        result(name, number, claim, folder / "runs" / name)
        for number, article in enumerate(articles, start=1)
        for name, claim in article.recipes.items()
    ]
    described = {each.name for each in results}
    results += [result(name, 0, Claim(), folder / "runs" / name) for name in recipes if name not in described]
    names = [each.name for each in results]
    results.append(result("default", 0, Claim(), Path()))
    page = comparison.page(results, articles, BASELINE)
    table = curves(folder / "runs", names)
    write_text(folder / "README.md", page)
    basics.save(comparison.figure(results), folder / "comparison.png", params.plot.dpi)
    write_table(folder / "curves.tsv", table)


def result(name: str, article: int, claim: Claim, run: Path) -> Result:
    """Collect the results of the recipe in the folder ``run``."""
    training = read_json(run / "models" / "training.json", "train", *TRAINING)
    test = read_json(run / "metrics" / "test.json", "evaluate", *TEST)
    # A training restored from the cache has no timing of its own; the file is then another training's.
    path = run / "metrics" / "timing.json"
    timing: dict[str, Any] = read_json(path, "train", "loss", *TIMING) if path.exists() else {}
    if timing.get("loss") != training["loss"]:
        timing = dict.fromkeys(TIMING)
    return Result(
        name=name,
        article=article,
        claim=claim,
        parameters=training["parameters"],
        epochs=training["epochs"],
        trained=training["images"],
        validated=training["validation_images"],
        **{key: timing[key] for key in TIMING},
        **{key: test[key] for key in TEST},
    )


def curves(folder: Path, names: list[str]) -> list[dict[str, object]]:
    """Return one row per recipe and epoch, with the accuracy on the validation set."""
    return [
        {"recipe": name, "epoch": epoch, "accuracy": row["val_accuracy"]}
        for name in names
        for epoch, row in enumerate(
            read_table(folder / name / "plots" / "training.tsv", "train", {"val_accuracy": float}), start=1
        )
    ]


if __name__ == "__main__":
    run_stage(main)
