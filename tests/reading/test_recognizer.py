import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from PIL import Image

from digits import model as model_package
from digits.core.errors import InputError
from digits.core.files import write_json
from digits.core.symbols import DIGITS, Symbols
from digits.model import runtime
from digits.reading import recognizer as module
from digits.reading.decoding import LONGEST, Source
from digits.reading.reading import Digit, Reading
from digits.reading.recognizer import NETWORK, READER, SPLIT, Reader, Recognizer, log_odds
from digits.reading.settings import Settings
from tests.reading import fakes, onnx_files
from tests.reading.drawing import Grey, draw
from tests.reading.fakes import SETTINGS, Floats, changed
from tests.repository import ROOT

BLANK = np.full((60, 90), 255, np.uint8)


def recognizer(settings: Settings = SETTINGS) -> Recognizer:
    return Recognizer(fakes.infer, Reader(fakes.detector, fakes.classifier, settings))


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


def same(one: Reading | InputError, other: Reading | InputError) -> bool:
    """Whether both are the same, digit by digit."""
    if isinstance(one, InputError) or isinstance(other, InputError):
        return str(one) == str(other)
    pairs = zip([*one.digits, *one.rejected], [*other.digits, *other.rejected], strict=True)
    return (one.text, len(one.rejected)) == (other.text, len(other.rejected)) and all(
        (each.digit, each.probability, each.box) == (its.digit, its.probability, its.box)
        and np.array_equal(each.probabilities, its.probabilities)
        and np.array_equal(each.image, its.image)
        for each, its in pairs
    )


def ink_box(drawn: Grey) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect((drawn < 128).astype(np.uint8))
    return left, top, width, height


@pytest.mark.parametrize("lines", [("0",), ("1",), ("01",), ("0110101",), ("10 01", "11001"), ("110", "0 1", "0011")])
@pytest.mark.parametrize("inverted", [False, True])
def test_digits_are_read_in_words_and_lines(lines: Sequence[str], inverted: bool) -> None:
    page = sheet(*lines)
    reading = recognizer().read(255 - page if inverted else page)
    assert reading.text == "\n".join(lines)
    assert list(reading.rejected) == []


def test_a_digit_has_its_probabilities_box_and_image() -> None:
    drawn = draw("0")
    (digit,) = recognizer().read(drawn).digits
    assert digit.digit == 0
    assert digit.probabilities.shape == (10,)
    assert digit.probabilities.dtype == np.float32
    assert digit.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert digit.probabilities.argmax() == 0
    assert isinstance(digit.probability, float)
    assert 0.5 < digit.probability < 1
    assert digit.box == pytest.approx(ink_box(drawn), abs=4)
    assert all(isinstance(side, int) for side in digit.box)
    assert digit.image.shape == (28, 28)
    assert digit.image.dtype == np.uint8
    assert digit.image.max() > 200


@pytest.mark.parametrize(
    "image",
    [
        BLANK,
        np.zeros((1, 1), np.uint8),
        np.zeros((300, 1), np.uint8),
        np.full((1, 2000, 3), 255, np.uint8),
        np.full((1700, 1700), 128, np.uint8),
    ],
)
def test_an_empty_picture_has_no_digits(image: Grey) -> None:
    reading = recognizer().read(image)
    assert (reading.text, reading.lines, list(reading.rejected)) == ("", [], [])


def test_what_is_no_digit_is_rejected() -> None:
    page = draw("01")
    page = np.hstack([page, np.full((200, 100), 255, np.uint8)])
    page[90:110, 250:340] = 0
    reading = recognizer().read(page)
    assert reading.text == "01"
    (dash,) = reading.rejected
    assert dash.box == pytest.approx((250, 90, 90, 20), abs=9)
    assert dash.probability < min(digit.probability for digit in reading.digits)
    # A lower threshold takes it for a digit.
    lower = recognizer(changed(accepted=0.1)).read(page)
    assert [len(word) for line in lower.lines for word in line] == [3]
    assert list(lower.rejected) == []


