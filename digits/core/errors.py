"""Mistakes that the user can fix, reported in one line."""

import os
import sys
from collections.abc import Callable


class InputError(Exception):
    """A bad parameter, file or network. The message names it and says what is wrong and how to fix it."""


def run_main(main: Callable[[], None]) -> None:
    """Call ``main`` as a program: InputError becomes one line on stderr and exit code 1, Ctrl-C exit code 130.

    So does a file that cannot be read or written. DVC commits the outputs of a command that exits with 0, so an
    interrupted one must not. If whatever reads stdout stops reading, as ``head`` does, the program ends silently with
    exit code 1.
    """
    # Only here: to import it takes Ctrl-C, which a program that uses the library must keep.
    from digits.core import interrupts

    interrupts.allow()
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
