"""Mistakes that the user can fix, reported in one line."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class InputError(Exception):
    """A bad parameter, file or network. The message names it and says what is wrong and how to fix it."""


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Raise InputError if a module that the block imports is not installed: the package's ``extra`` brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed; run, in the repository: pip install '.[{extra}]'") from None


def start_program() -> None:
    """Prepare this process to be a program, before anything else is imported.

    Called by programs, never by the library, whose users need KeyboardInterrupt and their own way to draw.

    Ctrl-C ends it at once and without a traceback, also while it imports TensorFlow. Where Ctrl-C is ignored, as in a
    shell's background, it stays ignored. A process that a signal ends has no exit code 0, at which DVC would commit its
    outputs. Matplotlib draws into files; the backend of a notebook's environment would fail outside of it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["MPLBACKEND"] = "agg"


def run_main(main: Callable[[], None]) -> None:
    """Call ``main`` as a program: InputError becomes one line on stderr and exit code 1, and so does a file that cannot
    be read or written; Ctrl-C becomes exit code 130.

    If whatever reads stdout stops reading, as ``head`` does, the program ends silently with exit code 1.
    """
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print(f"error: {error.filename or 'standard output'}: {error.strerror or error}", file=sys.stderr)
        if error.filename is None:
            # Python would fail again when it flushes the buffer at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
