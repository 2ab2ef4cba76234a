"""Recognise handwritten digits: ``from digits import Recognizer``.

Stages do not depend on this file: it contains nothing that could affect a result.
"""

from importlib import import_module
from typing import Any

__all__ = ["Recognizer"]


def __getattr__(name: str) -> Any:
    # Imported on demand: most stages need neither OpenCV nor TensorFlow.
    if name in __all__:
        return getattr(import_module("digits.reading.recognizer"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
