from pathlib import Path

import numpy as np
import pytest

from digits.core.errors import InputError
from reader import drawn


def test_pages_come_with_their_boxes(tmp_path: Path) -> None:
    pages = [np.full(shape, number, np.uint8) for number, shape in enumerate([(3, 5), (4, 2), (1, 1)])]
    boxes = [np.full((count, 6), count, np.float32) for count in (2, 0, 1)]
    np.savez(
        tmp_path / "pages.npz",
        pixels=np.concatenate([page.ravel() for page in pages]),
        shapes=np.array([page.shape for page in pages], np.int32),
        boxes=np.concatenate(boxes),
        counts=np.array([2, 0, 1], np.int32),
    )
    loaded = drawn.load(tmp_path / "pages.npz")
    for (page, found), expected, some in zip(loaded, pages, boxes, strict=True):
        np.testing.assert_array_equal(page, expected)
        np.testing.assert_array_equal(found, some)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pages\.npz: no such file"):
        drawn.load(tmp_path / "pages.npz")
