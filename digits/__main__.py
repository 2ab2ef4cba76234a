"""The command line: python -m digits summary MODEL, python -m digits weights MODEL."""

import argparse
import sys
from pathlib import Path

import numpy as np

from digits.errors import run


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m digits", description="Look into a trained recogniser.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function, description in (
        (summary, "print the layers, their output shapes and parameter counts"),
        (weights, "print the name, the shape and every value of each weight"),
    ):
        command = commands.add_parser(function.__name__, help=description, description=description)
        command.add_argument("model", metavar="MODEL", type=Path, help="a .keras file, such as models/model.keras")
        command.set_defaults(function=function)
    arguments = parser.parse_args()
    arguments.function(arguments.model)


def summary(path: Path) -> None:
    """Print a line for each layer of the model, and the number of all parameters."""
    from digits import network

    rows = network.list_layers(network.load(path))
    width = max(len(row["layer"]) for row in rows)
    for row in rows:
        print(f"{row['layer']:{width}}  {row['output']:>12}  {row['parameters']:>12,}")
    print(f"{'in all':{width}}  {'':>12}  {sum(row['parameters'] for row in rows):>12,}")


def weights(path: Path) -> None:
    """Print each weight under its name and shape, a row of its last axis a line, in nine digits: float32 exactly."""
    from digits import network

    for variable in network.load(path).weights:
        values = variable.numpy()
        print(variable.path, "x".join(map(str, values.shape)))
        np.savetxt(sys.stdout, np.atleast_1d(values).reshape(-1, values.shape[-1] if values.ndim else 1), fmt="%.9g")


if __name__ == "__main__":
    run(main)
