import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import log_loss

from digits.model import metrics


def test_the_interval_and_the_loss_are_those_of_scipy_and_scikit_learn() -> None:
    for errors, images in [(0, 7), (7, 7), (14, 5000), (26, 10_000), (1, 3)]:
        interval = binomtest(images - errors, images).proportion_ci(0.95, method="wilson")
        measured = metrics.accuracy(errors, images)
        assert (measured["accuracy_low"], measured["accuracy_high"]) == (interval.low, interval.high)
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 10, 500), rng.dirichlet(np.full(10, 0.05), 500)
    measured = metrics.classification(labels, probabilities)
    assert measured["loss"] == log_loss(labels, probabilities / probabilities.sum(1, keepdims=True), labels=range(10))
    for certain in (np.eye(10)[labels], np.eye(10)[labels - 1]):
        loss = metrics.classification(labels, certain)["loss"]
        assert loss > 0
        assert loss == pytest.approx(log_loss(labels, certain, labels=range(10)), abs=1e-15)


@given(st.integers(1, 10_000).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images))))
def test_the_interval_contains_the_accuracy(counts: tuple[int, int]) -> None:
    errors, images = counts
    measured = metrics.accuracy(errors, images)
    assert 0 <= measured["accuracy_low"] <= measured["accuracy"] + 1e-12
    assert measured["accuracy"] - 1e-12 <= measured["accuracy_high"] <= 1


def test_wilsons_interval() -> None:
    # 40 errors in 10,000, calculated directly from Wilson's formula.
    z, p, n = 1.959963984540054, 0.996, 10_000
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    measured = metrics.accuracy(40, n)
    assert measured["accuracy_low"] == pytest.approx(centre - half)
    assert measured["accuracy_high"] == pytest.approx(centre + half)


def probabilities_of(predicted: list[int], confidence: float) -> np.ndarray:
    probabilities = np.full((len(predicted), 10), (1 - confidence) / 9, np.float32)
    probabilities[np.arange(len(predicted)), predicted] = confidence
    return probabilities


def test_classification_counts_errors() -> None:
    labels = np.array([0, 1, 1, 2])
    measured = metrics.classification(labels, probabilities_of([0, 1, 2, 2], 0.91))
    assert (measured["images"], measured["errors"], measured["accuracy"]) == (4, 1, 0.75)
    assert measured["loss"] == pytest.approx(-(3 * np.log(0.91) + np.log(0.01)) / 4, rel=1e-5)


def test_each_class_that_occurs_has_its_own_accuracy() -> None:
    classes = ["zero", "one", "お", "never", *"456789"]
    rows = metrics.by_class(np.array([0, 1, 1, 2]), probabilities_of([0, 1, 2, 2], 0.91), classes)
    assert [(row["class"], row["images"], row["errors"]) for row in rows] == [
        ("zero", 1, 0),
        ("one", 2, 1),
        ("お", 1, 0),
    ]
    assert rows[1] == {"class": "one", **metrics.accuracy(1, 2)}


def test_calibration_error_is_the_distance_between_confidence_and_accuracy() -> None:
    labels = np.array([3] * 10)
    assert metrics.calibration_error(labels, probabilities_of([3] * 9 + [4], 0.9)) == pytest.approx(0, abs=1e-6)
    assert metrics.calibration_error(labels, probabilities_of([4] * 10, 0.9)) == pytest.approx(0.9)


@given(st.floats(0.2, 5))
@settings(max_examples=10)
def test_the_temperature_of_known_logits_is_recovered(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 10))
    # Labels drawn from the probabilities of these logits, so that a temperature of 1 fits them.
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    hot = np.exp(logits * temperature)
    probabilities = (hot / hot.sum(axis=1, keepdims=True)).astype(np.float32)
    assert metrics.temperature(labels, probabilities) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_of_probabilities_rounded_to_zero_is_finite() -> None:
    probabilities = np.eye(10, dtype=np.float32)
    assert metrics.temperature(np.arange(10), probabilities) == 1
    assert metrics.temperature((np.arange(10) + 1) % 10, probabilities) == pytest.approx(20, rel=0.1)


def test_the_spread_is_the_sample_standard_deviation() -> None:
    assert metrics.spread([1.0, 2.0, 3.0]) == {"accuracy_mean": 2.0, "accuracy_deviation": 1.0}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0.2, 1)), min_size=1, max_size=50))
def test_reliability_counts_every_image_once(rows: list[tuple[int, int, float]]) -> None:
    labels = np.array([label for label, _, _ in rows])
    probabilities = np.concatenate([probabilities_of([predicted], confidence) for _, predicted, confidence in rows])
    bins = metrics.reliability(labels, probabilities)
    assert sum(row["images"] for row in bins) == len(rows)
    assert sum(row["errors"] for row in bins) == sum(label != predicted for label, predicted, _ in rows)
    assert 0 <= metrics.calibration_error(labels, probabilities) <= 1


def test_each_bin_has_the_interval_of_its_accuracy() -> None:
    probabilities = np.concatenate([probabilities_of([0, 1], 0.9), probabilities_of([2], 0.5)])
    few, sure = metrics.reliability(np.array([0, 0, 2]), probabilities)
    assert few == {"confidence": pytest.approx(0.5), **metrics.accuracy(0, 1)}
    assert sure == {"confidence": pytest.approx(0.9), **metrics.accuracy(1, 2)}
