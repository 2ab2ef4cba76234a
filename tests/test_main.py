import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image

from digits import command_line
from digits.core.errors import InputError
from digits.model import network
from digits.reading.reading import Digit, Reading
from digits.reading.recognizer import Recognizer
from tests.reading import onnx_files
from tests.reading.drawing import draw

LAYERS: list[network.Spec] = [
    {"Conv2D": {"filters": 2, "kernel_size": 3}},
    {"Flatten": {}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["digits", *map(str, arguments)])
    command_line.main()


@pytest.fixture(scope="module")
def keras_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keras") / "model.keras"
    network.save(network.build(LAYERS), path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network to which all digits are equally likely, so that the reader's networks decide."""
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    onnx_files.constant(path, ["N", 28, 28], np.full(10, 0.1, np.float32), TensorProto.UINT8)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image of two digits, a blank image, a damaged image, and a text file."""
    path = tmp_path / "images"
    path.mkdir()
    Image.fromarray(draw("50")).save(path / "a.png")
    Image.fromarray(np.full((50, 50), 255, np.uint8)).save(path / "b.png")
    (path / "c.png").write_text("not an image")
    (path / "note.txt").write_text("a note")
    return path


def test_summary_lists_layers_and_the_total_number_of_parameters(
    keras_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "summary", keras_model)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Conv2D", "3×3", "26×26×2", "20"] in lines
    assert lines[-1] == ["total", "13,550"]


def test_weights_are_printed_completely_and_exactly(
    keras_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "weights", keras_model)
    lines = capsys.readouterr().out.splitlines()
    starts = [number for number, line in enumerate(lines) if line.split()[0].endswith(("kernel", "bias"))]
    printed = [
        np.array(" ".join(lines[start + 1 : end]).split(), np.float32)
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    for values, weight in zip(printed, network.load(keras_model)[0].get_weights(), strict=True):
        np.testing.assert_array_equal(values, weight.ravel())
    assert lines[starts[0]].endswith(" 3x3x1x2")


def test_a_model_is_exported_next_to_the_original(
    keras_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "export", keras_model, "--format", "tflite")
    assert keras_model.with_suffix(".tflite").exists()
    assert "differ from Keras's by at most" in capsys.readouterr().out


def test_a_keras_model_reads_images_too(
    keras_model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "read", folder / "a.png", "--model", keras_model)
    assert re.match(r".*a\.png: \d\d \(0\.\d+\)$", capsys.readouterr().out)


def test_the_images_of_a_folder_are_read_and_bad_ones_reported(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "read", folder, "--model", model)
    assert ended.value.code == 1
    captured = capsys.readouterr()
    digits, blank = captured.out.splitlines()
    assert digits.startswith(f"{folder / 'a.png'}: 50 (0.")
    assert blank == f"{folder / 'b.png'}: no digit"
    (error,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert "c.png: not an image" in error


def test_images_in_a_format_that_is_not_read_are_named_at_the_end(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "c.png").unlink()
    (folder / "sub").mkdir()
    for name in ("sub/IMG_0001.HEIC", "a.pdf", "notes.txt", ".hidden.heic"):
        (folder / name).write_bytes(b"anything")
    run(monkeypatch, "read", folder, "--model", model)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("skipped, not in a supported format (AVIF, BMP,")
    assert last.endswith(f"): 2: {folder / 'a.pdf'}, {folder / 'sub' / 'IMG_0001.HEIC'}")


@pytest.mark.parametrize("kind", ["tif", "gif"])
def test_each_page_of_a_file_is_read(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    page = Image.open(folder / "a.png").convert("L")
    blank = Image.new("L", page.size, 255)
    blank.save(folder / f"scan.{kind}", save_all=True, append_images=[page])
    run(monkeypatch, "read", folder / f"scan.{kind}", "--model", model)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{folder}/scan.{kind}#1: no digit"
    assert second.startswith(f"{folder}/scan.{kind}#2: 50 (")


def test_json_has_one_object_per_line(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "read", folder, "--model", model, "--json")
    read, blank, damaged = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(read) == ["picture", "text", "lines", "rejected"]
    assert (read["picture"], read["text"]) == (str(folder / "a.png"), "50")
    assert (blank["text"], blank["lines"]) == ("", [])
    assert set(damaged) == {"picture", "error"}


def digits(text: str, probability: float = 1.0) -> list[Digit]:
    nothing = np.zeros((28, 28), np.uint8)
    return [Digit(int(name), probability, np.zeros(10, np.float32), (0, 0, 1, 1), nothing) for name in text]


def test_words_and_lines_are_told_apart_and_uncertain_digits_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [[digits("0172"), digits("345689")], [digits("12"), digits("7", 0.4), digits("45")]]
    lines[0][0][-1] = lines[0][0][-1]._replace(sign=".")
    reading = Reading(lines, digits("1", 0.2))
    monkeypatch.setattr(Recognizer, "read_all", lambda self, sources: (reading for _ in sources))
    path = folder / "a.png"
    run(monkeypatch, "read", path)
    run(monkeypatch, "read", path, "--min-probability", "0.5")
    run(monkeypatch, "read", path, "--min-probability", "0.5", "--json")
    run(monkeypatch, "read", path, "--signs")
    all_digits, certain, as_json, with_signs = capsys.readouterr().out.splitlines()
    assert with_signs == f"{path}: 0172.345689 / 12 7 45 (0.400)"
    assert all_digits == f"{path}: 0172 345689 / 12 7 45 (0.400)"
    assert certain == f"{path}: 0172 345689 / 12 45 (1.000)"
    written = json.loads(as_json)
    assert written["text"] == "0172 345689\n12 45"
    assert [[len(word) for word in line] for line in written["lines"]] == [[4, 6], [2, 2]]
    assert written["lines"][0][0][1] == {"digit": 1, "probability": 1.0, "box": [0, 0, 1, 1]}
    assert [(digit["digit"], digit["probability"]) for digit in written["rejected"]] == [(1, 0.2), (7, 0.4)]


@pytest.mark.parametrize("probability", ["-0.1", "1.5", "nan", "half"])
def test_an_impossible_probability_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], probability: str
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "read", "a.png", "--min-probability", probability)
    assert f"--min-probability: {probability}: should be a number from 0 to 1\n" in capsys.readouterr().err


TREE = [
    "a.png",
    "b.JPG",
    "note.txt",
    "sub/.hidden.png",
    "sub/c.png",
    "sub/deep/d[1].png",
    ".cache/e.png",
    "folder.png/",
]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which contains a folder all/ with the files of TREE."""
    for name in TREE:
        path = tmp_path / "all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("image", "names"),
    [
        ("all", ["a.png", "b.JPG", "sub/c.png", "sub/deep/d[1].png"]),
        ("all/.cache", [".cache/e.png"]),
        ("all/*.png", ["a.png"]),
        ("all/?.*", ["a.png", "b.JPG"]),
        ("all/s*", ["sub/c.png", "sub/deep/d[1].png"]),
        ("all/**/*.png", ["a.png", "sub/c.png", "sub/deep/d[1].png"]),
        ("all/**", ["a.png", "b.JPG", "sub/c.png", "sub/deep/d[1].png"]),
        ("all/.c*/*", [".cache/e.png"]),
        ("all/sub/.*.png", ["sub/.hidden.png"]),
        ("all/sub/../*.png", ["sub/../a.png"]),
        # This is the name of a file, and a pattern that matches only d1.png.
        ("all/sub/deep/d[1].png", ["sub/deep/d[1].png"]),
        ("all/sub/deep/d[[]1].png", ["sub/deep/d[1].png"]),
        # Files that are named are opened, which tells what is wrong with them.
        ("all/note.txt", ["note.txt"]),
        ("all/none.png", ["none.png"]),
    ],
)
def test_folders_and_patterns_stand_for_their_images(tree: Path, image: str, names: list[str]) -> None:
    assert command_line.find_images(image) == [Path("all", name) for name in names]
    assert command_line.find_images(str(tree / image)) == [tree / "all" / name for name in names]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("all/folder.png", "no images in this folder or below it"),
        ("all/*.tif", "no images match this pattern"),
        ("all/n*", "no images match this pattern"),
        ("x" * 1000, "name too long"),
    ],
)
@pytest.mark.usefixtures("tree")
def test_no_images_are_reported_in_one_line(image: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(image)}: .*{message}$"):
        command_line.find_images(image)


