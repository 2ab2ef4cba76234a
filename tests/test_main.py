import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import command_line
from digits.core.errors import InputError
from digits.model import network
from digits.reading.reading import Reading
from digits.reading.recognizer import Recognizer
from tests.reading.drawing import draw
from tests.reading.test_reading import digit, words

LAYERS: list[network.Spec] = [
    {"Conv2D": {"filters": 2, "kernel_size": 3}},
    {"Flatten": {}},
    {"Dense": {"units": 10, "activation": "softmax"}},
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["digits", *arguments])
    command_line.main()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.keras"
    network.save(network.build(LAYERS), path)
    return path


def test_summary_lists_layers_and_the_total_number_of_parameters(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "summary", str(model))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Conv2D", "3×3", "26×26×2", "20"] in lines
    assert lines[-1] == ["total", "13,550"]


def test_weights_are_printed_completely_and_exactly(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "weights", str(model))
    lines = capsys.readouterr().out.splitlines()
    starts = [number for number, line in enumerate(lines) if line.split()[0].endswith(("kernel", "bias"))]
    printed = [
        np.array(" ".join(lines[start + 1 : end]).split(), np.float32)
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    expected = network.load(model)[0].get_weights()
    assert len(printed) == len(expected)
    for values, weight in zip(printed, expected, strict=True):
        np.testing.assert_array_equal(values, weight.ravel())
    assert lines[starts[0]].endswith(" 3x3x1x2")


@pytest.mark.parametrize("command", ["summary", "weights"])
def test_a_file_that_is_not_a_model_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    path = tmp_path / "bad.keras"
    path.write_text("not a model")
    with pytest.raises(InputError, match=r"bad\.keras: not a Keras model"):
        run(monkeypatch, command, str(path))


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


def test_the_images_of_a_folder_are_read_and_bad_ones_reported(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "read", str(folder), "--model", str(model))
    assert ended.value.code == 1
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert first.startswith(f"{folder / 'a.png'}: ")
    assert len(first.split(": ")[1].split(" (")[0]) == 2
    assert second == f"{folder / 'b.png'}: no digit"
    (error,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert "c.png: not an image" in error


def test_json_has_one_object_per_line(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "read", str(folder), "--model", str(model), "--json")
    read, blank, damaged = map(json.loads, capsys.readouterr().out.splitlines())
    assert read["picture"] == str(folder / "a.png")
    assert list(read) == ["picture", "text", "lines", "rejected"]
    words = [["".join(str(each["digit"]) for each in word) for word in line] for line in read["lines"]]
    assert read["text"] == "\n".join(" ".join(line) for line in words)
    for each in [*(each for line in read["lines"] for word in line for each in word), *read["rejected"]]:
        assert 0.1 <= each["probability"] <= 1
        assert len(each["box"]) == 4
    assert (blank["text"], blank["lines"]) == ("", [])
    assert set(damaged) == {"picture", "error"}


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> Reading:
    """What is read in every image: two lines of numbers, with an uncertain 7, and a piece that is rejected."""
    lines = [words("0172 345689"), [*words("12"), [digit(7, 0.4)], *words("45")]]
    reading = Reading(lines, [digit(1, 0.2)])
    monkeypatch.setattr(Recognizer, "read_all", lambda self, sources: (reading for _ in sources))
    return reading


def test_words_and_lines_are_told_apart(
    folder: Path, numbers: Reading, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(folder / "a.png")
    run(monkeypatch, "read", path)
    run(monkeypatch, "read", path, "--min-probability", "0.5")
    run(monkeypatch, "read", path, "--min-probability", "0.5", "--json")
    whole, certain, as_json = capsys.readouterr().out.splitlines()
    assert whole == f"{path}: 0172 345689 / 12 7 45 (0.400)"
    assert certain == f"{path}: 0172 345689 / 12 45 (1.000)"
    written = json.loads(as_json)
    assert written["text"] == "0172 345689\n12 45"
    assert [[len(word) for word in line] for line in written["lines"]] == [[4, 6], [2, 2]]
    assert written["lines"][0][0][1] == {"digit": 1, "probability": 1.0, "box": [0, 0, 1, 1]}
    assert [(each["digit"], each["probability"]) for each in written["rejected"]] == [(1, 0.2), (7, 0.4)]


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
    ("image", "found"),
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
def test_folders_and_patterns_stand_for_their_images(tree: Path, image: str, found: list[str]) -> None:
    assert command_line.find_images(image) == [Path("all", each) for each in found]
    assert command_line.find_images(str(tree / image)) == [tree / "all" / each for each in found]


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


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Make ``content`` the standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_an_image_is_read_from_standard_input(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, drawn = folder / "a.png", folder / "drawn.png"
    give(monkeypatch, picture.read_bytes())
    run(monkeypatch, "read", "-", "--model", str(model), "--show", str(drawn))
    run(monkeypatch, "read", str(picture), "--model", str(model))
    one, other = capsys.readouterr().out.splitlines()
    assert one.removeprefix("-: ") == other.removeprefix(f"{picture}: ") != other
    assert Image.open(drawn).width > 500


def test_standard_input_that_is_no_image_is_reported_by_its_name(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ([], ["--json"]):
        give(monkeypatch, b"not an image")
        with pytest.raises(SystemExit):
            run(monkeypatch, "read", "-", "--model", str(model), *options)
    captured = capsys.readouterr()
    assert "error: -: not an image" in captured.err
    assert json.loads(captured.out)["picture"] == "-"


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
    monkeypatch.setattr(command_line, "MOST_BYTES", 10)
    give(monkeypatch, content)
    with pytest.raises(InputError, match=message):
        run(monkeypatch, "read", *images)


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("name", ["\u7167", "\udcff"])
def test_names_that_the_terminal_cannot_show_are_escaped(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: list[str]
) -> None:
    """A character that the terminal does not have, and a byte that is no character."""
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
    drawn = folder / "drawn.png"
    run(monkeypatch, "read", str(folder / name), "--model", str(model), "--show", str(drawn))
    assert Image.open(drawn).width > 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "b.png", "--show", "x.png"], "needs a single image, not 2"),
        (["a.png", "--show", "empty"], r"^empty: cannot be written \(Is a directory\); "),
        (["empty"], "no images in this folder"),
        ([""], "an empty name"),
    ],
)
def test_unusable_arguments_are_reported(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=message):
        run(monkeypatch, "read", *arguments, "--model", str(model))


def test_a_model_is_exported_next_to_the_original(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "export", str(model), "--format", "tflite")
    assert model.with_suffix(".tflite").exists()
    assert "differ from Keras's by at most" in capsys.readouterr().out
