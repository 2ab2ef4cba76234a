"""The command line: python -m digits read IMAGE..., serve, export MODEL, summary MODEL, weights MODEL."""

import argparse
import glob
import io
import json
import re
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digits.core.errors import InputError, needing, run_main
from digits.reading.decoding import EXTENSIONS, FORMATS, Frame, decode, frames, printable
from digits.reading.recognizer import NETWORK, Recognizer

# An image with more bytes would be refused.
MAX_STDIN_BYTES = 200_000_000
# What looks like an image to those who have it, if no library of this machine reads it.
UNSUPPORTED = {".avif", ".cr2", ".dng", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".pdf", ".psd", ".svg"}


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="digits", description="Read digits or other symbols, and inspect a model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add_model(command: argparse.ArgumentParser) -> None:
        text = "an .onnx or .keras file; default: models/digits.onnx of the repository"
        command.add_argument("--model", metavar="MODEL", type=Path, default=NETWORK, help=text)

    description = "print the digits in images, with the probability of the least certain digit"
    command = commands.add_parser("read", help=description, description=description)
    command.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="an image file, a folder, searched with its sub-folders, a pattern such as 'scans/**/*.png', or - for an "
        "image from standard input",
    )
    add_model(command)
    command.add_argument(
        "--min-probability",
        metavar="P",
        type=partial(_number, most=1, zero=True),
        default=0,
        help="leave out digits with a probability below P, from 0 to 1; default: 0",
    )
    command.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help="print one JSON object per line, with the box and the probability of each digit",
    )
    command.add_argument(
        "--signs",
        action="store_true",
        help="write the signs between digits where they stand: 12.50 instead of 12 50",
    )
    command.add_argument(
        "--show",
        metavar="FILE",
        type=Path,
        help="draw what was read, and dashed what was rejected, as a .png or .jpg; for a single image",
    )
    command.set_defaults(function=read)
    description = "open a page on which to draw digits or to read a photo, with an HTTP API"
    command = commands.add_parser("serve", aliases=["draw"], help=description, description=description)
    add_model(command)
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="default: 127.0.0.1, this machine only; 0.0.0.0: other machines too",
    )
    command.add_argument("--port", type=int, default=7860, help="default: 7860")
    command.add_argument(
        "--allow-origin",
        dest="origins",
        metavar="ORIGIN",
        type=_origin,
        action="append",
        default=[],
        help="let pages of another site, such as https://example.org, read images here, and this page be opened by its "
        "name; may be given several times",
    )
    command.add_argument(
        "--max-mb",
        dest="megabytes",
        metavar="MB",
        type=partial(_number, most=1000, zero=False),
        default=20,
        help="largest request; default: 20",
    )
    command.add_argument("--no-browser", dest="browser", action="store_false", help="do not open a browser")
    command.set_defaults(function=serve)
    description = "convert the model for another runtime, and check the result there"
    command = commands.add_parser("export", help=description, description=description)
    command.add_argument("model", metavar="MODEL", type=Path, help="a .keras file, such as models/model.keras")
    command.add_argument("--format", dest="form", required=True, choices=["onnx", "tflite", "saved_model"])
    command.add_argument("--out", metavar="PATH", type=Path, help="default: next to MODEL, with the same name")
    command.set_defaults(function=export)
    for function, description in (
        (summary, "print the layers with their output shapes and numbers of parameters"),
        (weights, "print the name, shape and values of all weights"),
    ):
        command = commands.add_parser(function.__name__, help=description, description=description)
        command.add_argument("model", metavar="MODEL", type=Path, help="a .keras file, such as models/model.keras")
        command.set_defaults(function=function)
    arguments = vars(parser.parse_args())
    arguments.pop("function")(**arguments)


def read(
    images: Sequence[str], model: Path, min_probability: float, as_json: bool, signs: bool, show: Path | None
) -> None:
    """Print one line per image: its name, its digits, and the probability of the least certain digit.

    Images that cannot be read are reported on stderr, the others are read; the exit code is then 1.
    """
    if images.count("-") > 1:
        raise InputError("-: given twice, but standard input can be read only once")
    sources = [source for image in images for source in ([_read_stdin()] if image == "-" else _pages(image))]
    if show and len(sources) != 1:
        raise InputError(f"--show {show}: needs a single image, not {len(sources)}")
    failed = False
    recognizer = Recognizer.load(model)
    readings, nothing = recognizer.read_all(sources), "no digit" if recognizer.task.are_digits else "nothing"
    progress = tqdm(zip(sources, readings, strict=True), total=len(sources), unit="image", disable=None)
    for source, reading in progress:
        name = "-" if isinstance(source, bytes) else str(source)
        if isinstance(reading, InputError):
            failed = True
            # Bytes have no name.
            message = str(reading).replace("the image", name, 1) if isinstance(source, bytes) else str(reading)
            if as_json:
                print(_json(name, {"error": message}))
            else:
                print(f"error: {message}", file=sys.stderr)
            continue
        reading = reading.at_least(min_probability)
        text = reading.text_with_signs if signs else reading.text
        if as_json:
            print(_json(name, {**reading.as_dict(), "text": text}))
        elif reading.digits:
            least = min(digit.probability for digit in reading.digits)
            print(f"{printable(name)}: {text.replace(chr(10), ' / ')} ({least:.3f})")
        else:
            print(f"{printable(name)}: {nothing}")
        if show:
            # Here, because Matplotlib takes longer to import than most images to read.
            with needing("figures"):
                from digits.report import annotated, basics

            drawn = annotated.reading(*decode(source), reading.digits, reading.rejected, reading.signs)
            basics.save(drawn, show, 150)
    skipped = [path for image in images if Path(image).is_dir() for path in unsupported(Path(image))]
    if skipped:
        named = ", ".join(printable(path) for path in skipped[:3]) + (", …" if len(skipped) > 3 else "")
        print(f"skipped, not in a supported format ({', '.join(FORMATS)}): {len(skipped)}: {named}", file=sys.stderr)
    if failed:
        sys.exit(1)


