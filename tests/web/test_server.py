import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from digits import command_line
from digits.core.errors import InputError
from digits.web import server
from tests.repository import ROOT, hear_interrupts
from tests.web.serving import ask


def test_an_address_that_cannot_be_used_is_reported() -> None:
    with server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        for host, number, message in (
            (
                "127.0.0.1",
                port,
                rf"127\.0\.0\.1:{port}: cannot listen \(Address already in use\); choose another --port",
            ),
            ("192.0.2.1", 7860, r"192\.0\.2\.1:7860: cannot listen"),
            ("no.such.host.invalid", 7860, r"no\.such\.host\.invalid:7860: cannot listen"),
            ("127.0.0.1", 99_999, r"127\.0\.0\.1:99999: cannot listen"),
            ("127.0.0.1", -1, r"127\.0\.0\.1:-1: cannot listen"),
            ("a" * 70 + ".example", 7860, "cannot listen"),
        ):
            with pytest.raises(InputError, match=message):
                server.listen(host, number)


@pytest.mark.parametrize("name", ["serve", "draw"])
def test_the_command_serves_until_it_is_interrupted(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "digits", name, "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=hear_interrupts,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == (f"Draw digits, or read a photo, at http://127.0.0.1:{port} (Ctrl-C ends it)\n")
    # Connections are taken before it is ready.
    status, page, _ = ask(port, "GET", "/")
    assert status == 200
    assert b"<title>Digits</title>" in page
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("option", "value"),
    [("--allow-origin", "example.org"), ("--allow-origin", "http://["), ("--allow-origin", "https://example.org/")]
    + [("--max-mb", each) for each in ("nan", "inf", "-1", "0", "much")],
)
def test_a_bad_option_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["digits", "serve", f"{option}={value}"])
    with pytest.raises(SystemExit):
        command_line.main()
    assert f"argument {option}: {value}: should be " in capsys.readouterr().err
