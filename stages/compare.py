"""Put the recipes of a study beside each other: a page with a table, a figure and their validation curves."""

from pathlib import Path
from typing import Any

from digits import comparison, figures
from digits.comparison import Claim, Result
from digits.files import read_json, read_table, write_table, write_text
from stages.job import Job, run

# The recipe that the errors of the others are compared with.
BASELINE = "dense"

TRAIN = ("parameters", "epochs", "images", "validation")
TEST = ("dataset", "images", "errors", "loss", "accuracy", "accuracy_low", "accuracy_high")
TIMING = ("seconds", "images_per_second", "machine")


def main(job: Job) -> None:
    articles = comparison.load_articles(job.folder / "articles.yaml")
    results = [
        result(name, number, claim, job.folder / name / "metrics")
        for number, article in enumerate(articles, start=1)
        for name, claim in article.recipes.items()
    ]
    results.append(result("default", 0, Claim(), Path("metrics")))
    write_text(job.folder / "README.md", comparison.page(results, articles, BASELINE))
    figures.save(comparison.figure(results), job.folder / "comparison.png", job.params.plot.dpi)
    write_table(job.folder / "curves.tsv", curves(job.folder, [each.name for each in results if each.article]))


def result(name: str, article: int, claim: Claim, folder: Path) -> Result:
    """Gather what the stages have measured of a recipe."""
    train, test = read_json(folder / "train.json", "train", *TRAIN), read_json(folder / "test.json", "evaluate", *TEST)
    # A training that came from the cache has taken no time.
    path = folder / "timing.json"
    timing: dict[str, Any] = read_json(path, "train", *TIMING) if path.exists() else dict.fromkeys(TIMING)
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
    """Return a row an epoch with the validation accuracy of each recipe, empty where it has ended."""
    columns = {
        name: [
            row["val_accuracy"]
            for row in read_table(folder / name / "plots" / "training.tsv", "train", {"val_accuracy": float})
        ]
        for name in names
    }
    longest = max(map(len, columns.values()))
    return [
        {"epoch": epoch + 1, **{name: values[epoch] if epoch < len(values) else "" for name, values in columns.items()}}
        for epoch in range(longest)
    ]


if __name__ == "__main__":
    run(main)