def _pages(image: str) -> list[Path | Frame]:
    return [frame for path in find_images(image) for frame in frames(path)]


def unsupported(folder: Path) -> list[Path]:
    """Return the files in ``folder`` and below it, sorted, that look like images in a format that is not read."""
    paths = (path for path in folder.glob("**/*") if not _is_hidden(path.relative_to(folder)))
    return sorted(path for path in paths if path.suffix.lower() in UNSUPPORTED - EXTENSIONS and path.is_file())


def find_images(image: str) -> list[Path]:
    """Return the file ``image`` or, for a folder or a pattern such as ``scans/**/*.png``, its images, sorted.

    A file that exists may have the characters of a pattern in its name. Raises InputError if there are no images.
    """
    if not image:
        # To pathlib it is the current folder, but more likely a variable of the shell is not set.
        raise InputError("an empty name instead of an image")
    path = Path(image)
    try:
        if path.is_dir():
            images, where = list_images(path, "**/*"), "in this folder or below it"
        elif glob.has_magic(image) and not path.exists():
            images, where = _match(path), "match this pattern"
        else:
            return [path]
    except (OSError, ValueError) as error:  # Such as a name that is too long, or the pattern **.png.
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{printable(image)}: {reason}") from None
    if not images:
        raise InputError(f"{printable(image)}: no images {where}")
    return images


def list_images(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the images in ``folder`` that match ``pattern``, sorted, without hidden ones."""
    paths = (path for path in folder.glob(pattern) if not _is_hidden(path.relative_to(folder)))
    return sorted(path for path in paths if path.suffix.lower() in EXTENSIONS and path.is_file())


def _match(pattern: Path) -> list[Path]:
    # As in a shell, hidden files match only a pattern that names them, and a folder that matches stands for its images.
    root = Path(pattern.anchor)
    inner = pattern.relative_to(root)
    matches = [path for path in root.glob(str(inner)) if _is_hidden(inner) or not _is_hidden(path.relative_to(root))]
    files = {path for path in matches if path.suffix.lower() in EXTENSIONS and path.is_file()}
    # Below **, links are not followed: they may lead round in a circle.
    folders = [path for path in matches if path.is_dir() and not ("**" in inner.parts and path.is_symlink())]
    return sorted(files.union(*(list_images(path, "**/*") for path in folders)))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") and part != ".." for part in path.parts)


def _read_stdin() -> bytes:
    # It is None if the program was started without one.
    content = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1) if sys.stdin else b""
    if not content:
        raise InputError("-: nothing on standard input")
    if len(content) > MAX_STDIN_BYTES:
        raise InputError(f"-: more than {MAX_STDIN_BYTES // 1_000_000} MB on standard input")
    return content


def _json(name: str, content: dict[str, object]) -> str:
    return json.dumps({"picture": name, **content})


def _number(text: str, *, most: float, zero: bool) -> float:
    """Convert an option's value, from 0 to ``most``; ``zero``: whether it may be 0."""
    try:
        if 0 <= (number := float(text)) <= most and (number or zero):
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text}: should be a number from 0 to {most}")


def _origin(text: str) -> str:
    if text == "null" or re.fullmatch(r"https?://([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:\d+)?", text):
        return text.lower()
    raise argparse.ArgumentTypeError(f"{text}: should be an origin such as https://example.org")


def serve(model: Path, host: str, port: int, origins: Sequence[str], megabytes: float, browser: bool) -> None:
    """Serve the page and the API until interrupted."""
    with needing("serve"):
        from digits.web import app, server
    with server.listen(host, port) as opened:
        address, machine = opened.getsockname()[0], socket.gethostname().lower()
        hosts = [host.lower(), f"[{address}]" if ":" in address else address, machine, f"{machine}.local"]
        server.run(app.create(Recognizer.load(model), hosts, origins, int(megabytes * 1e6)), opened, browser)


def export(model: Path, form: str, out: Path | None) -> None:
    """Write the model in another format, and print the largest difference between its probabilities and Keras's."""
    with needing("train"):
        from digits.model import network
        from digits.onnx import export

    path = out or model.with_suffix(export.SUFFIXES[form])
    loaded, task = network.load(model)
    difference = export.export(loaded, path, form, task)
    print(f"{path}: written; its probabilities differ from Keras's by at most {difference:.1e}")


def summary(model: Path) -> None:
    """Print one line per layer of the model, and the total number of parameters."""
    with needing("train"):
        from digits.model import network

    rows = network.list_layers(network.load(model)[0])
    rows.append({"layer": "total", "details": "", "output": "", "parameters": sum(row["parameters"] for row in rows)})
    layer, details = (max(len(row[column]) for row in rows) for column in ("layer", "details"))
    for row in rows:
        print(f"{row['layer']:{layer}}  {row['details']:{details}}  {row['output']:>10}  {row['parameters']:>10,}")


def weights(model: Path) -> None:
    """Print each weight below its name and shape, one line per row, with the nine digits that a float32 needs."""
    with needing("train"):
        from digits.model import network

    for variable in network.load(model)[0].weights:
        values = variable.numpy()
        print(variable.path, "x".join(map(str, values.shape)))
        np.savetxt(sys.stdout, np.atleast_1d(values).reshape(-1, values.shape[-1] if values.ndim else 1), fmt="%.9g")


def command() -> None:
    """Run the command line as a program."""
    # A file's name may have characters that a pipe on Windows does not take.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    run_main(main)
