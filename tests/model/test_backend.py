import os
import subprocess
import sys

import pytest

from digits.model.backend import suppressed_stderr
from tests.repository import ROOT


def test_what_is_written_to_stderr_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    with suppressed_stderr():
        os.write(2, b"a message\n")
    os.write(2, b"another\n")
    assert capfd.readouterr().err == "another\n"


def test_a_failure_shows_what_was_written_before_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), suppressed_stderr():  # noqa: PT012
        os.write(2, b"the reason\n")
        raise ImportError
    assert capfd.readouterr().err == "the reason\n"


@pytest.mark.skipif(os.name == "nt", reason="closes a file descriptor before Python starts")
def test_it_works_without_standard_error() -> None:
    code = "from digits.model import backend; print(backend.tf.__name__)"
    command = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "tensorflow\n"
