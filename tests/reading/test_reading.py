import base64
import json
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digits.reading.reading import Digit, Reading, Sign

PROBABILITIES = st.floats(0, 1)


def digit(value: int, probability: float = 1.0) -> Digit:
    return Digit(value, probability, np.eye(10, dtype=np.float32)[value], (0, 0, 1, 1), np.zeros((28, 28), np.uint8))


def words(text: str) -> list[list[Digit]]:
    return [[digit(int(each)) for each in word] for word in text.split()]


DIGIT = st.builds(digit, st.integers(0, 9), PROBABILITIES)
LINE = st.lists(st.lists(DIGIT, min_size=1, max_size=3), min_size=1, max_size=3)
READINGS = st.builds(Reading, st.lists(LINE, max_size=3), st.lists(DIGIT, max_size=3))


def test_the_text_has_spaces_between_words_and_newlines_between_lines() -> None:
    reading = Reading([words("0172 345689"), words("12 7 45")])
    assert reading.text == "0172 345689\n12 7 45"
    assert "".join(str(each.digit) for each in reading.digits) == "017234568912745"


def test_an_empty_reading_has_no_text() -> None:
    assert (Reading([]).text, Reading([]).digits, list(Reading([]).rejected)) == ("", [], [])


def test_the_signs_between_digits_stand_in_the_text_if_asked_for_and_are_rejected() -> None:
    twelve, three = words("12")[0], words("3")[0]
    twelve[1] = twelve[1]._replace(sign=".")
    reading = Reading([[twelve, three, words("4")[0]]], signs=[Sign(".", (1, 2, 3, 4))])
    assert reading.text == "12 3 4"
    assert reading.text_with_signs == "12.3 4"
    assert reading.as_dict()["rejected"] == [{"sign": ".", "box": [1, 2, 3, 4]}]
    assert reading.at_least(0.5).signs == reading.signs


def test_a_turned_image_says_so() -> None:
    assert Reading([], turned=90).as_dict()["turned"] == 90
    assert "turned" not in Reading([]).as_dict()
    assert Reading([], turned=180).at_least(0.5).turned == 180


def test_improbable_digits_are_rejected_with_the_words_and_lines_that_they_leave_empty() -> None:
    low, lower, earlier = digit(5, 0.6), digit(6, 0.1), digit(7, 0.3)
    reading = Reading([[[low], [digit(1), lower, digit(2)]], [[lower], [low]], words("3")], [earlier]).at_least(0.7)
    assert reading.text == "12\n3"
    assert [each.digit for each in reading.rejected] == [7, 5, 6, 6, 5]
    assert Reading([[[low]]]).at_least(0.6).text == "5"


@given(READINGS, st.lists(PROBABILITIES, min_size=1, max_size=3))
def test_no_digit_is_lost_and_the_highest_threshold_counts(reading: Reading, thresholds: list[float]) -> None:
    one_by_one = reading
    for threshold in thresholds:
        one_by_one = one_by_one.at_least(threshold)
    at_once = reading.at_least(max(thresholds))
    assert one_by_one.text == at_once.text
    assert all(each.probability >= max(thresholds) for each in at_once.digits)
    assert all(word for line in at_once.lines for word in line)
    before, after = ([id(each) for each in (*some.digits, *some.rejected)] for some in (reading, at_once))
    assert sorted(before) == sorted(after)
    places = [before.index(id(each)) for each in at_once.digits]
    assert all(first < second for first, second in pairwise(places))


def test_a_reading_becomes_plain_values_for_json() -> None:
    image = np.arange(784, dtype=np.uint8).reshape(28, 28)
    probabilities = np.full(10, 0.1, np.float32)
    seven = Digit(7, 0.98765, probabilities, (1, 2, 3, 4), image)
    plain = {"digit": 7, "probability": 0.9877, "box": [1, 2, 3, 4]}
    reading = Reading([[[seven, seven], [seven]], [[seven]]], [seven])
    told = {"text": "77 7\n7", "lines": [[[plain, plain], [plain]], [[plain]]], "rejected": [plain]}
    assert json.loads(json.dumps(reading.as_dict())) == told
    (detailed,) = reading.as_dict(details=True)["rejected"]
    assert detailed["probabilities"] == [0.1] * 10
    assert base64.b64decode(detailed["image"]) == image.tobytes()
