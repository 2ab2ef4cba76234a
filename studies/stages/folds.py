"""Average the measures of the folds."""

from digits.core.errors import InputError, run_main
from digits.core.files import read_json, write_json
from digits.model import metrics
from studies.stages import entries
from studies.stages.entries import FILE, RUNS, Fold


def main() -> None:
    names = list(entries.groups()["folds"])
    folds = [entries.load(f"folds.{name}").fold for name in names]
    if not folds or folds != [Fold(number=n, of=len(names), seed=folds[0].seed) for n in range(len(names)) if folds[0]]:
        raise InputError(f"{FILE}: folds: should have the numbers 0 to {len(names) - 1} of {len(names)}, and one seed")
    trained = read_json(RUNS / "folds" / names[0] / "training.json", "fold", "parameters", "epochs")
    measured = [read_json(RUNS / "folds" / name / "validation.json", "fold") for name in names]
    spread = metrics.spread([fold["accuracy"] for fold in measured])
    dataset = measured[0]["dataset"]
    write_json(
        FILE.parent / "folds" / "metrics.json",
        {
            "dataset": dataset,
            "folds": len(folds),
            "parameters": trained["parameters"],
            "epochs": trained["epochs"],
            **spread,
            # Every image is held out once, so the errors of the folds add up.
            "together": metrics.accuracy(*(sum(fold[key] for fold in measured) for key in ("errors", "images"))),
            "fold": dict(zip(names, measured, strict=True)),
        },
    )
    for name, fold in zip(names, measured, strict=True):
        print(f"fold {name}: {metrics.summary(fold)}")
    print(f"{dataset}: {metrics.describe_spread(spread)} over {len(folds)} folds")


if __name__ == "__main__":
    run_main(main)
