import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits import Recognizer
from digits.core.errors import InputError
from digits.model import export, network
from digits.model.runtime import Images, Infer
from digits.reading import finding
from digits.reading.reading import Digit, Reading
from digits.reading.recognizer import NETWORK, _surest
from tests.reading.test_finding import draw, photographed
from tests.repository import ROOT

LAYERS: list[network.Spec] = [{"Flatten": {}}, {"Dense": {"units": 10, "activation": "softmax"}}]


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    path = tmp_path_factory.mktemp("models") / "model.keras"
    network.save(network.build(LAYERS), path)
    return Recognizer.load(path)


def test_a_reading_has_lines_of_digits(recognizer: Recognizer) -> None:
    reading = recognizer.read(np.vstack([draw("504"), draw("117")]))
    assert [sum(map(len, line)) for line in reading.lines] == [3, 3]
    for each in reading.digits:
        assert each.probabilities.shape == (10,)
        assert each.digit == each.probabilities.argmax()
        assert each.probability == each.probabilities.max()
        assert each.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert recognizer.infer(each.image[None])[0].argmax() == each.digit


def test_an_image_without_ink_gives_an_empty_reading(recognizer: Recognizer) -> None:
    reading = recognizer.read(np.full((50, 50), 255, np.uint8))
    assert (reading.text, reading.digits) == ("", [])


def test_images_are_read_together_as_they_are_alone_despite_a_bad_one(recognizer: Recognizer, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.fromarray(draw("50")).save(good)
    bad.write_text("not an image")
    first, error, last = recognizer.read_all([good, bad, good])
    assert isinstance(error, InputError)
    for reading in (first, last):
        assert isinstance(reading, Reading)
        assert reading.text == recognizer.read(good).text


def reading_of(*probabilities: float) -> Reading:
    """Return the reading of a line of digits with these probabilities."""
    image = np.zeros((28, 28), np.uint8)
    word = [Digit(0, each, np.full(10, 0.1, np.float32), (0, 0, 1, 1), image) for each in probabilities]
    return Reading([[word]])


@pytest.mark.parametrize(
    ("first", "other", "taken"),
    [
        ([0.9], [0.99] * 8, True),
        ([0.98] * 2, [0.97] * 12, True),
        ([], [0.99] * 4, True),
        # Many pieces that are not digits; then only one more certain digit.
        ([0.99], [0.7] * 20, False),
        ([0.99] * 5, [0.99] * 6, False),
        # Grain, some of which looks like digits.
        ([1.0], [0.95] * 10, False),
        # An illegible reading is still better than none.
        ([0.3] * 5, [], False),
    ],
)
def test_another_interpretation_is_taken_if_it_has_clearly_more_certain_digits(
    first: list[float], other: list[float], taken: bool
) -> None:
    readings = [reading_of(*first), reading_of(*other)]
    assert _surest(readings) is readings[taken]


def test_images_with_several_interpretations_keep_their_order(recognizer: Recognizer) -> None:
    small, large = draw("50"), photographed(draw("054", 300, thickness=30), noise=4)
    assert len(finding.find(large)) > 1
    boxes = [[each.box for each in recognizer.read(each).digits] for each in (small, large)]
    read = list(recognizer.read_all([small, large, small]))
    assert [[each.box for each in reading.digits] for reading in read if isinstance(reading, Reading)] == [
        *boxes,
        boxes[0],
    ]


def with_confidence(*probabilities: float) -> Infer:
    """Return a network that reads every crop as 3, with the first probability in its first call, and so on."""
    following = iter(probabilities)

    def infer(images: Images) -> NDArray[np.float32]:
        rows = np.zeros((len(images), 10), np.float32)
        rows[:, 3] = next(following)
        return rows

    return infer


@pytest.mark.parametrize(("whole", "parts", "text"), [(0.6, 0.99, "33"), (0.6, 0.95, "3"), (0.95, 0.99, "3")])
def test_a_crop_is_read_in_parts_if_only_these_are_certain(whole: float, parts: float, text: str) -> None:
    image = draw("50")
    cv2.line(image, (120, 60), (190, 60), 0, 6)
    reading = Recognizer(with_confidence(whole, parts)).read(image)
    assert reading.text == text


@pytest.mark.parametrize("name", ["none.keras", "none.onnx"])
def test_a_missing_model_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name}: no such file"):
        Recognizer.load(tmp_path / name)


def test_an_exported_network_reads_without_tensorflow(tmp_path: Path) -> None:
    assert NETWORK == ROOT / "models" / "digits.onnx"
    export.export(network.build(LAYERS), tmp_path / "small.onnx", "onnx")
    cv2.imwrite(str(tmp_path / "7.png"), draw("7"))
    code = """if True:
        import sys
        from digits import Recognizer
        print(len(Recognizer.load("small.onnx").read("7.png").text))
        print([name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras", "matplotlib")])
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1", "[]"]
