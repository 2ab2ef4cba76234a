"""Write the small network for ONNX Runtime, beside the root's."""

from pathlib import Path

from digits.core.job import run_stage
from digits.model import export, network


def main(folder: Path) -> None:
    model, symbols = network.load(folder / "models" / "model.keras")
    export.export(model, Path("models/digits-small.onnx"), "onnx", symbols)


if __name__ == "__main__":
    run_stage(main)
