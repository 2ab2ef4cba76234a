"""Recognising handwritten digits: what the pipeline's stages are made of."""

import os
from importlib import import_module
from typing import Any

__all__ = ["Recognizer"]

# Before TensorFlow starts, which logs notes on the processor, and as an error that it left deterministic work as it is.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def __getattr__(name: str) -> Any:
    # By name, when it is asked for: a stage that reads no pictures needs neither OpenCV nor TensorFlow.
    if name in __all__:
        return getattr(import_module("digits.recognizer"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
