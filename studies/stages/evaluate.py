"""Measure the model of an entry of studies/params.yaml on the test set, which no other stage reads."""

from digits.core import store
from digits.core.errors import run_main
from digits.core.files import write_json
from digits.model import backend, metrics, network
from studies.stages import entries


def main() -> None:
    name, _, folder = entries.named(__doc__)
    test = store.load(entries.PROCESSED / "test.npz", "preprocess")
    backend.use(1)
    model, _ = network.load(folder / "model.keras")
    probabilities = network.predict(model, test.images)
    measured = metrics.evaluate(probabilities, test.labels)
    write_json(folder / "test.json", {"dataset": test.name, **measured})
    store.save(folder / "predictions.npz", test, probabilities=probabilities)
    print(f"{name}, {test.name}, test: {metrics.summary(measured)}")


if __name__ == "__main__":
    run_main(main)
