"""Average what the folds of a cross-validation have reached."""

import numpy as np

from digits import metrics
from digits.errors import InputError
from digits.files import write_json
from stages.compare import read
from stages.job import Job, run


def main(job: Job) -> None:
    section = job.params.folds
    if section is None:
        raise InputError("no section 'folds' in the parameters; name them: --recipe studies/folds/params.yaml:split")
    trained = [read(job.folder / str(number) / "metrics" / "train.json") for number in section.numbers]
    folds = [fold["validation"] for fold in trained]
    accuracies = [fold["accuracy"] for fold in folds]
    mean, deviation = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
    write_json(
        job.folder / "metrics.json",
        {
            "dataset": trained[0]["dataset"],
            "folds": len(folds),
            "accuracy_mean": mean,
            "accuracy_deviation": deviation,
            # Every picture is held out once, so that the folds' errors add up.
            "together": metrics.accuracy(sum(fold["errors"] for fold in folds), sum(fold["images"] for fold in folds)),
            "fold": {str(number): fold for number, fold in zip(section.numbers, folds, strict=True)},
        },
    )
    print(f"{trained[0]['dataset']}: accuracy {mean:.2%} ± {deviation:.2%} (mean and deviation of {len(folds)} folds)")


if __name__ == "__main__":
    run(main)
