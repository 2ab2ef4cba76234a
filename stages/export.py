"""Write the model for ONNX Runtime, so that images are read without TensorFlow."""

from pathlib import Path

from digits.core.files import read_json
from digits.core.job import run_stage
from digits.model import export, network


def main(folder: Path) -> None:
    # Those of studies, which have a name, stand beside the root's.
    path = Path("models", "-".join(filter(None, ["digits", folder.name])) + ".onnx")
    dataset = read_json(folder / "metrics" / "validation.json", "train", "dataset")["dataset"]
    model, symbols = network.load(folder / "models" / "model.keras")
    export.export(model, path, "onnx", symbols)
    print(f"{path}: trained on {dataset}")
    if dataset != "mnist":
        print(f"it replaces the committed network, which was trained on all of MNIST; to go back: git checkout {path}")


if __name__ == "__main__":
    run_stage(main)
