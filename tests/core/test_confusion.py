import numpy as np
import pytest

from digits.core.confusion import MOST, matrix, most_confused


def test_the_matrix_counts_each_image_once() -> None:
    counts = matrix(np.array([0, 0, 2, 2], np.uint8), np.array([0, 1, 2, 2]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 2]]


@pytest.mark.parametrize("classes", [2, MOST - 1, MOST])
def test_all_of_a_few_classes_are_shown(classes: int) -> None:
    assert most_confused(np.zeros((classes, classes), int)) == list(range(classes))


def test_of_many_classes_those_confused_most_often_are_shown() -> None:
    counts = np.diag(np.arange(100))
    counts[7, 90] = counts[3, 1] = 5
    # With these four, 13 of the pairs fill the figure; the rarest one is left out.
    for place in range(30, 44):
        counts[place, place + 14] = 1 if place == 43 else 2
    assert most_confused(counts) == [1, 3, 7, *range(30, 43), *range(44, 57), 90]


def test_without_a_mistake_classes_that_occur_are_shown() -> None:
    counts = np.diag([0] * 900 + [1] * 100)
    assert most_confused(counts) == list(range(900, 930))
