import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from digits import command_line
from digits.core.errors import InputError
from digits.web import server
from tests.reading.drawing import draw
from tests.repository import ROOT
from tests.web.serving import ask, png


def test_an_address_that_cannot_be_used_is_reported() -> None:
    with server.listen("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        for host, number, reason in (
            ("127.0.0.1", port, "Address already in use"),
            ("192.0.2.1", 7860, "Cannot assign requested address"),
            ("no.such.host.invalid", 7860, ""),
            ("a" * 70 + ".example", 7860, ""),
            ("127.0.0.1", 99_999, ""),
            ("127.0.0.1", -1, ""),
        ):
            with pytest.raises(InputError, match=rf"^{host}:{number}: cannot listen \({reason}.*\); choose another"):
                server.listen(host, number)


def deny_files() -> None:
    """Let a new process write no byte to any file, and hear Ctrl-C, which a shell's background jobs ignore."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_command_serves_until_it_is_interrupted_and_writes_and_prints_nothing_that_is_sent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "digits", "serve", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=deny_files,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == f"Draw digits, or read a photo, at http://127.0.0.1:{port} (Ctrl-C ends it)\n"
    assert b"<title>Digits</title>" in ask(port, "GET", "/")[1]
    kind = {"Content-Type": "multipart/form-data; boundary=limit"}
    head = b'--limit\r\nContent-Disposition: form-data; name="image"; filename="secret.png"\r\n\r\n'
    # After its end, an image may have any bytes.
    body = head + png(draw("7")) + bytes(5_000_000) + b"\r\n--limit--\r\n"
    assert ask(port, "POST", "/read", body, kind)[1]["text"] == "7"
    assert ask(port, "POST", "/read", b"no form", kind)[0] == 400
    assert ask(port, "POST", "/read", body.replace(b"--limit--", b"--limit!!"), kind)[0] in (400, 422)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=300) == ("", "")
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("name", ["serve", "draw"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("--allow-origin", "example.org"), ("--allow-origin", "http://["), ("--allow-origin", "https://example.org/")]
    + [("--max-mb", value) for value in ("nan", "inf", "-1", "0", "much")],
)
def test_a_bad_option_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, option: str, value: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["digits", name, f"{option}={value}"])
    with pytest.raises(SystemExit):
        command_line.main()
    assert f"argument {option}: {value}: should be " in capsys.readouterr().err
