"""Average what the folds of a cross-validation have reached."""

from pathlib import Path

from digits.core.errors import InputError
from digits.core.files import read_json, write_json
from digits.core.job import run_stage
from digits.model import metrics
from studies.folds.stages.schema import FoldsParams

TRAIN = ("dataset", "parameters", "epochs", "kept_epoch", "validation")


def main(params: FoldsParams, folder: Path) -> None:
    trained = {
        number: read_json(folder / "runs" / str(number) / "metrics" / "train.json", "train", *TRAIN)
        for number in params.folds.numbers
    }
    if any(fold["kept_epoch"] != fold["epochs"] for fold in trained.values()):
        raise InputError("train.keep: should be last: the fold that measures an epoch must not have chosen it")
    if any("temperature" in fold for fold in trained.values()):
        raise InputError("train.calibrate: should be false: the fold that measures must not have calibrated it")
    folds = {str(number): fold["validation"] for number, fold in trained.items()}
    accuracies = [fold["accuracy"] for fold in folds.values()]
    mean, deviation = metrics.spread(accuracies)
    errors, images = (sum(fold[key] for fold in folds.values()) for key in ("errors", "images"))
    dataset = trained[0]["dataset"]
    write_json(
        folder / "metrics.json",
        {
            "dataset": dataset,
            "folds": len(folds),
            "parameters": trained[0]["parameters"],
            "epochs": trained[0]["epochs"],
            "accuracy_mean": mean,
            "accuracy_deviation": deviation,
            # Every picture is held out once, so that the folds' errors add up.
            "together": metrics.accuracy(errors, images),
            "fold": folds,
        },
    )
    for name, fold in folds.items():
        print(f"fold {name}: {fold['errors']} errors in {fold['images']} pictures, accuracy {fold['accuracy']:.2%}")
    print(f"{dataset}: accuracy {mean:.2%} ± {deviation:.2%} (mean and standard deviation of {len(folds)} folds)")


if __name__ == "__main__":
    run_stage(main)
