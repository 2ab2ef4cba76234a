import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from PIL import Image

from digits.core.errors import InputError
from digits.core.files import write_json
from digits.core.task import Task
from digits.reading.classes import SIGN
from digits.reading.decoding import MAX_SIDE, Source
from digits.reading.reading import Digit, Reading
from digits.reading.recognizer import NETWORK, READER, DigitRecognizer, Reader, Recognizer, SymbolRecognizer
from tests.reading import fakes, onnx_files
from tests.reading.drawing import Grey, draw
from tests.reading.fakes import SETTINGS, Floats, changed
from tests.repository import ROOT


def recognizer(**settings: object) -> Recognizer:
    return DigitRecognizer(fakes.infer, Reader(fakes.detector, fakes.classifier, changed(**settings)))


def test_images_in_mnists_format_are_classified_divided_by_255_or_not() -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 28, 28), np.uint8)
    rows = recognizer().classify(images)
    assert rows.shape == (300, 10)
    np.testing.assert_array_equal(recognizer().classify(images / 255), rows)
    np.testing.assert_array_equal(recognizer().classify(images.astype(np.float32)), rows)
    assert recognizer().classify(images[:0]).shape == (0, 10)


@pytest.mark.parametrize("images", [np.zeros((28, 28)), np.zeros((1, 28, 28, 3)), np.full((1, 28, 28), -1.0)])
def test_what_is_not_in_mnists_format_is_not_classified(images: NDArray[np.float64]) -> None:
    with pytest.raises(InputError, match=r"^the images: "):
        recognizer().classify(images)


