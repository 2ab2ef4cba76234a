"""Put the recipes of a study beside each other: a page with a table, a figure and their validation curves."""

from pathlib import Path
from typing import Any

from digits.core.files import read_json, read_table, write_table, write_text
from digits.core.job import run_stage
from digits.core.params import Params
from digits.report import basics
from studies.recipes.stages import comparison
from studies.recipes.stages.comparison import Claim, Result

# The recipe that the errors of the others are compared with.
BASELINE = "dense"

TRAIN = ("parameters", "epochs", "images", "loss", "validation")
TEST = ("dataset", "images", "errors", "loss", "accuracy", "accuracy_low", "accuracy_high")
TIMING = ("seconds", "images_per_second", "machine")


def main(params: Params, recipes: dict[str, Params], folder: Path) -> None:
    articles = comparison.load_articles(folder / "articles.yaml")
    results = [
        result(name, number, claim, folder / "runs" / name / "metrics")
        for number, article in enumerate(articles, start=1)
        for name, claim in article.recipes.items()
    ]
    told = {each.name for each in results}
    results += [result(name, 0, Claim(), folder / "runs" / name / "metrics") for name in recipes if name not in told]
    names = [each.name for each in results]
    results.append(result("default", 0, Claim(), Path("metrics")))
    page = comparison.page(results, articles, BASELINE)
    table = curves(folder / "runs", names)
    write_text(folder / "README.md", page)
    basics.save(comparison.figure(results), folder / "comparison.png", params.plot.dpi)
    write_table(folder / "curves.tsv", table)


def result(name: str, article: int, claim: Claim, folder: Path) -> Result:
    """Gather what the stages have measured of a recipe."""
    train, test = read_json(folder / "train.json", "train", *TRAIN), read_json(folder / "test.json", "evaluate", *TEST)
    # A training that came from the cache has taken no time, and leaves that of another one where it was.
    path = folder / "timing.json"
    timing: dict[str, Any] = read_json(path, "train", "loss", *TIMING) if path.exists() else {}
    if timing.get("loss") != train["loss"]:
        timing = dict.fromkeys(TIMING)
    return Result(
        name=name,
        article=article,
        claim=claim,
        parameters=train["parameters"],
        epochs=train["epochs"],
        trained=train["images"],
        validated=train["validation"]["images"],
        **{key: timing[key] for key in TIMING},
        **{key: test[key] for key in TEST},
    )


def curves(folder: Path, names: list[str]) -> list[dict[str, object]]:
    """Return a row for each epoch of each recipe with its accuracy on validation."""
    return [
        {"recipe": name, "epoch": epoch, "accuracy": row["val_accuracy"]}
        for name in names
        for epoch, row in enumerate(
            read_table(folder / name / "plots" / "training.tsv", "train", {"val_accuracy": float}), start=1
        )
    ]


if __name__ == "__main__":
    run_stage(main)
