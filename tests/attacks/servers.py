"""A real server that is sent damaged images: it answers in one line of JSON, survives, and needs little memory."""

import contextlib
import http.client
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import processes
from tests.attacks.images import FORMATS, damaged, encoded

# The server's peak memory in bytes, and seconds until it answers.
MAX_MEMORY, SECONDS = 600_000_000, 30
ANSWERS = (200, 413, 415, 422)
OTHERS = {
    "nothing": b"",
    "text": b"no image",
    "zeros": bytes(100_000),
    "a form that breaks off": b"--a\r\nContent-Disposition: form-data; name=x; filename=y\r\n\r\n\x89PNG",
    "21 MB": bytes(21_000_000),
}


def attack(seed: int, long: bool) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryFile() as errors:
        with processes.serving(errors) as (port, process):
            for name, content in OTHERS.items():
                yield name, _post(port, content, "multipart/form-data; boundary=a" if "form" in name else "image/png")
            for number in range(seed, seed + (500 if long else 60)):
                random = np.random.default_rng(number)
                form, mode = FORMATS[number % len(FORMATS)]
                content = damaged(encoded(form, mode, random), random)
                kind = "multipart/form-data; boundary=a" if number % 3 == 0 else "image/png"
                yield f"{number} ({form}, {mode})", _post(port, _form(content) if number % 3 == 0 else content, kind)
            yield "a form with all of them", _post(port, _form(*_all(seed)), "multipart/form-data; boundary=a")
            yield "the end", "" if process.poll() is None else f"the server ended: {process.returncode}"
            peak = _peak(process.pid)
            yield "memory", f"{peak / 1e6:.0f} MB" if peak > MAX_MEMORY else ""
        errors.seek(0)
        yield "what it printed", errors.read().decode(errors="replace")[-500:]


def _all(seed: int) -> Iterator[bytes]:
    for number, (form, mode) in enumerate(FORMATS):
        random = np.random.default_rng(seed + number)
        yield damaged(encoded(form, mode, random), random)


def _form(*files: bytes) -> bytes:
    parts = [
        b'--a\r\nContent-Disposition: form-data; name="f"; filename="%d"\r\n\r\n%b\r\n' % (number, content)
        for number, content in enumerate(files)
    ]
    return b"".join(parts) + b"--a--\r\n"


def _post(port: int, content: bytes, kind: str) -> str:
    """Return what is wrong with the answer, empty if nothing is."""
    connection, start = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS), time.monotonic()
    try:
        with contextlib.closing(connection):
            connection.request("POST", "/read", content, {"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer after {time.monotonic() - start:.0f} s: {error!r}"
    if answer.status not in ANSWERS:
        return f"{answer.status}: {text[:200]}"
    try:
        decoded = json.loads(text)
    except ValueError as error:
        return f"{answer.status}: no JSON ({error}): {text[:200]}"
    errors = [answer.get("error", "") for answer in (decoded if isinstance(decoded, list) else [decoded])]
    if "\n" in text or any("\n" in error for error in errors):
        return f"{answer.status}: several lines: {text[:200]}"
    return "" if (answer.status == 200) == ("error" not in decoded) else f"{answer.status}: {text[:200]}"


def _peak(pid: int) -> int:
    """Return the peak memory of a process in bytes."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(match[1]) * 1024 if match else MAX_MEMORY + 1
