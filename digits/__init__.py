"""Recognise handwritten digits: ``from digits import Recognizer``.

Stages do not depend on this file: it contains nothing that could affect a result.
"""

import os
from importlib import import_module
from typing import Any

# ONNX Runtime would otherwise report each session to Microsoft, and leave files in the user's home and in the temporary
# folder. It reads this once, when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["Recognizer"]


def __getattr__(name: str) -> Any:
    # Imported on demand: most stages need neither OpenCV nor TensorFlow.
    if name in __all__:
        return getattr(import_module("digits.reading.recognizer"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
