import os
import subprocess
import sys
from pathlib import Path

import pytest

from digits.core.errors import InputError, run_main
from tests.repository import ROOT


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


# A shell's background jobs, such as these tests may be, ignore Ctrl-C.
HEAR = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
ON_UNIX = pytest.mark.skipif(os.name == "nt", reason="os.kill would end the process at once")


@ON_UNIX
@pytest.mark.parametrize("place", ["before", "while", "after"])
def test_ctrl_c_ends_a_program_silently_wherever_it_comes(place: str) -> None:
    code = """if True:
        import os, signal
        def interrupt(*names):
            if names == (sys.argv[1],):
                os.kill(os.getpid(), signal.SIGINT)
        import sys
        from digits.core import interrupts
        interrupt("before")
        from digits.core.errors import run_main
        run_main(lambda: interrupt("while"))
        interrupt("after")
    """
    process = subprocess.run(
        [sys.executable, "-c", HEAR + code, place], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    if place == "after":
        assert process.stderr.endswith(b"KeyboardInterrupt\n")
    else:
        assert (process.returncode, process.stdout, process.stderr) == (130, b"", b"")


def test_a_program_that_uses_the_library_keeps_ctrl_c_and_may_import_it_in_a_thread() -> None:
    code = """if True:
        import signal, threading
        thread = threading.Thread(target=lambda: __import__("digits").Recognizer)
        thread.start()
        thread.join()
        from digits import Recognizer
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    """
    process = subprocess.run(
        [sys.executable, "-c", HEAR + code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert (process.returncode, process.stderr) == (0, b"")


@ON_UNIX
@pytest.mark.parametrize("module", ["stages.train", "reader.stages.detector", "digits", "studies.folds.stages.fold"])
def test_every_program_imports_the_handler_of_ctrl_c_first(module: str) -> None:
    code = f"""if True:
        import os, runpy, signal, sys
        class Finder:
            def find_spec(self, name, path=None, target=None):
                # The first foreign module that it imports.
                if name in ("numpy", "pydantic", "yaml", "tqdm"):
                    os.kill(os.getpid(), signal.SIGINT)
        sys.meta_path.insert(0, Finder())
        sys.argv = ["{module}", "summary", "x.keras"]
        runpy.run_module("{module}", run_name="__main__")
    """
    process = subprocess.run(
        [sys.executable, "-c", HEAR + code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert (process.returncode, process.stdout, process.stderr) == (130, b"", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no such device")
def test_a_full_standard_output_is_reported_in_one_line() -> None:
    code = "from digits.core.errors import run_main; run_main(lambda: print('x' * 100))"
    with Path("/dev/full").open("wb") as full:
        process = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert process.stderr == b"error: standard output: No space left on device\n"
    assert process.returncode == 1


def test_a_file_that_cannot_be_read_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        Path("/nowhere/file").read_text()

    with pytest.raises(SystemExit) as caught:
        run_main(main)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: /nowhere/file: No such file or directory\n"
