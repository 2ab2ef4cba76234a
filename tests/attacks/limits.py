"""What a trial may take: seconds, and memory."""

import contextlib
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from digits.core.errors import InputError

SECONDS = 10


class TooSlowError(Exception):
    pass


@contextlib.contextmanager
def limited(seconds: int = SECONDS) -> Iterator[None]:
    """Raise TooSlowError in the block if it takes longer."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(what: Callable[[], object]) -> str:
    """Return what is wrong with ``what``: anything but a result, or an InputError of one line, within ten seconds."""
    try:
        with limited():
            what()
    except InputError as error:
        return "several lines" if "\n" in str(error) else ""
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


def peak() -> int:
    """Return the largest memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Skipped(str):
    """Why this machine cannot run a trial, in place of what went wrong with it."""


def remove_halves_of_dvc(told: str, folder: Path) -> None:
    """Delete what DVC writes in place, and refuses to read, as it has ``told``, until its user deletes it."""
    for path, refusal in (("dvc.lock", "'./dvc.lock' validation failed"), (".dvc/tmp/rwlock", "Unable to read RWLock")):
        if refusal in told:
            (folder / path).unlink()
