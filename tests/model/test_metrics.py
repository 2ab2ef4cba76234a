import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import log_loss

from digits.model import metrics


def probabilities_of(predicted: list[int], confidence: float) -> np.ndarray:
    probabilities = np.full((len(predicted), 10), (1 - confidence) / 9, np.float32)
    probabilities[np.arange(len(predicted)), predicted] = confidence
    return probabilities


@pytest.mark.parametrize(("errors", "images"), [(0, 7), (7, 7), (14, 5000), (26, 10_000), (1, 3)])
def test_the_interval_is_that_of_scipy(errors: int, images: int) -> None:
    interval = binomtest(images - errors, images).proportion_ci(0.95, method="wilson")
    measured = metrics.accuracy(errors, images)
    assert (measured["accuracy_low"], measured["accuracy_high"]) == (interval.low, interval.high)


def test_the_loss_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 10, 500), rng.dirichlet(np.full(10, 0.05), 500)
    measured = metrics.evaluate(probabilities, labels)
    assert measured["loss"] == log_loss(labels, probabilities / probabilities.sum(1, keepdims=True), labels=range(10))
    for certain in (np.eye(10)[labels], np.eye(10)[labels - 1]):
        loss = metrics.evaluate(certain, labels)["loss"]
        assert loss > 0
        assert loss == pytest.approx(log_loss(labels, certain, labels=range(10)), abs=1e-15)


def test_each_class_that_occurs_has_its_own_accuracy() -> None:
    classes = ["zero", "one", "お", "never", *"456789"]
    labels, probabilities = np.array([0, 1, 1, 2]), probabilities_of([0, 1, 2, 2], 0.91)
    assert metrics.evaluate(probabilities, labels)["accuracy"] == 0.75
    assert metrics.by_class(probabilities, labels, classes) == [
        {"class": "zero", **metrics.accuracy(0, 1)},
        {"class": "one", **metrics.accuracy(1, 2)},
        {"class": "お", **metrics.accuracy(0, 1)},
    ]


def test_calibration_error_is_the_distance_between_confidence_and_accuracy() -> None:
    labels = np.array([3] * 10)
    assert metrics.calibration_error(probabilities_of([3] * 9 + [4], 0.9), labels) == pytest.approx(0, abs=1e-6)
    assert metrics.calibration_error(probabilities_of([4] * 10, 0.9), labels) == pytest.approx(0.9)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_the_temperature_of_known_logits_is_recovered(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 10))
    # Labels drawn from the probabilities of these logits, so that a temperature of 1 fits them.
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    hot = np.exp(logits * temperature)
    probabilities = (hot / hot.sum(axis=1, keepdims=True)).astype(np.float32)
    assert metrics.fit_temperature(probabilities, labels) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_of_probabilities_rounded_to_zero_is_finite() -> None:
    probabilities = np.eye(10, dtype=np.float32)
    assert metrics.fit_temperature(probabilities, np.arange(10)) == 1
    assert metrics.fit_temperature(probabilities, (np.arange(10) + 1) % 10) == pytest.approx(20, rel=0.1)


def test_the_spread_is_the_sample_standard_deviation() -> None:
    assert metrics.spread([1.0, 2.0, 3.0]) == {"accuracy_mean": 2.0, "accuracy_deviation": 1.0}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0.2, 1)), min_size=1, max_size=50))
def test_reliability_counts_every_image_once(rows: list[tuple[int, int, float]]) -> None:
    labels = np.array([label for label, _, _ in rows])
    probabilities = np.concatenate([probabilities_of([predicted], confidence) for _, predicted, confidence in rows])
    bins = metrics.reliability(probabilities, labels)
    assert sum(row["images"] for row in bins) == len(rows)
    assert sum(row["errors"] for row in bins) == sum(label != predicted for label, predicted, _ in rows)
    assert 0 <= metrics.calibration_error(probabilities, labels) <= 1


def test_each_bin_has_the_interval_of_its_accuracy() -> None:
    probabilities = np.concatenate([probabilities_of([0, 1], 0.9), probabilities_of([2], 0.5)])
    unsure, sure = metrics.reliability(probabilities, np.array([0, 0, 2]))
    assert unsure == {"confidence": pytest.approx(0.5), **metrics.accuracy(0, 1)}
    assert sure == {"confidence": pytest.approx(0.9), **metrics.accuracy(1, 2)}


def test_the_confusion_of_few_classes_has_every_image() -> None:
    pairs = metrics.confusion(np.array([0, 1, 0]), np.array([0, 1, 1]), ["no", "yes"])
    assert [tuple(pair.values()) for pair in pairs] == [("no", "no"), ("yes", "yes"), ("yes", "no")]


def test_the_confusion_of_many_classes_has_those_confused_most_often() -> None:
    labels = np.repeat(np.arange(100), 3)
    predicted = labels.copy()
    predicted[labels == 77] = 99
    predicted[labels == 50] = [50, 98, 98]
    pairs = metrics.confusion(predicted, labels, [f"c{number}" for number in range(100)])
    names = {name for pair in pairs for name in pair.values()}
    assert len(names) == metrics.MAX_SHOWN
    assert {"c50", "c77", "c98", "c99"} < names
    assert sum(pair["actual"] != pair["predicted"] for pair in pairs) == 5
