"""End silently with exit code 130 if Ctrl-C comes while a program's modules are being imported.

A program imports this first, because importing TensorFlow takes seconds. ``run_main`` then brings back Python's own
way.
"""

import os
import signal
from types import FrameType


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(130)


def allow() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again, unless it is ignored, as in a shell's background."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end)
