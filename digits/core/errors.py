"""Mistakes that a person can mend, told in one line."""

import os
import sys
from collections.abc import Callable


class InputError(Exception):
    """A bad parameter, file or network. Its message names it, what is wrong and what to do."""


def run_main(main: Callable[[], None]) -> None:
    """Call ``main`` as a program: an InputError is one line on stderr and exit code 1, Ctrl-C is exit code 130.

    DVC commits the outputs of a command that exits with 0, so that an interrupted one must not. A reader that has seen
    enough, such as head, ends it with exit code 1 and without a word.
    """
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # What is left in the buffer has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
