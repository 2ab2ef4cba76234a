import concurrent.futures
import io
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.reading.recognizer import Recognizer
from digits.web import app
from tests.reading import fakes
from tests.reading.drawing import draw
from tests.web.serving import READER, RECOGNIZER, SHOES, ask, create, png, serving

ZERO = png(draw("0"))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(create()) as number:
        yield number


def form(*files: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    header = b'--limit\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\n\r\n%s\r\n'
    parts = [header % (name.encode(), content) for name, content in files]
    return b"".join([*parts, b"--limit--\r\n"]), {"Content-Type": "multipart/form-data; boundary=limit"}


def test_an_image_is_answered_as_the_command_line_prints_it(port: int) -> None:
    status, answer, _ = ask(port, "POST", "/read", png(draw("10")))
    assert status == 200
    assert answer == RECOGNIZER.read(draw("10")).as_dict()
    assert answer["text"] == "10"
    assert set(answer["lines"][0][0][0]) == {"digit", "probability", "box"}


def test_details_are_the_probabilities_and_the_image_that_the_network_saw(port: int) -> None:
    _, answer, _ = ask(port, "POST", "/read?details=true", ZERO)
    (digit,) = answer["lines"][0][0]
    assert digit == RECOGNIZER.read(draw("0")).digits[0].as_dict(details=True)
    assert len(digit["probabilities"]) == 10


def test_the_classes_are_told(port: int) -> None:
    assert ask(port, "GET", "/classes")[:2] == (200, {"classes": list("0123456789"), "pages": True})


def test_an_image_of_another_class_is_answered_by_its_name() -> None:
    with serving(create(Recognizer(fakes.infer, READER, SHOES))) as number:
        assert ask(number, "GET", "/classes")[1]["pages"] is False
        _, answer, _ = ask(number, "POST", "/read?details=true", ZERO)
    (shoe,) = answer["lines"][0][0]
    assert answer["text"] == shoe["class"]
    assert shoe["class"] in SHOES.classes
    assert shoe["classes"] == list(SHOES.classes)
    assert "digit" not in shoe


def test_a_blank_image_has_no_digits(port: int) -> None:
    blank = png(np.full((60, 60), 255, np.uint8))
    assert ask(port, "POST", "/read", blank)[:2] == (200, {"text": "", "lines": [], "rejected": []})


def test_a_form_with_one_image_is_answered_as_the_image(port: int) -> None:
    assert ask(port, "POST", "/read", *form(("a.png", ZERO)))[1] == RECOGNIZER.read(draw("0")).as_dict()


def test_several_images_are_answered_in_their_order_with_their_names(port: int) -> None:
    status, answers, _ = ask(port, "POST", "/read", *form(("a.png", ZERO), ("b.png", b"x"), ("c.png", png(draw("1")))))
    assert status == 200
    assert [each["picture"] for each in answers] == ["a.png", "b.png", "c.png"]
    assert [each.get("text") for each in answers] == ["0", None, "1"]
    assert answers[1]["error"].startswith("b.png: not an image")


@pytest.mark.parametrize(
    "charset", ["utf-7", "unicode_escape", "raw_unicode_escape", "undefined", "punycode", "utf-16", "rot13", "no-such"]
)
def test_the_character_set_that_a_form_asks_for_is_ignored(port: int, charset: str) -> None:
    for name in ("+2AA-.png", "\\ud800.png", "a-zzz.png", "ä.png"):
        body, headers = form((name, ZERO), (name, b"x"))
        headers["Content-Type"] += f"; charset={charset}"
        status, answers, _ = ask(port, "POST", "/read", body, headers)
        assert status == 200
        assert [each["picture"] for each in answers] == [name, name]


def test_a_form_may_be_written_in_capitals(port: int) -> None:
    body, headers = form(("a.png", ZERO))
    headers["Content-Type"] = headers["Content-Type"].replace("multipart/form-data", "Multipart/Form-Data")
    assert ask(port, "POST", "/read", body, headers)[1]["text"] == "0"


def test_large_forms_do_not_keep_others_waiting(port: int) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        whole = pool.submit(ask, port, "POST", "/read", *form(*[("a.png", ZERO)] * 100))
        assert ask(port, "POST", "/read", ZERO)[1]["text"] == "0"
        assert [each["text"] for each in whole.result()[1]] == ["0"] * 100


def huge_png(side: int) -> bytes:
    """Return the beginning of a PNG image of so many pixels a side."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in (header, data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 415, "the image: not an image"),
        (b"<!doctype html><p>72", 415, "the image: not an image in a supported format"),
        (ZERO[:-40], 422, "the image: damaged image"),
        (huge_png(20_000), 413, "the image: more than 120,000,000 pixels"),
        (bytes(1_000_001), 413, "the request has more than 1 MB"),
    ],
)
def test_what_is_no_image_is_answered_in_one_line(port: int, body: bytes, status: int, reason: str) -> None:
    answered, content, _ = ask(port, "POST", "/read", body)
    assert answered == status
    assert content["error"].startswith(reason)
    assert "\n" not in content["error"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}),
        (b"no parts", {"Content-Type": "multipart/form-data; boundary=limit"}),
        (b"--limit\r\n\r\n", {"Content-Type": "multipart/form-data"}),
        form(*[("a.png", b"")] * 101),
    ],
)
def test_a_damaged_form_is_answered_in_one_line(port: int, body: bytes, headers: dict[str, str]) -> None:
    status, content, _ = ask(port, "POST", "/read", body, headers)
    assert 400 <= status < 500
    assert list(content) == ["error"]


def test_a_body_without_a_length_is_not_read_beyond_the_limit(port: int) -> None:
    chunks = iter([bytes(100_000)] * 20)
    assert ask(port, "POST", "/read", chunks)[:2] == (413, {"error": "the request has more than 1 MB"})
    assert ask(port, "GET", "/healthz")[:2] == (200, {"status": "ok"})


def test_a_client_that_asks_before_it_sends_too_much_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_an_endless_body_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits.web.wall.DRAINED", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"186a0\r\n" + bytes(100_000) + b"\r\n"
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(chunk * 10_000)


def test_a_slow_body_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nslow")
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_leaves_does_no_harm(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nslow")
    assert ask(port, "POST", "/read", ZERO)[1]["text"] == "0"


def test_a_slow_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Recognizer):
        def read_all(self, sources: Any) -> Any:
            time.sleep(1)
            return super().read_all(sources)

    monkeypatch.setattr(app, "SECONDS", 0.3)
    with serving(create(Slow(fakes.infer, RECOGNIZER.reader))) as number:
        assert ask(number, "POST", "/read", ZERO)[:2] == (503, {"error": "not done in 0.3 seconds; try again"})


def test_slow_clients_do_not_keep_others_waiting(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    for each in slow:
        each.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nslow")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(port, "POST", "/read", ZERO), range(60)))
    assert {(status, answer["text"]) for status, answer, _ in answers} == {(200, "0")}
    for each in slow:
        each.close()


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "//etc/passwd", "/static/", "/docs"])
def test_no_other_file_can_be_had(port: int, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert connection.makefile("rb").readline() == b"HTTP/1.1 404 Not Found\r\n"


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/read"), ("POST", "/"), ("PUT", "/page.js")])
def test_other_methods_are_refused_in_one_line(port: int, method: str, path: str) -> None:
    status, content, _ = ask(port, method, path)
    assert (status, list(content)) == (405, ["error"])


def test_damaged_images_are_answered_and_the_next_one_is_read(port: int) -> None:
    random = np.random.default_rng(0)
    image = Image.fromarray(draw("10"))
    for form_ in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"):
        buffer = io.BytesIO()
        image.save(buffer, form_)
        for _ in range(20):
            damaged = bytearray(buffer.getvalue())
            for place in random.integers(len(damaged), size=8):
                damaged[place] = random.integers(256)
            status, content, _ = ask(port, "POST", "/read", bytes(damaged[: random.integers(1, len(damaged) + 1)]))
            assert status in (200, 413, 415, 422)
            assert ("error" in content) == (status != 200)
    assert ask(port, "POST", "/read", ZERO)[1]["text"] == "0"
