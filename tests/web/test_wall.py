import socket
from collections.abc import Iterator

import pytest

from digits.web import wall
from tests.reading.drawing import draw
from tests.web.serving import ask, create, png, serving

ZERO = png(draw("0"))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(create(origins=("https://example.org",))) as number:
        yield number


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "10.1.2.3",
        "",
        "[",
        "::1",
        "127.0.0.2",
        "localhost/x",
        "a@localhost",
        "localhost:x",
        "[::1]x",
    ],
)
def test_requests_to_another_name_are_refused(port: int, host: str) -> None:
    for method, path in (("GET", "/"), ("POST", "/read")):
        status, content, _ = ask(port, method, path, ZERO, {"Host": host})
        assert status in (400, 421)
        assert status == 400 or list(content) == ["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7860", "LOCALHOST", "[::1]:7860", "example.org"])
def test_requests_to_this_machine_and_to_a_site_that_is_allowed_pass(port: int, host: str) -> None:
    assert ask(port, "GET", "/healthz", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(("host", "status"), [("10.1.2.3", 200), ("[fe80::1]:7860", 200), ("evil.example", 421)])
def test_a_public_server_is_reached_by_any_address_but_not_by_any_name(host: str, status: int) -> None:
    with serving(create(hosts=("0.0.0.0",))) as number:
        assert ask(number, "GET", "/healthz", headers={"Host": host})[0] == status


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "https://example.org.evil.com"]
)
def test_requests_of_other_sites_are_refused(port: int, origin: str) -> None:
    status, content, headers = ask(port, "POST", "/read", ZERO, {"Origin": origin})
    assert (status, content) == (403, {"error": "a request from another site; allow it with --allow-origin"})
    assert "Access-Control-Allow-Origin" not in headers


def test_the_page_itself_and_a_site_that_is_allowed_may_read(port: int) -> None:
    assert ask(port, "POST", "/read", ZERO, {"Origin": f"http://127.0.0.1:{port}"})[0] == 200
    status, _, headers = ask(port, "POST", "/read", ZERO, {"Origin": "https://example.org"})
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://example.org")
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    assert ask(port, "OPTIONS", "/read", headers=asked)[0] == 200


@pytest.mark.parametrize("path", ["/", "/page.js", "/healthz", "/none", "/read"])
def test_every_answer_keeps_the_page_apart_from_other_sites(port: int, path: str) -> None:
    _, _, headers = ask(port, "GET", path)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_a_request_without_a_host_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 421 ")


def test_every_origin_of_a_request_is_looked_at(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        request = (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: https://example.org\r\nOrigin: https://evil.example"
        )
        connection.sendall(f"{request}\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")


def test_requests_beyond_the_limit_are_refused_in_one_line(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wall, "MOST", 2)
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    for each in slow:
        each.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nslow")
    # Connections that ask for nothing do not count.
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
    while (answer := ask(port, "GET", "/healthz"))[0] == 200:
        pass
    assert answer[:2] == (503, {"error": "too many requests; try again later"})
    for each in (*slow, *idle):
        each.close()
    while ask(port, "GET", "/healthz")[0] == 503:
        pass
