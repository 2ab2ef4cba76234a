from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Recognizer, network
from digits.errors import InputError
from digits.recognizer import Reading
from tests.test_pictures import draw

LAYERS: list[network.Spec] = [{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}]


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    path = tmp_path_factory.mktemp("models") / "model.keras"
    network.save(network.build(LAYERS), path)
    return Recognizer.load(path)


def test_a_reading_has_the_digits_in_their_lines(recognizer: Recognizer) -> None:
    reading = recognizer.read(np.vstack([draw("504"), draw("117")]))
    assert [len(line) for line in reading.lines] == [3, 3]
    assert reading.text == "\n".join("".join(str(each.digit) for each in line) for line in reading.lines)
    for each in reading.digits:
        assert each.probabilities.shape == (10,)
        assert each.digit == each.probabilities.argmax()
        assert each.probability == each.probabilities.max()
        assert each.probabilities.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_array_equal(recognizer.model.predict(each.image[None], verbose=0)[0].argmax(), each.digit)


def test_no_ink_is_an_empty_reading(recognizer: Recognizer) -> None:
    reading = recognizer.read(np.full((50, 50), 255, np.uint8))
    assert (reading.text, reading.digits) == ("", [])


def test_many_are_read_as_one_is_and_a_bad_one_stops_none(recognizer: Recognizer, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.fromarray(draw("50")).save(good)
    bad.write_text("no picture")
    first, error, last = recognizer.read_all([good, bad, good])
    assert isinstance(error, InputError)
    for reading in (first, last):
        assert isinstance(reading, Reading)
        assert reading.text == recognizer.read(good).text


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.keras: no such file"):
        Recognizer.load(tmp_path / "none.keras")
