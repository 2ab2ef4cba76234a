"""Put the recipes of a study beside each other: a page with a table, and a figure."""

import json
from pathlib import Path
from typing import Any

import yaml

from digits import comparison
from digits.comparison import Result
from digits.errors import InputError
from digits.files import replacing, write_text
from stages.job import Job, run

# The recipe that the errors of the others are compared with.
BASELINE = "dense"


def main(job: Job) -> None:
    claims = read(job.folder / "articles.yaml")
    results = [result(name, job.folder / name / "metrics", claim) for name, claim in claims.items()]
    results.append(result("default", Path("metrics"), None))
    write_text(job.folder / "README.md", comparison.page(results, BASELINE))
    with replacing(job.folder / "comparison.png") as path:
        comparison.figure(results).savefig(path, format="png", dpi=120, metadata={"Software": None})


def result(name: str, folder: Path, claim: float | None) -> Result:
    """Gather what the stages have measured of a recipe."""
    train, test, timing = (read(folder / f"{part}.json") for part in ("train", "test", "timing"))
    return Result(
        name=name,
        dataset=test["dataset"],
        parameters=train["parameters"],
        epochs=train["epochs"],
        seconds=timing["seconds"],
        images_per_second=timing["images_per_second"],
        images=test["images"],
        errors=test["errors"],
        accuracy=test["accuracy"],
        accuracy_low=test["accuracy_low"],
        accuracy_high=test["accuracy_high"],
        claim=claim,
    )


def read(path: Path) -> Any:
    """Read a .json or .yaml file. Raises InputError where it is missing or damaged."""
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())}); train that recipe anew") from None


if __name__ == "__main__":
    run(main)
