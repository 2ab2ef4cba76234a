"""Average the probabilities of an ensemble's members, which evaluate has written: of the root's model and of others."""

from pathlib import Path

import numpy as np

from digits import ensemble, figures, metrics, params, store
from digits.errors import InputError
from digits.files import write_json, write_table
from stages.job import Job, run


def main(job: Job) -> None:
    file = job.folder / "params.yaml"
    folders = {name: job.folder / name for name in params.check(params.read(file), file, dict[str, dict[str, object]])}
    read = {name: folder / "data" / "predictions.npz" for name, folder in {"default": Path(), **folders}.items()}
    if len(read) < 2:
        raise InputError(f"{file}: no members besides the root's model; name one at the least")
    names = list(read)
    tests = [store.load(path, "evaluate") for path in read.values()]
    for path, test in zip(read.values(), tests, strict=True):
        if not np.array_equal(test.images, tests[0].images):
            raise InputError(f"{path}: not of the same pictures as {read[names[0]]}; evaluate both anew")
    labels, dataset = tests[0].labels, tests[0].name
    probabilities = [store.load_arrays(path, "evaluate", "probabilities")["probabilities"] for path in read.values()]

    members = {name: metrics.classification(labels, each) for name, each in zip(names, probabilities, strict=True)}
    accuracies = [member["accuracy"] for member in members.values()]
    together = metrics.classification(labels, np.mean(probabilities, axis=0))
    mean, deviation = metrics.spread(accuracies)
    write_json(
        job.folder / "metrics.json",
        {
            "dataset": dataset,
            "members": len(names),
            "accuracy_mean": mean,
            "accuracy_deviation": deviation,
            "together": together,
            "member": members,
        },
    )
    rows = ensemble.growth(labels, probabilities)
    write_table(job.folder / "growth.tsv", rows)
    figures.save(ensemble.figure(rows, len(labels)), job.folder / "growth.png", job.params.plot.dpi)
    for name, member in members.items():
        print(f"{name}: {member['errors']} errors, accuracy {member['accuracy']:.2%}")
    print(
        f"{dataset}: members {mean:.2%} ± {deviation:.2%} (mean and standard deviation), together "
        f"{together['errors']} errors in {together['images']} test pictures, accuracy {together['accuracy']:.2%} "
        f"({together['accuracy_low']:.2%} to {together['accuracy_high']:.2%})"
    )


if __name__ == "__main__":
    run(main)
