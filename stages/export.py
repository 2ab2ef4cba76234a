"""Write the model for ONNX Runtime, so that images are read without TensorFlow."""

from pathlib import Path

from digits.core.files import read_json
from digits.core.job import run_stage
from digits.core.params import Params
from digits.model import network
from digits.onnx import export


def main(params: Params) -> None:
    path = Path("models/digits.onnx")
    dataset = read_json(Path("metrics/validation.json"), "train", "dataset")["dataset"]
    model, task = network.load(Path("models/model.keras"))
    export.export(model, path, "onnx", task)
    print(f"{path}: trained on {dataset}")
    if dataset != "mnist":
        print(f"it replaces the committed network, which was trained on all of MNIST; to go back: git checkout {path}")


if __name__ == "__main__":
    run_stage(main)
