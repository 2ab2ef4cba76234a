import os

import pytest

from digits.model.backend import suppressed_stderr


def test_what_is_written_to_stderr_is_discarded_unless_the_block_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with suppressed_stderr():
        os.write(2, b"a message\n")
    os.write(2, b"another\n")
    assert capfd.readouterr().err == "another\n"
