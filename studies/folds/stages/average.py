"""Average the results of the folds."""

from pathlib import Path

from digits.core.errors import InputError
from digits.core.files import read_json, write_json
from digits.core.job import run_stage
from digits.model import metrics
from studies.folds.stages.schema import FoldsParams

TRAINING = ("parameters", "epochs", "kept_epoch", "temperature")
VALIDATION = ("dataset", "images", "errors", "accuracy")


def main(params: FoldsParams, folder: Path) -> None:
    runs = [folder / "runs" / str(number) for number in params.folds.numbers]
    trained = [read_json(run / "models" / "training.json", "train", *TRAINING) for run in runs]
    folds = [read_json(run / "metrics" / "validation.json", "train", *VALIDATION) for run in runs]
    if any(fold["kept_epoch"] != fold["epochs"] for fold in trained):
        raise InputError("train.keep: should be last: the epoch must not be chosen on the fold that measures it")
    if any(fold["temperature"] is not None for fold in trained):
        raise InputError("train.calibrate: should be false: no model may be calibrated on the fold that measures it")
    spread = metrics.spread([fold["accuracy"] for fold in folds])
    dataset = folds[0]["dataset"]
    write_json(
        folder / "metrics.json",
        {
            "dataset": dataset,
            "folds": len(folds),
            "parameters": trained[0]["parameters"],
            "epochs": trained[0]["epochs"],
            **spread,
            # Every image is held out once, so the errors of the folds add up.
            "together": metrics.accuracy(*(sum(fold[key] for fold in folds) for key in ("errors", "images"))),
            "fold": {str(number): fold for number, fold in enumerate(folds)},
        },
    )
    for number, fold in enumerate(folds):
        print(f"fold {number}: {metrics.summary(fold)}")
    print(f"{dataset}: {metrics.describe_spread(spread)} over {len(folds)} folds")


if __name__ == "__main__":
    run_stage(main)
