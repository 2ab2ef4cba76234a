"""Put the recipes of a study beside each other: a page with a table, a figure and their validation curves."""

from pathlib import Path

from digits import comparison, figures
from digits.comparison import Claim, Result
from digits.files import read_json, read_table, write_table, write_text
from stages.job import Job, run

# The recipe that the errors of the others are compared with.
BASELINE = "dense"

TRAIN = ("parameters", "epochs")
TEST = ("dataset", "images", "errors", "accuracy", "accuracy_low", "accuracy_high")


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
    timing_path = folder / "timing.json"
    timing = read_json(timing_path, "train", "seconds", "images_per_second") if timing_path.exists() else {}
    return Result(
        name=name,
        article=article,
        claim=claim,
        seconds=timing.get("seconds"),
        images_per_second=timing.get("images_per_second"),
        **{key: train[key] for key in TRAIN},
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
