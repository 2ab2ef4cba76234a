"""Mirrors that serve a dataset wrongly, each in its own way."""

import contextlib
import functools
import gzip
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping

Files = Mapping[str, bytes]
Attack = Callable[[socket.socket, str, bytes, int], None]

MEGABYTE = bytes(1_000_000)


def _answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(MEGABYTE * 200, 1)


def _drip(connection: socket.socket, content: bytes) -> None:
    for byte in itertools.islice(itertools.cycle(content), 100_000):
        connection.sendall(bytes([byte]))
        time.sleep(1)


def _flood(connection: socket.socket, start: bytes, again: bytes) -> None:
    connection.sendall(start)
    while True:
        connection.sendall(again)


def _silent(connection: socket.socket, path: str, content: bytes, count: int) -> None:
    time.sleep(1000)


def _stalls(connection: socket.socket, path: str, content: bytes, count: int) -> None:
    connection.sendall(_answer(content[: len(content) // 2], length=len(content)))
    time.sleep(1000)


def _resets(connection: socket.socket, path: str, content: bytes, count: int) -> None:
    connection.sendall(_answer(content[: len(content) // 2], length=len(content)))
    # Closing sends a reset instead of an end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _sends(make: Callable[[bytes], bytes]) -> Attack:
    return lambda connection, path, content, count: connection.sendall(make(content))


def _floods(start: bytes, again: bytes = MEGABYTE) -> Attack:
    return lambda connection, path, content, count: _flood(connection, start, again)


def _drips(start: bytes, slow: bytes) -> Attack:
    def attack(connection: socket.socket, path: str, content: bytes, count: int) -> None:
        connection.sendall(start)
        _drip(connection, slow)

    return attack


def _after(first: int, attack: Attack) -> Attack:
    """Return an attack that serves the first files rightly."""
    return lambda connection, path, content, count: (
        connection.sendall(_answer(content)) if count < first else attack(connection, path, content, count)
    )


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
KINDS: dict[str, Attack] = {
    "closes the connection": _sends(lambda content: b""),
    "never answers": _silent,
    "sends its header byte by byte": _drips(b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000),
    "sends its body byte by byte": _drips(OK + b"Content-Length: 9000000\r\n\r\n", b"x"),
    "sends an endless body": _floods(OK + b"\r\n"),
    "sends an endless body in chunks": _floods(CHUNKED, b"f4240\r\n" + MEGABYTE + b"\r\n"),
    "sends empty lines for chunks": _floods(CHUNKED, b"\r\n" * 1000),
    "announces ten gigabytes and sends them": _floods(OK + b"Content-Length: 10000000000\r\n\r\n"),
    "sends a gzip bomb": _sends(lambda content: _answer(_bomb(), "Content-Encoding: gzip")),
    "sends an endless header": _floods(OK, b"X: x\r\n" * 1000),
    "sends an endless line in its header": _floods(OK + b"X: "),
    "says continue for ever": _floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "is not found": _sends(lambda content: _answer(b"", status="404 Not Found")),
    "is broken": _sends(lambda content: _answer(b"", status="500 Internal Server Error")),
    "wants a password": _sends(lambda content: _answer(b"", "WWW-Authenticate: Basic", status="401 Unauthorized")),
    "redirects in a circle": lambda connection, path, content, count: connection.sendall(
        _answer(b"", f"Location: {path}", status="302 Found")
    ),
    "redirects ever further": lambda connection, path, content, count: connection.sendall(
        _answer(b"", f"Location: {path}{count}", status="302 Found")
    ),
    "redirects to a file of this machine": _sends(
        lambda content: _answer(b"", "Location: file:///etc/passwd", status="302 Found")
    ),
    "redirects to where nothing is": _sends(
        lambda content: _answer(b"", "Location: http://127.0.0.1:9/", status="302 Found")
    ),
    "sends a page instead": _sends(lambda content: _answer(b"<!doctype html><p>Please log in")),
    "sends nothing": _sends(lambda content: _answer(b"")),
    "sends half of it": _sends(lambda content: _answer(content[: len(content) // 2])),
    "breaks off": _sends(lambda content: _answer(content[: len(content) // 2], length=len(content))),
    "stops in the middle": _stalls,
    "resets the connection": _resets,
    "flips some bits": _sends(lambda content: _answer(bytes([*content[:-9], *(each ^ 1 for each in content[-9:])]))),
    "sends a different gzip file": _sends(lambda content: _answer(gzip.compress(content))),
    "sends one byte more": _sends(lambda content: _answer(content + b"x")),
    "speaks another protocol": _sends(lambda content: b"220 mail.example ESMTP\r\n"),
    "lies about its length": _sends(lambda content: _answer(content[:-1], length=-5)),
    "changes after the first file": _after(2, _sends(lambda content: _answer(b"other"))),
    "goes silent after the first file": _after(2, _silent),
    "becomes endless after the first file": _after(2, _floods(OK + b"\r\n")),
}


@contextlib.contextmanager
def serving(files: Files, attack: Attack) -> Iterator[str]:
    """Serve ``files`` as ``attack`` does at the URL that is returned."""
    counts = itertools.count()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request and (part := connection.recv(65536)):
                request += part
            path = request.split(b" ")[1].decode() if request else "/"
            attack(connection, path, files.get(path.rpartition("/")[2], b""), next(counts))

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=[server.accept()[0]], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
