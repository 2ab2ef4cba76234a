"""The command line: python -m digits read PICTURE..., draw, export MODEL, summary MODEL, weights MODEL."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from digits.core.errors import InputError, run_main


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m digits", description="Read digits, and look into a recogniser.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add_model(command: argparse.ArgumentParser) -> None:
        model = Path("models/model.keras")
        command.add_argument("--model", metavar="MODEL", type=Path, default=model, help=f"by default {model}")

    description = (
        "read the digits of pictures, or of all pictures in a folder, and tell how sure the least certain one is"
    )
    command = commands.add_parser("read", help=description, description=description)
    command.add_argument("pictures", metavar="PICTURE", nargs="+", type=Path, help="a picture's file, or a folder")
    add_model(command)
    command.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help="print an object a line, with the box and the probability of each digit",
    )
    command.add_argument("--show", metavar="PNG", type=Path, help="draw what was read of the one picture")
    command.set_defaults(function=read)
    description = "show a page in the browser to draw digits on, or to upload pictures of some"
    command = commands.add_parser("draw", help=description, description=description)
    add_model(command)
    command.add_argument(
        "--host", default="127.0.0.1", help="by default 127.0.0.1, this machine alone; 0.0.0.0 lets others in"
    )
    command.add_argument("--port", type=int, default=7860, help="by default 7860")
    command.set_defaults(function=draw)
    description = "write the model for another runtime, and check it there"
    command = commands.add_parser("export", help=description, description=description)
    command.add_argument("model", metavar="MODEL", type=Path, help="a .keras file, such as models/model.keras")
    command.add_argument("--format", dest="form", required=True, choices=["onnx", "tflite", "saved_model"])
    command.add_argument("--out", metavar="PATH", type=Path, help="by default beside MODEL, under its name")
    command.set_defaults(function=export)
    for function, description in (
        (summary, "print the layers, their output shapes and parameter counts"),
        (weights, "print the name, the shape and every value of each weight"),
    ):
        command = commands.add_parser(function.__name__, help=description, description=description)
        command.add_argument("model", metavar="MODEL", type=Path, help="a .keras file, such as models/model.keras")
        command.set_defaults(function=function)
    arguments = vars(parser.parse_args())
    arguments.pop("function")(**arguments)


def read(pictures: Sequence[Path], model: Path, as_json: bool, show: Path | None) -> None:
    """Print a line for each picture: its name, its digits, and the probability of the least certain one.

    One that cannot be read is named, the others are read; then the exit code is 1.
    """
    paths = [path for picture in pictures for path in list_pictures(picture)]
    if show and len(paths) != 1:
        raise InputError(f"--show {show}: draws one picture, not {len(paths)}")
    from digits.reading import decoding
    from digits.reading.recognizer import Recognizer
    from digits.report import annotated, basics

    failed = False
    readings = Recognizer.load(model).read_all(paths)
    progress = tqdm(zip(paths, readings, strict=True), total=len(paths), unit="picture", disable=None)
    for path, reading in progress:
        if isinstance(reading, InputError):
            failed = True
            if as_json:
                print(_json(path, {"error": str(reading)}))
            else:
                print(f"error: {reading}", file=sys.stderr)
            continue
        if as_json:
            digits = [
                {"digit": each.digit, "probability": round(each.probability, 4), "box": list(each.box)}
                for each in reading.digits
            ]
            print(_json(path, {"text": reading.text, "digits": digits}))
        elif reading.digits:
            print(
                f"{path}: {reading.text.replace(chr(10), ' ')} ({min(each.probability for each in reading.digits):.3f})"
            )
        else:
            print(f"{path}: no digit")
        if show:
            grey, scale = decoding.decode(path)
            read = [
                (each.digit, each.probability, [side / scale for side in each.box], each.image)
                for each in reading.digits
            ]
            basics.save(annotated.reading(grey, read), show, 150)
    if failed:
        sys.exit(1)


def list_pictures(picture: Path) -> Iterator[Path]:
    """Return the picture itself or, of a folder, the pictures in it. Raises InputError where it has none."""
    if not picture.is_dir():
        yield picture
        return
    known = Image.registered_extensions()
    files = sorted(path for path in picture.iterdir() if path.suffix.lower() in known)
    if not files:
        raise InputError(f"{picture}: no picture in this folder")
    yield from files


def _json(path: Path, content: dict[str, object]) -> str:
    return json.dumps({"picture": str(path), **content}, ensure_ascii=False)


def draw(model: Path, host: str, port: int) -> None:
    """Show the page until interrupted."""
    from digits import Recognizer
    from digits.web import page

    page.serve(Recognizer.load(model), host, port)


def export(model: Path, form: str, out: Path | None) -> None:
    """Write the model in another format, and print how far its probabilities are from Keras's at the most."""
    from digits.model import export, network

    path = out or model.with_suffix(export.SUFFIXES[form])
    difference = export.export(network.load(model), path, form)
    print(f"{path}: written; its probabilities differ from Keras's by {difference:.1e} at the most")


def summary(model: Path) -> None:
    """Print a line for each layer of the model, and the number of all parameters."""
    from digits.model import network

    rows = network.list_layers(network.load(model))
    width = max(len(row["layer"]) for row in rows)
    for row in rows:
        print(f"{row['layer']:{width}}  {row['output']:>12}  {row['parameters']:>12,}")
    print(f"{'in all':{width}}  {'':>12}  {sum(row['parameters'] for row in rows):>12,}")


def weights(model: Path) -> None:
    """Print each weight under its name and shape, a row of its last axis a line, in nine digits: float32 exactly."""
    from digits.model import network

    for variable in network.load(model).weights:
        values = variable.numpy()
        print(variable.path, "x".join(map(str, values.shape)))
        np.savetxt(sys.stdout, np.atleast_1d(values).reshape(-1, values.shape[-1] if values.ndim else 1), fmt="%.9g")


if __name__ == "__main__":
    run_main(main)
