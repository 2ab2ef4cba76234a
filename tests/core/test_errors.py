import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digits.core.errors import InputError, needing, run_main
from tests.repository import ROOT

# A shell's background jobs, such as these tests may be, ignore Ctrl-C.
HEAR = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def run_python(code: str, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, check=False)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        # Given a string, sys.exit prints it to stderr and exits with 1.
        (InputError("params.yaml: wrong"), "error: params.yaml: wrong", ""),
        (FileNotFoundError(2, "No such file", "/nowhere"), 1, "error: /nowhere: No such file\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_the_user_can_mend_gives_one_line_and_no_exit_code_of_0(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: str | int, message: str
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run_main(main)
    assert (ended.value.code, capsys.readouterr().err) == (code, message)


def test_a_package_that_is_not_installed_is_named_with_the_extra_that_brings_it() -> None:
    with (
        pytest.raises(InputError, match=r"^nowhere is not installed; .* pip install '\.\[train\]'$"),
        needing("train"),
    ):
        import nowhere  # type: ignore[import-not-found]  # noqa: F401


@pytest.mark.skipif(os.name == "nt", reason="os.kill would end the process at once")
@pytest.mark.parametrize("module", ["stages.train", "reader.stages.detector", "digits"])
def test_ctrl_c_ends_a_program_silently_while_it_imports(module: str) -> None:
    code = f"""if True:
        import os, runpy, signal, sys
        class Finder:
            def find_spec(self, name, path=None, target=None):
                # The first packages of others that a program imports.
                if name in ("numpy", "pydantic"):
                    os.kill(os.getpid(), signal.SIGINT)
        sys.meta_path.insert(0, Finder())
        sys.argv = ["{module}", "summary", "x.keras"]
        runpy.run_module("{module}", run_name="__main__")
    """
    process = run_python(HEAR + code)
    assert (process.returncode, process.stdout, process.stderr) == (-signal.SIGINT, b"", b"")


def test_a_program_that_uses_the_library_keeps_ctrl_c() -> None:
    code = "from digits import Recognizer; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    assert run_python(HEAR + code).stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no such device")
def test_a_full_standard_output_is_reported_in_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        process = run_python(
            "from digits.core.errors import run_main; run_main(lambda: print('x' * 100))", stdout=full.fileno()
        )
    assert (process.returncode, process.stderr) == (1, b"error: standard output: No space left on device\n")
