from pathlib import Path

import numpy as np
import pytest

from digits.core.errors import InputError
from digits.reading import networks
from tests.reading import onnx_files


def test_a_network_takes_and_returns_an_array(tmp_path: Path) -> None:
    onnx_files.add(tmp_path / "a.onnx", inputs=1)
    run = networks.load(tmp_path / "a.onnx", "detector")
    for count in (0, 1, 5):
        array = np.arange(3 * count, dtype=np.float32).reshape(count, 3)
        result = run(array)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, array + 1)


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2)])
def test_a_network_with_several_inputs_or_outputs_is_reported(tmp_path: Path, inputs: int, outputs: int) -> None:
    onnx_files.add(tmp_path / "a.onnx", inputs, outputs)
    with pytest.raises(InputError, match=r"a\.onnx: not an ONNX network"):
        networks.load(tmp_path / "a.onnx", "detector")


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x07" * 50])
def test_a_damaged_file_is_reported_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.onnx: not an ONNX network .*dvc --cd reader repro classifier$") as caught:
        networks.load(path, "classifier")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.onnx: no such file; make it with: dvc --cd reader repro detector$"):
        networks.load(tmp_path / "a.onnx", "detector")
    with pytest.raises(InputError, match="not an ONNX network"):
        networks.load(tmp_path, "detector")