def test_small_digits_beside_large_ones_are_rejected() -> None:
    page = np.hstack([np.full((200, 100), 255, np.uint8), draw("01")])
    page[20:70, 25:75] = draw("0", 25, 4)
    reading = recognizer().read(page)
    assert reading.text == "01"
    (small,) = reading.rejected
    assert small.box[0] < 100
    everything = recognizer(changed(smallest=0.1)).read(page)
    assert sorted(each.digit for each in everything.digits) == [0, 0, 1]
    # Alone, it is a digit.
    assert recognizer().read(page[:, :100]).text == "0"


def test_a_lone_digit_on_a_large_page_has_to_be_surer() -> None:
    alone = np.full((800, 800), 255, np.uint8)
    alone[:120, :120] = draw("0", 60, 6)
    scored = recognizer(changed(calibration=(0.0, 1.0, 0.0))).read(alone).digits[0].probability
    strict = changed(surest=scored - 0.2, emptier=0.06)
    assert recognizer(strict).read(alone[:120, :120]).text == "0"
    reading = recognizer(strict).read(alone)
    assert reading.text == ""
    assert len(reading.rejected) == 1


def test_a_digit_that_was_cut_out_is_read_with_a_margin() -> None:
    tight = draw("0", 24, 4)
    rows, columns = np.nonzero(tight < 128)
    tight = np.ascontiguousarray(tight[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    (digit,) = recognizer(changed(cut=60, margin=0.2)).read(tight).digits
    assert digit.box == pytest.approx((0, 0, tight.shape[1], tight.shape[0]), abs=4)


def test_a_box_does_not_reach_into_the_margin() -> None:
    # What is found is larger than the picture, which has a margin of 6 pixels.
    cells = fakes.at({(4, 4): [0.9, 15, 15, 15, 15, *fakes.labelled(9, 9)]})
    page = np.full((20, 20), 255, np.uint8)
    page[:, 8:12] = 0
    some = Recognizer(fakes.infer, Reader(cells, fakes.classifier, changed(cut=40, margin=0.3, small=1, accepted=0.1)))
    assert [each.box for each in some.read(page).digits] == [(0, 0, 20, 20)]


def test_the_size_of_what_is_rejected_does_not_count() -> None:
    page = np.full((800, 340), 255, np.uint8)
    page[:80, :80] = draw("0", 40, 4)
    # Dashes that are long enough to make the digit look small.
    for y in range(150, 750, 60):
        page[y : y + 20, 60:200] = 0
    reading = recognizer(changed(smallest=0.5)).read(page)
    assert reading.text == "0"
    assert len(reading.rejected) == 10


@pytest.mark.parametrize(("width", "height"), [(2 * LONGEST, 900), (700, 3 * LONGEST)])
def test_boxes_are_in_the_pixels_of_an_image_that_was_shrunk(width: int, height: int) -> None:
    page = np.full((height, width), 255, np.uint8)
    page[300:700, 200:600] &= draw("0", 200, 16)
    (digit,) = recognizer().read(page).digits
    assert digit.box == pytest.approx(ink_box(page), abs=9)


def test_a_box_has_at_least_one_pixel() -> None:
    cells = fakes.at({(3, 3): [0.9, 0.1, 7, 0.1, 7]})
    classifier: fakes.Network = lambda crops: np.full((len(crops), 11), 1 / 11, np.float32)  # noqa: E731
    # Of one level only.
    some = Recognizer(fakes.infer, Reader(cells, classifier, changed(least=250, accepted=0.1)))
    assert [each.box for each in some.read(np.zeros((300, 300), np.uint8)).digits] == [(10, 3, 1, 14)]


def test_many_digits_are_read_a_part_at_a_time() -> None:
    lines = ["0101101001", "1100110010"] * 5
    counts: list[int] = []

    def classifier(crops: Floats) -> Floats:
        counts.append(len(crops))
        return fakes.classifier(crops)

    reading = Recognizer(fakes.infer, Reader(fakes.detector, classifier, SETTINGS)).read(sheet(*lines, size=40))
    assert reading.text == "\n".join(lines)
    assert max(counts) == SPLIT
    assert len(counts) > 1


def named(digit: int) -> Any:
    """Return a network of MNIST that reads everything as ``digit``."""

    def infer(images: NDArray[np.uint8]) -> Floats:
        rows = np.zeros((len(images), 10), np.float32)
        rows[:, digit] = 1
        return rows

    return infer


def test_the_networks_vote_for_the_label() -> None:
    def read(image: Grey, **settings: float) -> list[int]:
        # At a smaller size, digits so near would be one piece of ink.
        some = changed(heights=(60.0, 100.0), step=2.0, **settings)
        return [
            each.digit
            for each in Recognizer(named(7), Reader(fakes.detector, fakes.classifier, some)).read(image).digits
        ]

    apart = draw("00")
    assert read(apart, vote=0.0) == [0, 0]
    assert read(apart, vote=0.9) == [7, 7]
    assert read(apart, vote=0.9, touching=0.1) == [7, 7]
    # Where digits touch, MNIST's network, which may see parts of both, counts for less.
    left, _, width, _ = ink_box(draw("0"))
    near = np.hstack([draw("0")[:, : left + width + 1], draw("0")[:, left - 1 :]])
    assert read(near, vote=0.9, touching=1.0) == [7, 7]
    assert read(near, vote=0.9, touching=0.1) == [0, 0]


def test_mnists_network_has_no_vote_where_no_ink_was_found() -> None:
    cells = fakes.at({(8, 8): [0.9, 12, 12, 12, 12, *fakes.labelled(9, 9)]})
    some = Recognizer(named(7), Reader(cells, fakes.classifier, changed(vote=1.0, touching=1.0)))
    (digit,) = some.read(np.full((300, 300), 200, np.uint8)).digits[:1]
    assert not digit.image.any()
    assert digit.digit == 0


@pytest.mark.parametrize(
    ("calibration", "expected"),
    [((0.0, 0.0, 0.0), 0.5), ((2.0, 0.0, 0.0), 0.8808), ((-1.0, 0.0, 0.0), 0.2689)],
)
def test_a_constant_calibration_gives_a_constant_probability(
    calibration: tuple[float, float, float], expected: float
) -> None:
    (digit,) = recognizer(changed(calibration=calibration)).read(draw("0")).digits
    assert digit.probability == pytest.approx(expected, abs=1e-4)


def test_the_probability_depends_on_being_a_digit_and_on_its_label() -> None:
    def read(*calibration: float) -> Digit:
        (digit,) = recognizer(changed(calibration=calibration)).read(draw("0")).digits
        return digit

    label = read(0.0, 0.0, 1.0)
    assert label.probability == pytest.approx(float(label.probabilities.max()), abs=1e-5)
    there = read(0.0, 1.0, 0.0).probability
    # Both networks' probabilities are 0.9 and 0.95, at several sizes.
    assert there == pytest.approx((0.9 * 0.95) ** 0.5, abs=1e-4)
    odds = [probability / (1 - probability) for probability in (there, label.probability)]
    both = odds[0] ** 0.5 * odds[1] ** 2 * np.exp(-0.7)
    assert read(-0.7, 0.5, 2.0).probability == pytest.approx(both / (1 + both), abs=1e-4)


def test_log_odds_are_bounded() -> None:
    found = log_odds(np.array([0, 0.1, 0.5, 0.9, 1], np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [-9.2102, -2.1972, 0, 2.1972, 9.2102], atol=1e-3)


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    """Images of different sizes and kinds, some of them damaged or missing."""
    Image.fromarray(draw("01")).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("not an image")
    return [
        tmp_path / "b.png",
        draw("01"),
        draw("10"),
        tmp_path / "a.png",
        tmp_path / "none.png",
        np.zeros((1, 1), np.uint8),
        draw("011", 60, 5),
        255 - draw("01"),
        b"",
        BLANK,
        Image.fromarray(draw("110")),
        np.pad(draw("0", 200, 16), ((0, 1800), (0, 0)), constant_values=255),
        draw("01"),
        tmp_path / "b.png",
    ]


def one_by_one(sources: Sequence[Source]) -> list[Reading | InputError]:
    results: list[Reading | InputError] = []
    for source in sources:
        try:
            results.append(recognizer().read(source))
        except InputError as error:
            results.append(error)
    return results


@pytest.mark.parametrize(("batch", "pixels"), [(64, 1_000_000), (64, 1), (3, 100_000), (2, 1_000_000)])
def test_images_are_read_together_as_they_are_alone(
    sources: list[Source], monkeypatch: pytest.MonkeyPatch, batch: int, pixels: int
) -> None:
    expected = one_by_one(sources)
    assert [isinstance(each, InputError) for each in expected].count(True) == 4
    assert [each.text for each in expected if isinstance(each, Reading)][:4] == ["01", "10", "01", ""]
    monkeypatch.setattr(module, "BATCH", batch)
    monkeypatch.setattr(module, "PIXELS", pixels)
    results = list(recognizer().read_all(sources))
    assert len(results) == len(expected)
    assert all(map(same, results, expected))


def test_images_that_are_all_damaged_are_all_reported(tmp_path: Path) -> None:
    missing: list[Source] = [tmp_path / f"{number}.png" for number in range(module.BATCH + 3)]
    results = list(recognizer().read_all(missing))
    assert [str(each).split(":")[0] for each in results] == [str(path) for path in missing]
    assert all(isinstance(each, InputError) for each in results)
    # More of them, and then an image.
    *errors, last = recognizer().read_all([*missing, draw("01")])
    assert len(errors) == len(missing)
    assert isinstance(last, Reading)
    assert last.text == "01"


def test_no_images_are_no_readings() -> None:
    assert list(recognizer().read_all([])) == []


def test_images_are_read_while_there_come_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    readings = recognizer().read_all(itertools.cycle([draw("01", 40, 4), draw("10", 40, 4)]))
    first = list(itertools.islice(readings, 10))
    assert [each.text for each in first if isinstance(each, Reading)] == ["01", "10"] * 5


def test_images_of_the_same_size_are_seen_together() -> None:
    counts: list[int] = []

    def detector(frames: Floats) -> Floats:
        counts.append(len(frames))
        return fakes.detector(frames)

    some = Recognizer(fakes.infer, Reader(detector, fakes.classifier, SETTINGS))
    assert len(list(some.read_all([BLANK] * 5))) == 5
    assert set(counts) == {5}


@pytest.mark.parametrize(("name", "limit"), [("BATCH", 2), ("PIXELS", 2 * BLANK.size)])
def test_few_images_are_seen_together(monkeypatch: pytest.MonkeyPatch, name: str, limit: int) -> None:
    counts: list[int] = []

    def detector(frames: Floats) -> Floats:
        counts.append(len(frames))
        return fakes.detector(frames)

    monkeypatch.setattr(module, name, limit)
    some = Recognizer(fakes.infer, Reader(detector, fakes.classifier, SETTINGS))
    assert len(list(some.read_all([BLANK] * 5))) == 5
    assert set(counts) == {2, 1}


def test_what_is_not_an_image_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an image"):
        recognizer().read(b"text")
    with pytest.raises(InputError, match=r"a\.png: no such file"):
        recognizer().read(tmp_path / "a.png")


def test_the_reader_is_loaded_from_its_folder(tmp_path: Path) -> None:
    onnx_files.reader(tmp_path)
    settings = changed(calibration=(0.5, 2.0, 3.0))
    write_json(tmp_path / "reading.json", settings.model_dump())
    reader = Reader.load(tmp_path)
    assert reader.settings == settings
    assert reader.detector(np.zeros((2, 32, 48, 2), np.float32)).shape == (2, 8, 12, 15)
    assert reader.classifier(np.zeros((5, 32, 32, 3), np.float32)).shape == (5, 11)


@pytest.mark.parametrize(
    ("name", "stage"), [("reading.json", "evaluate"), ("detector.onnx", "detector"), ("classifier.onnx", "classifier")]
)
def test_what_is_missing_of_the_reader_is_reported(tmp_path: Path, name: str, stage: str) -> None:
    onnx_files.reader(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: no such file; make it with: dvc --cd reader repro {stage}$"):
        Reader.load(tmp_path)


@pytest.mark.parametrize("name", ["detector", "classifier"])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.UINT8])
def test_another_network_in_the_reader_is_reported_in_one_line(tmp_path: Path, name: str, kind: int) -> None:
    onnx_files.reader(tmp_path)
    onnx_files.constant(tmp_path / f"{name}.onnx", ["N", 32, 32, 3], np.zeros(7, np.float32), kind)
    message = rf"{name}\.onnx: not the reader's {name}; make it with: dvc --cd reader repro {name}$"
    with pytest.raises(InputError, match=message):
        Reader.load(tmp_path)


def test_settings_that_are_no_settings_are_reported(tmp_path: Path) -> None:
    onnx_files.reader(tmp_path)
    write_json(tmp_path / "reading.json", {**SETTINGS.model_dump(), "vote": 2})
    with pytest.raises(InputError, match=r"reading\.json: vote: 2: should be less than or equal to 1"):
        Reader.load(tmp_path)


def test_of_other_classes_one_symbol_is_read_in_each_image() -> None:
    symbols = Symbols(classes=("round", "narrow", *"abcdefgh"), fit="digit", polarity="auto")
    some = Recognizer(fakes.infer, Reader(fakes.detector, fakes.classifier, SETTINGS), symbols)
    page = draw("1")
    found, blank = some.read_all([page, np.full((40, 60), 200, np.uint8)])
    assert isinstance(found, Reading)
    assert found.text == "narrow"
    assert found.digits[0].box == (0, 0, *page.shape[::-1])
    assert found.as_dict()["lines"][0][0][0]["class"] == "narrow"
    assert blank == Reading([])


def test_a_missing_network_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.onnx: no such file"):
        Recognizer.load(tmp_path / "none.onnx", tmp_path)


def test_a_keras_network_is_run_by_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx_files.reader(tmp_path)

    def load(path: Path) -> tuple[SimpleNamespace, Symbols]:
        assert path == tmp_path / "a.keras"
        return SimpleNamespace(predict=lambda images, batch_size, verbose: fakes.infer(images)), DIGITS

    # TensorFlow would take seconds.
    network = SimpleNamespace(load=load)
    monkeypatch.setitem(sys.modules, "digits.model.network", network)
    monkeypatch.setattr(model_package, "network", network, raising=False)
    loaded = Recognizer.load(tmp_path / "a.keras", tmp_path)
    image = np.zeros((1, 28, 28), np.uint8)
    image[:, 4:24, 4:24] = 255
    np.testing.assert_array_equal(loaded.infer(image), fakes.infer(image))


def test_each_network_runs_on_as_many_threads_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx_files.reader(tmp_path)
    original, asked = runtime.open_session, list[int]()

    def open_session(path: Path, advice: str, threads: int, *more: Any) -> Any:
        asked.append(threads)
        return original(path, advice, threads, *more)

    monkeypatch.setattr(runtime, "open_session", open_session)
    Recognizer.load(NETWORK, tmp_path, threads=3)
    assert asked == [3, 3, 3]


def test_networks_are_run_without_tensorflow(tmp_path: Path) -> None:
    assert (NETWORK, READER) == (ROOT / "models" / "digits.onnx", ROOT / "reader" / "models")
    onnx_files.reader(tmp_path)
    row = np.full(10, 0.1, np.float32)
    onnx_files.constant(tmp_path / "small.onnx", ["N", 28, 28], row, TensorProto.UINT8)
    cv2.imwrite(str(tmp_path / "1.png"), draw("1", 14, 2))
    code = """if True:
        import sys
        from digits import Recognizer
        print(set(Recognizer.load("small.onnx", ".").read("1.png").text.replace("\\n", " ")) - {" "})
        heavy = ("tensorflow", "keras", "matplotlib", "sklearn", "scipy", "dvc")
        print([name for name in sys.modules if name.split(".")[0] in heavy])
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["{'1'}", "[]"]
    assert done.stderr == ""
