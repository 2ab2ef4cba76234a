import numpy as np
import onnx

from digits.core.symbols import DIGITS
from digits.model import runtime
from tests.repository import ROOT


def test_the_small_network_is_small_and_tells_digits_apart() -> None:
    path = ROOT / "models" / "digits-small.onnx"
    weights = sum(int(np.prod(each.dims)) for each in onnx.load(path).graph.initializer)
    assert weights < 60_000
    infer, symbols = runtime.load(path, threads=1)
    assert symbols == DIGITS
    # A vertical stroke.
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 5:23, 13:15] = 255
    assert infer(image).argmax() == 1
