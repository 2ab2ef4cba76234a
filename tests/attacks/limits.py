"""What a trial may take: seconds, and memory."""

import resource
import signal
from collections.abc import Callable
from types import FrameType

from digits.core.errors import InputError

SECONDS = 10


def tried(action: Callable[[], object]) -> str:
    """Return what is wrong with ``action``: anything but a result, or an InputError of one line, within ten seconds."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        action()
    except InputError as error:
        return "several lines" if "\n" in str(error) else ""
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return ""


def peak() -> int:
    """Return the largest memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
