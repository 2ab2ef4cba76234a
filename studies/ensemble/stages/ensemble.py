"""Average the predicted probabilities of an ensemble's members: the root's model and others."""

from pathlib import Path

import numpy as np

from digits.core import store
from digits.core.errors import InputError
from digits.core.files import read_json, write_json, write_table
from digits.core.job import run_stage
from digits.core.params import Params
from digits.model import metrics
from digits.report import basics
from studies.ensemble.stages import growth


def main(params: Params, recipes: dict[str, Params], folder: Path) -> None:
    if not recipes:
        raise InputError(f"{folder}/params.yaml: no members besides the root's model; add at least one")
    folders = {"default": Path(), **{name: folder / "runs" / name for name in recipes}}
    read = {name: run / "data" / "predictions.npz" for name, run in folders.items()}
    names = list(read)
    tests = [store.load(path, "evaluate") for path in read.values()]
    for path, test in zip(read.values(), tests, strict=True):
        if not np.array_equal(test.images, tests[0].images):
            raise InputError(f"{path}: not the same images as in {read[names[0]]}; evaluate both again")
    labels, dataset = tests[0].labels, tests[0].name
    probabilities = [store.load_arrays(path, "evaluate", "probabilities")["probabilities"] for path in read.values()]

    members = {name: metrics.classification(labels, each) for name, each in zip(names, probabilities, strict=True)}
    together = metrics.classification(labels, np.mean(probabilities, axis=0))
    spread = metrics.spread([member["accuracy"] for member in members.values()])
    alone = [read_json(run / "metrics" / "unshifted.json", "evaluate", "accuracy") for run in folders.values()]
    unshifted = metrics.spread([float(each["accuracy"]) for each in alone])
    write_json(
        folder / "metrics.json",
        {
            "dataset": dataset,
            "members": len(names),
            **spread,
            "unshifted": unshifted,
            "together": together,
            "member": members,
        },
    )
    rows = growth.growth(labels, probabilities)
    write_table(folder / "growth.tsv", rows)
    basics.save(growth.figure(rows, len(labels)), folder / "growth.png", params.plot.dpi)
    for name, member in members.items():
        print(f"{name}: {metrics.summary(member)}")
    print(f"{dataset}: {metrics.describe_spread(spread)} over {len(names)} members")
    print(f"{dataset}, without shifted copies: {metrics.describe_spread(unshifted)}")
    print(f"{dataset}, all members together: {metrics.summary(together)}")


if __name__ == "__main__":
    run_stage(main)