def test_links_to_folders_are_not_followed_in_a_search(tree: Path) -> None:
    try:
        (tree / "all" / "loop").symlink_to(tree / "all", target_is_directory=True)
    except OSError:
        pytest.skip("links may not be made here")
    assert len(command_line.find_images("all")) == len(command_line.find_images("all/**/*")) == 4
    assert len(command_line.find_images("all/lo*")) == 4


def give_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_an_image_is_read_from_standard_input(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give_stdin(monkeypatch, (folder / "a.png").read_bytes())
    run(monkeypatch, "read", "-", "--model", model)
    assert capsys.readouterr().out.startswith("-: 50 (0.")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_standard_input_that_is_no_image_is_reported_by_its_name(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    give_stdin(monkeypatch, b"not an image")
    with pytest.raises(SystemExit):
        run(monkeypatch, "read", "-", "--model", model, *options)
    captured = capsys.readouterr()
    if options:
        assert json.loads(captured.out)["picture"] == "-"
    else:
        assert "error: -: not an image" in captured.err


@pytest.mark.parametrize(
    ("content", "images", "message"),
    [
        (b"", ["-"], "-: nothing on standard input"),
        (b"x" * 11, ["-"], "-: more than 0 MB"),
        (b"x", ["-", "-"], "-: given twice"),
    ],
)
def test_unusable_standard_input_is_reported(
    monkeypatch: pytest.MonkeyPatch, content: bytes, images: list[str], message: str
) -> None:
    monkeypatch.setattr(command_line, "MAX_STDIN_BYTES", 10)
    give_stdin(monkeypatch, content)
    with pytest.raises(InputError, match=message):
        run(monkeypatch, "read", *images)


@pytest.mark.parametrize("options", [[], ["--json"]])
# A character that the terminal does not have, and a byte that is no character.
@pytest.mark.parametrize("name", ["\u7167", "\udcff"])
def test_names_that_the_terminal_cannot_show_are_escaped(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: list[str]
) -> None:
    try:
        path = (folder / "b.png").rename(folder / f"{name}.png")
    except OSError:
        pytest.skip("names are Unicode here")
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="cp1252"))
    monkeypatch.setattr(sys, "argv", ["digits", "read", str(path), "--model", str(model), *options])
    command_line.command()
    sys.stdout.flush()
    text = printed.getvalue().decode("cp1252")
    assert f"{ascii(name)[1:-1]}.png" in text
    if options:
        assert json.loads(text)["picture"] == str(path)


@pytest.mark.parametrize("name", ["a.png", "b.png"])
def test_the_reading_is_drawn(model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for file, kind in (("drawing.png", "PNG"), ("drawing.jpg", "JPEG")):
        run(monkeypatch, "read", folder / name, "--model", model, "--show", folder / file)
        drawing = Image.open(folder / file)
        assert (drawing.format, drawing.width > 500) == (kind, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "b.png", "--show", "x.png"], "needs a single image, not 2"),
        (["a.png", "--show", "empty"], r"^empty: cannot be written \(Is a directory\); "),
        (["empty"], "no images in this folder"),
        ([""], "an empty name"),
        (["a.png", "--model", "x.h5"], r"^x\.h5: not a network that is read; take an \.onnx file, or a \.keras file$"),
    ],
)
def test_unusable_arguments_are_reported(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=message):
        run(monkeypatch, "read", "--model", model, *arguments)
