import base64
import concurrent.futures
import contextlib
import json
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from digits.reading.recognizer import DigitRecognizer, SymbolRecognizer
from digits.web import app, server
from tests.reading import fakes
from tests.reading.drawing import draw
from tests.web.serving import READER, RECOGNIZER, SHOES, ask, begun, png, serving

ZERO = png(draw("0"))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as number:
        yield number


def form(*files: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    header = b'--limit\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\n\r\n%s\r\n'
    parts = [header % (name.encode(), content) for name, content in files]
    return b"".join([*parts, b"--limit--\r\n"]), {"Content-Type": "Multipart/form-data; boundary=limit"}


def test_an_image_is_answered_as_the_command_line_prints_it(port: int) -> None:
    assert ask(port, "POST", "/read", png(draw("10")))[:2] == (200, RECOGNIZER.read(draw("10")).as_dict())
    assert ask(port, "POST", "/read", *form(("a.png", ZERO)))[:2] == (200, RECOGNIZER.read(draw("0")).as_dict())


def test_an_image_may_be_a_data_url_alone_or_in_json(port: int) -> None:
    url = "data:image/png;base64," + base64.b64encode(ZERO).decode()
    for body in (url, json.dumps({"image": url}), json.dumps({"image": url.partition(",")[2]})):
        assert ask(port, "POST", "/read", body)[1]["text"] == "0"
    for body in ("{}", "[", '{"image": 5}', '{"image": "data:image/png;base64,=="}', "data:image/png;base64,x"):
        status, content, _ = ask(port, "POST", "/read", body)
        assert status in (415, 422)
        assert list(content) == ["error"]
    # The limits are those of a request.
    assert ask(port, "POST", "/read", json.dumps({"image": "A" * 2_000_000}))[0] == 413


def test_the_address_with_a_slash_and_other_methods_are_answered(port: int) -> None:
    assert ask(port, "POST", "/read/", ZERO)[1]["text"] == "0"
    assert ask(port, "HEAD", "/healthz")[0] == 200
    for path in ("/read", "/read/"):
        status, content, headers = ask(port, "GET", path)
        assert (status, headers["Allow"]) == (405, "POST")
        assert content["error"].startswith("send an image by POST")


@pytest.mark.parametrize(("value", "detailed"), [("1", True), ("True", True), ("0", False), ("false", False)])
def test_details_may_be_written_as_a_number(port: int, value: str, detailed: bool) -> None:
    assert ("probabilities" in ask(port, "POST", f"/read?details={value}", ZERO)[1]["lines"][0][0][0]) == detailed
    assert ask(port, "POST", "/read?details=yes", ZERO)[:2] == (422, {"error": "details: should be true or false"})


def test_details_are_the_probabilities_and_the_image_that_the_network_saw(port: int) -> None:
    _, answer, _ = ask(port, "POST", "/read?details=true", ZERO)
    assert answer["lines"] == [[[RECOGNIZER.read(draw("0")).digits[0].as_dict(details=True)]]]


def test_the_server_says_what_it_can_read(port: int) -> None:
    assert ask(port, "GET", "/healthz")[:2] == (200, {"status": "ok"})
    assert ask(port, "GET", "/classes")[:2] == (200, {"classes": list("0123456789"), "pages": True})
    with serving(SymbolRecognizer(fakes.infer, SHOES, READER.settings.ink)) as shoes:
        assert ask(shoes, "GET", "/classes")[1] == {"classes": list(SHOES.classes), "pages": False}
        assert ask(shoes, "POST", "/read", ZERO)[1]["text"] in SHOES.classes


def test_several_images_are_answered_in_their_order_with_their_names(port: int) -> None:
    status, answers, _ = ask(port, "POST", "/read", *form(("a.png", ZERO), ("ä\t.png", b"x"), ("c.png", ZERO)))
    assert status == 200
    assert [answer["picture"] for answer in answers] == ["a.png", "ä\\t.png", "c.png"]
    assert [answer.get("text") for answer in answers] == ["0", None, "0"]
    assert answers[1]["error"].startswith("ä\\t.png: not an image")


def test_many_clients_at_once_get_their_own_answers(port: int) -> None:
    texts = ["0", "1", "10"] * 20
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(20) as pool:
        for _ in range(60):
            stack.enter_context(begun(port, "Content-Length: 1000")).sendall(b"slow")
        large = pool.submit(ask, port, "POST", "/read", *form(*[("a.png", ZERO)] * 100))
        answers = pool.map(lambda text: ask(port, "POST", "/read", png(draw(text)))[1]["text"], texts)
        assert list(answers) == texts
        assert [answer["text"] for answer in large.result()[1]] == ["0"] * 100


def png_header(side: int) -> bytes:
    """Return the beginning of a PNG image of so many pixels a side."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (header, data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 415, "the image: not an image"),
        (b"<!doctype html><p>72", 415, "the image: not an image in a supported format"),
        (ZERO[:-40], 422, "the image: damaged image"),
        (png_header(20_000), 413, "the image: more than 120,000,000 pixels"),
        (bytes(5_000_000), 413, "the request has more than 1 MB"),
        ([bytes(100_000)] * 50, 413, "the request has more than 1 MB"),
    ],
    ids=["empty", "text", "damaged", "many pixels", "large", "large in chunks"],
)
def test_what_cannot_be_read_is_answered_in_one_line(port: int, body: Any, status: int, reason: str) -> None:
    answered, content, _ = ask(port, "POST", "/read", iter(body) if isinstance(body, list) else body)
    assert answered == status
    assert content["error"].startswith(reason)
    assert "\n" not in content["error"]


@pytest.mark.parametrize(
    ("body", "boundary"),
    [(b"--limit--\r\n", "limit"), (b"no parts", "limit"), (b"--limit\r\n\r\n", ""), form(*[("a", b"")] * 101)],
    ids=["no files", "damaged", "no boundary", "too many files"],
)
def test_a_damaged_form_is_answered_in_one_line(port: int, body: bytes, boundary: Any) -> None:
    kind = f"multipart/form-data; boundary={boundary}" if boundary == "limit" else "multipart/form-data"
    status, content, _ = ask(port, "POST", "/read", body, {"Content-Type": kind})
    assert 400 <= status < 500
    assert list(content) == ["error"]


def test_a_client_that_asks_before_it_sends_too_much_is_refused(port: int) -> None:
    with begun(port, "Content-Length: 300000000", "Expect: 100-continue") as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def send_for_a_minute(connection: socket.socket, chunk: bytes) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        connection.sendall(chunk)
        time.sleep(0.01)


@pytest.mark.parametrize("chunk", [b"4\r\nslow\r\n", b"186a0\r\n" + bytes(100_000) + b"\r\n"], ids=["slow", "endless"])
def test_a_body_without_an_end_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch, chunk: bytes) -> None:
    monkeypatch.setattr(app, "SECONDS", 0.3)
    endless = begun(port, "Transfer-Encoding: chunked")
    with endless as connection, pytest.raises((ConnectionResetError, BrokenPipeError)):
        send_for_a_minute(connection, chunk)


def test_a_slow_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(DigitRecognizer):
        def read_all(self, sources: Any) -> Any:
            time.sleep(1)
            return super().read_all(sources)

    monkeypatch.setattr(app, "SECONDS", 0.3)
    with serving(Slow(fakes.infer, READER)) as number:
        assert ask(number, "POST", "/read", ZERO)[:2] == (503, {"error": "not done in 0.3 seconds; try again"})


def test_connections_beyond_the_limit_are_refused() -> None:
    with serving() as number:
        with contextlib.ExitStack() as stack:
            for _ in range(server.MAX_CONNECTIONS):
                stack.enter_context(socket.create_connection(("127.0.0.1", number)))
            assert ask(number, "GET", "/healthz")[0] == 503
        while ask(number, "GET", "/healthz")[0] == 503:
            pass


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "//etc/passwd", "/static/", "/docs"])
def test_no_other_file_can_be_had(port: int, path: str) -> None:
    with begun(port, target=f"GET {path}") as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 404 ")


def test_other_methods_are_refused_in_one_line(port: int) -> None:
    for method, path in (("DELETE", "/read"), ("POST", "/"), ("PUT", "/page.js")):
        status, content, _ = ask(port, method, path)
        assert (status, list(content)) == (405, ["error"])


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "example.org.evil.com", "", "[", "localhost/x", "a@localhost"]
)
def test_requests_to_another_name_are_refused(port: int, host: str) -> None:
    for method, path in (("GET", "/"), ("POST", "/read")):
        assert ask(port, method, path, ZERO, {"Host": host})[0] == 400


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "LOCALHOST:7860", "[::1]:7860", "10.1.2.3:80", "me.local", "example.org"]
)
def test_requests_to_this_machine_and_to_a_site_that_is_allowed_pass(port: int, host: str) -> None:
    assert ask(port, "GET", "/healthz", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "https://example.org.evil.com"]
)
def test_pages_of_other_sites_may_not_read(port: int, origin: str) -> None:
    status, content, headers = ask(port, "POST", "/read", ZERO, {"Origin": origin})
    assert (status, content) == (403, {"error": "a request from another site; allow it with --allow-origin"})
    assert "Access-Control-Allow-Origin" not in headers


def test_the_page_itself_and_a_site_that_is_allowed_may_read(port: int) -> None:
    assert ask(port, "POST", "/read", ZERO, {"Origin": f"http://127.0.0.1:{port}"})[0] == 200
    status, _, headers = ask(port, "POST", "/read", ZERO, {"Origin": "https://example.org"})
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://example.org")
    # A page that was opened as a file.
    with serving(origins=["null"]) as local:
        assert ask(local, "POST", "/read", ZERO, {"Origin": "null"})[0] == 200
    preflight = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    assert ask(port, "OPTIONS", "/read", headers=preflight)[0] == 200


@pytest.mark.parametrize("path", ["/", "/page.js", "/healthz", "/none", "/read"])
def test_every_answer_keeps_the_page_apart_from_other_sites(port: int, path: str) -> None:
    _, _, headers = ask(port, "GET", path)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
