import pytest

from digits.core.errors import InputError, run_main


def test_bad_input_gives_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise InputError("params.yaml: wrong")

    with pytest.raises(SystemExit) as caught:
        run_main(main)
    # Given a string, sys.exit prints it to stderr and exits with 1.
    assert caught.value.code == "error: params.yaml: wrong"


def test_an_interrupted_program_does_not_exit_with_0() -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run_main(main)
    assert caught.value.code == 130
