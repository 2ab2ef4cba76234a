"""The command line: python -m digits read IMAGE..., draw, export MODEL, summary MODEL, weights MODEL."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digits.core.errors import InputError, run_main
from digits.reading.decoding import EXTENSIONS, decode, printable
from digits.reading.recognizer import NETWORK, Recognizer


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="digits", description="Read handwritten digits, and inspect a model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add_model(command: argparse.ArgumentParser) -> None:
        text = "an .onnx or .keras file; default: models/digits.onnx of the repository"
        command.add_argument("--model", metavar="MODEL", type=Path, default=NETWORK, help=text)

    description = "print the digits in images, with the probability of the least certain digit"
    command = commands.add_parser("read", help=description, description=description)
    command.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="an image file, or a folder of them")
    add_model(command)
    command.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help="print one JSON object per line, with the box and the probability of each digit",
    )
    command.add_argument("--show", metavar="PNG", type=Path, help="draw what was read; for a single image")
    command.set_defaults(function=read)
    description = "open a page on which to draw digits or upload an image"
    command = commands.add_parser("draw", help=description, description=description)
    add_model(command)
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="default: 127.0.0.1, this machine only; 0.0.0.0: other machines too",
    )
    command.add_argument("--port", type=int, default=7860, help="default: 7860")
    command.set_defaults(function=draw)
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


def read(images: Sequence[Path], model: Path, as_json: bool, show: Path | None) -> None:
    """Print one line per image: its name, its digits, and the probability of the least certain digit.

    Images that cannot be read are reported on stderr, the others are read; the exit code is then 1.
    """
    paths = [path for image in images for path in list_images(image)]
    if show and len(paths) != 1:
        raise InputError(f"--show {show}: needs a single image, not {len(paths)}")
    failed = False
    readings = Recognizer.load(model).read_all(paths)
    progress = tqdm(zip(paths, readings, strict=True), total=len(paths), unit="image", disable=None)
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
            least = min(each.probability for each in reading.digits)
            print(f"{printable(path)}: {reading.text.replace(chr(10), ' ')} ({least:.3f})")
        else:
            print(f"{printable(path)}: no digit")
        if show:
            # Here, because Matplotlib takes longer to import than most images to read.
            from digits.report import annotated, basics

            basics.save(annotated.reading(*decode(path), reading.digits), show, 150)
    if failed:
        sys.exit(1)


def list_images(image: Path) -> Iterator[Path]:
    """Return the image itself or, for a folder, the images in it. Raises InputError if there are none."""
    if not image.is_dir():
        yield image
        return
    files = sorted(path for path in image.iterdir() if path.suffix.lower() in EXTENSIONS)
    if not files:
        raise InputError(f"{image}: no images in this folder")
    yield from files


def _json(path: Path, content: dict[str, object]) -> str:
    return json.dumps({"picture": str(path), **content}, ensure_ascii=False)


def draw(model: Path, host: str, port: int) -> None:
    """Serve the page until interrupted."""
    from digits.web import page

    page.serve(Recognizer.load(model), host, port)


def export(model: Path, form: str, out: Path | None) -> None:
    """Write the model in another format, and print the largest difference between its probabilities and Keras's."""
    from digits.model import export, network

    path = out or model.with_suffix(export.SUFFIXES[form])
    difference = export.export(network.load(model), path, form)
    print(f"{path}: written; its probabilities differ from Keras's by at most {difference:.1e}")


def summary(model: Path) -> None:
    """Print one line per layer of the model, and the total number of parameters."""
    from digits.model import network

    rows = network.list_layers(network.load(model))
    rows.append({"layer": "total", "details": "", "output": "", "parameters": sum(row["parameters"] for row in rows)})
    layer, details = (max(len(row[column]) for row in rows) for column in ("layer", "details"))
    for row in rows:
        print(f"{row['layer']:{layer}}  {row['details']:{details}}  {row['output']:>10}  {row['parameters']:>10,}")


def weights(model: Path) -> None:
    """Print each weight below its name and shape, one line per row, with the nine digits that a float32 needs."""
    from digits.model import network

    for variable in network.load(model).weights:
        values = variable.numpy()
        print(variable.path, "x".join(map(str, values.shape)))
        np.savetxt(sys.stdout, np.atleast_1d(values).reshape(-1, values.shape[-1] if values.ndim else 1), fmt="%.9g")


def command() -> None:
    """Run the command line as a program."""
    run_main(main)


if __name__ == "__main__":
    command()