def sheet(*lines: str, size: int = 60) -> Grey:
    """Draw lines of digits; a space is as wide as a digit."""
    length = max(map(len, lines))
    drawn = []
    for line in lines:
        page = np.full((2 * size, (length + 1) * size), 255, np.uint8)
        for number, name in enumerate(line):
            if name != " ":
                page[:, number * size : (number + 2) * size] &= draw(name, size, max(3, size // 12))
        drawn.append(page[size // 5 : -size // 5])
    return np.vstack(drawn)


def ink_box(drawn: Grey) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect((drawn < 128).astype(np.uint8))
    return left, top, width, height


@pytest.mark.parametrize("lines", [("0",), ("0110101",), ("110", "0 1", "0011"), ("0101101001",) * 5])
@pytest.mark.parametrize("inverted", [False, True])
def test_digits_are_read_in_words_and_lines(lines: Sequence[str], inverted: bool) -> None:
    page = sheet(*lines)
    reading = recognizer().read(255 - page if inverted else page)
    assert reading.text == "\n".join(lines)
    assert list(reading.rejected) == []


def test_a_digit_has_its_probabilities_box_and_image() -> None:
    drawn = draw("0")
    (digit,) = recognizer().read(drawn).digits
    assert digit.digit == digit.probabilities.argmax() == 0
    assert digit.probabilities.dtype == np.float32
    assert digit.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert 0.5 < digit.probability < 1
    assert digit.box == pytest.approx(ink_box(drawn), abs=4)
    assert all(isinstance(side, int) for side in digit.box)
    assert digit.image.shape == (28, 28)
    assert digit.image.dtype == np.uint8
    assert digit.image.max() > 200


@pytest.mark.parametrize("shape", [(1, 1), (300, 1), (1, 2000, 3), (1700, 1700)])
def test_an_empty_image_has_no_digits(shape: tuple[int, ...]) -> None:
    reading = recognizer().read(np.full(shape, 128, np.uint8))
    assert (reading.lines, list(reading.rejected)) == ([], [])


def test_what_is_no_digit_is_rejected() -> None:
    page = np.hstack([draw("01"), np.full((200, 100), 255, np.uint8)])
    page[90:110, 250:340] = 0
    reading = recognizer().read(page)
    assert reading.text == "01"
    (dash,) = reading.rejected
    assert dash.box == pytest.approx((250, 90, 90, 20), abs=9)
    assert dash.probability < min(digit.probability for digit in reading.digits)
    # A lower threshold takes it for a digit.
    assert len(recognizer(min_score=0.1).read(page).digits) == 3


def test_where_a_digit_fills_the_image_no_other_is_looked_for() -> None:
    def detector(frames: Floats) -> Floats:
        raise AssertionError("looked for")

    reader = Reader(detector, fakes.classifier, changed(min_filled=0.5, sure_alone=0.8, lone_objectness=1))
    page = sheet("1", size=30)
    assert DigitRecognizer(fakes.infer, reader).read(page).text == "1"
    with pytest.raises(AssertionError, match="looked for"):
        DigitRecognizer(fakes.infer, reader).read(np.pad(page, 60, constant_values=255))


def test_the_box_of_a_padded_image_is_within_the_image() -> None:
    # What is found is larger than the image, which is padded with 6 pixels.
    cells = fakes.at({(4, 4): [0.9, 15, 15, 15, 15, *fakes.labelled(9, 9)]})
    page = np.full((20, 20), 255, np.uint8)
    page[:, 8:12] = 0
    settings = changed(pad_below=40, padding=0.3, upscale_below=1, min_score=0.1)
    reading = DigitRecognizer(fakes.infer, Reader(cells, fakes.classifier, settings)).read(page)
    assert [digit.box for digit in reading.digits] == [(0, 0, 20, 20)]


def test_boxes_are_in_the_pixels_of_an_image_that_was_shrunk() -> None:
    page = np.full((900, 2 * MAX_SIDE), 255, np.uint8)
    page[300:700, 200:600] &= draw("0", 200, 16)
    (digit,) = recognizer().read(page).digits
    assert digit.box == pytest.approx(ink_box(page), abs=9)


def test_a_sign_parts_numbers_and_is_told() -> None:
    page = sheet("1001")
    left, top, width, height = ink_box(page)
    middle, foot = left + width // 2, top + height
    page[foot - 8 : foot, middle - 4 : middle + 4] = 0
    reading = recognizer().read(page)
    assert (reading.text, reading.text_with_signs) == ("10 01", "10.01")
    (sign,) = reading.signs
    assert sign.box == pytest.approx((middle - 4, foot - 8, 8, 8), abs=3)


def test_a_stroke_that_leans_more_than_the_digits_and_may_be_a_sign_parts_numbers() -> None:
    def classifier(crops: Floats) -> Floats:
        rows = fakes.classifier(crops) * np.float32(0.8)
        rows[:, SIGN] = 0.2
        return rows

    page = sheet("1 1")
    cv2.line(page, (125, 28), (115, 68), 0, 5)
    texts = [
        DigitRecognizer(fakes.infer, Reader(fakes.detector, classifier, changed(max_sign=limit, max_lean=lean)))
        .read(page)
        .text
        for limit, lean in [(0.1, 0.1), (0.3, 0.1), (0.1, 0.5)]
    ]
    assert texts == ["1 1", "111", "111"]


@pytest.mark.parametrize("turns", [1, 3])
def test_a_page_that_makes_no_sense_is_turned(turns: int) -> None:
    # Ones that lie are dashes.
    page = np.ascontiguousarray(np.rot90(sheet("1111", "111 "), turns))
    reading = recognizer().read(page)
    assert sorted(reading.text) == sorted("1111\n111")
    assert reading.turned in (90, 270)
    # Their boxes are those of the dashes.
    pieces = cv2.connectedComponentsWithStats((page < 128).astype(np.uint8))[2][1:, :4]
    found = np.array(sorted(digit.box for digit in reading.digits))
    np.testing.assert_allclose(found, np.array(sorted(pieces.tolist())), atol=6)


def seven(images: NDArray[np.uint8]) -> Floats:
    """Read every image as 7, in place of MNIST's network."""
    return np.eye(10, dtype=np.float32)[[7] * len(images)]


def test_the_networks_vote_for_the_class() -> None:
    def read(image: Grey, **settings: float) -> list[int]:
        # At a smaller size, digits so near would be one piece of ink.
        chosen = changed(candidate_sizes=(60.0, 100.0), scale_step=2.0, **settings)
        reading = DigitRecognizer(seven, Reader(fakes.detector, fakes.classifier, chosen)).read(image)
        return [digit.digit for digit in reading.digits]

    apart = draw("00")
    assert read(apart, mnist_weight=0.0) == [0, 0]
    assert read(apart, mnist_weight=0.9, touching_factor=0.1) == [7, 7]
    # Where digits touch, MNIST's network, which may see parts of both, counts for less.
    left, _, width, _ = ink_box(draw("0"))
    near = np.hstack([draw("0")[:, : left + width + 1], draw("0")[:, left - 1 :]])
    assert read(near, mnist_weight=0.9, touching_factor=1.0) == [7, 7]
    assert read(near, mnist_weight=0.9, touching_factor=0.1) == [0, 0]


def test_mnists_network_has_no_vote_where_no_ink_was_found() -> None:
    cells = fakes.at({(8, 8): [0.9, 12, 12, 12, 12, *fakes.labelled(9, 9)]})
    settings = changed(mnist_weight=1.0, touching_factor=1.0)
    page = np.full((300, 300), 200, np.uint8)
    digit, *_ = DigitRecognizer(seven, Reader(cells, fakes.classifier, settings)).read(page).digits
    assert not digit.image.any()
    assert digit.digit == 0


def test_the_probability_depends_on_the_score_and_on_the_most_probable_class() -> None:
    def read(*calibration: float) -> Digit:
        (digit,) = recognizer(calibration=calibration).read(draw("0")).digits
        return digit

    assert read(2.0, 0.0, 0.0).probability == pytest.approx(0.8808, abs=1e-4)
    by_class = read(0.0, 0.0, 1.0)
    assert by_class.probability == pytest.approx(float(by_class.probabilities.max()), abs=1e-5)
    by_score = read(0.0, 1.0, 0.0).probability
    # Both networks' probabilities are 0.9 and 0.95, at several sizes.
    assert by_score == pytest.approx((0.9 * 0.95) ** 0.5, abs=1e-4)
    odds = [probability / (1 - probability) for probability in (by_score, by_class.probability)]
    both = odds[0] ** 0.5 * odds[1] ** 2 * np.exp(-0.7)
    assert read(-0.7, 0.5, 2.0).probability == pytest.approx(both / (1 + both), abs=1e-4)


def test_many_images_are_read_as_one_by_one_and_errors_are_in_their_places(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    Image.fromarray(draw("01")).save(tmp_path / "01.png")
    tall = np.pad(draw("0", 200, 16), ((0, 1800), (0, 0)), constant_values=255)
    some: list[Source] = [tmp_path / "text.png", draw("01"), tmp_path / "01.png", b"", draw("011", 60, 5), tall]
    # More than a batch of small ones, of which a whole batch is damaged.
    sources: list[Source] = [*some, *[draw("1", 20, 3)] * 70, *[tmp_path / "none.png"] * 130, draw("110")]
    readings = list(recognizer().read_all(iter(sources)))
    assert len(readings) == len(sources)
    for source, reading in zip(sources, readings, strict=True):
        if isinstance(reading, InputError):
            with pytest.raises(InputError) as raised:
                recognizer().read(source)
            assert str(raised.value) == str(reading)
        else:
            assert repr(recognizer().read(source)) == repr(reading)
    assert sum(isinstance(reading, InputError) for reading in readings) == 132
    assert list(recognizer().read_all([])) == []


def test_with_other_classes_one_symbol_is_read_in_each_image() -> None:
    task = Task(classes=("round", "narrow", *"abcdefgh"), fit="digit", polarity="auto")
    page = draw("1")
    symbols = SymbolRecognizer(fakes.infer, task, SETTINGS.ink)
    reading, blank = symbols.read_all([page, np.full((40, 60), 200, np.uint8)])
    assert isinstance(reading, Reading)
    assert reading.text == "narrow"
    assert reading.digits[0].box == (0, 0, *page.shape[::-1])
    assert blank == Reading([])


@pytest.mark.parametrize(
    ("name", "stage"), [("reading.json", "evaluate"), ("detector.onnx", "detector"), ("classifier.onnx", "classifier")]
)
def test_a_missing_or_damaged_file_of_the_reader_is_reported_in_one_line(tmp_path: Path, name: str, stage: str) -> None:
    onnx_files.reader(tmp_path)
    (tmp_path / name).write_bytes(b"\x08\x07" * 50)
    with pytest.raises(InputError, match=rf"{name}: not .* with: dvc .*{stage}$") as raised:
        Reader.load(tmp_path)
    assert "\n" not in str(raised.value)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: no such file; .* with: dvc .*{stage}$"):
        Reader.load(tmp_path)


@pytest.mark.parametrize("name", ["detector", "classifier"])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.UINT8])
def test_another_network_in_the_reader_is_reported(tmp_path: Path, name: str, kind: int) -> None:
    onnx_files.reader(tmp_path)
    onnx_files.constant(tmp_path / f"{name}.onnx", ["N", 32, 32, 3], np.zeros(7, np.float32), kind)
    message = rf"{name}\.onnx: not the reader's {name}; make it with: dvc --cd reader repro {name}$"
    with pytest.raises(InputError, match=message):
        Reader.load(tmp_path)


def test_impossible_settings_are_reported(tmp_path: Path) -> None:
    onnx_files.reader(tmp_path)
    write_json(tmp_path / "reading.json", {**SETTINGS.model_dump(), "mnist_weight": 2})
    with pytest.raises(InputError, match=r"reading\.json: mnist_weight: 2: should be less than or equal to 1"):
        Reader.load(tmp_path)


def test_networks_are_run_without_the_packages_that_train_them(tmp_path: Path) -> None:
    assert (NETWORK, READER) == (ROOT / "models" / "digits.onnx", ROOT / "reader" / "models")
    onnx_files.reader(tmp_path)
    onnx_files.constant(tmp_path / "small.onnx", ["N", 28, 28], np.full(10, 0.1, np.float32), TensorProto.UINT8)
    cv2.imwrite(str(tmp_path / "1.png"), draw("1", 14, 2))
    code = """if True:
        import sys
        from digits import Recognizer
        print(set(Recognizer.load("small.onnx", ".").read("1.png").text.replace("\\n", " ")) - {" "})
        heavy = ("tensorflow", "keras", "matplotlib", "sklearn", "scipy", "dvc", "yaml", "ruamel", "onnx")
        print([name for name in sys.modules if name.split(".")[0] in heavy])
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (["{'1'}", "[]"], "")
