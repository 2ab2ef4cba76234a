from collections.abc import Iterator

import pytest

from tests.reading.drawing import draw
from tests.web.serving import ask, create, png, serving

ZERO = png(draw("0"))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(create(origins=("https://example.org",))) as number:
        yield number


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.1.2.3", "", "[", "::1", "127.0.0.2"])
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
    with serving(create(host="0.0.0.0")) as number:
        assert ask(number, "GET", "/healthz", headers={"Host": host})[0] == status


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "https://example.org.evil.com"]
)
def test_requests_of_other_sites_are_refused(port: int, origin: str) -> None:
    status, content, headers = ask(port, "POST", "/read", ZERO, {"Origin": origin})
    assert (status, content) == (403, {"error": "the request of another site; allow it with --allow-origin"})
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
