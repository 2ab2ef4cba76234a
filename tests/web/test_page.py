"""The page in a real browser, if one is installed."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digits import Recognizer
from digits.core.errors import InputError
from digits.web import page
from tests.browser import hosts, wait_for

pytest.importorskip("gradio", reason="pip install -r requirements-demo.txt")
webdriver: Any = pytest.importorskip("selenium.webdriver")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a running page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "digits", "draw", "--port", str(port)],
        cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    try:
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_stroke_is_read_immediately_and_without_internet(address: str, browser: Any) -> None:
    browser.get(address)
    # The page selects the brush by itself; its options then appear next to the tools.
    wait_for(browser, "document.querySelectorAll('#canvas button.quite-round').length > 2")
    canvas = browser.find_element("css selector", "#canvas canvas")
    stroke = webdriver.ActionChains(browser, duration=50).move_to_element_with_offset(canvas, 0, -80).click_and_hold()
    for _ in range(4):
        stroke = stroke.move_by_offset(0, 40)
    stroke.release().perform()

    assert wait_for(browser, "document.querySelector('#text textarea').value") == "1"
    assert wait_for(browser, "document.querySelector('#seen .caption-label')?.innerText").startswith("1 · ")
    assert wait_for(browser, "document.querySelector('#seen img')?.naturalWidth") == 28 * page.ENLARGED
    bars = wait_for(browser, "document.querySelector('#probabilities').innerText.match(/\\d+%/g)")
    assert len(bars) == 10
    assert hosts(browser) == {address.removeprefix("http://")}


def test_an_unusable_address_is_reported(address: str) -> None:
    taken = int(address.rpartition(":")[2])
    recognizer = Recognizer.load()
    for host, port, message in (
        ("127.0.0.1", taken, rf"127\.0\.0\.1:{taken}: cannot listen on this address"),
        ("192.0.2.1", 7860, r"192\.0\.2\.1:7860: cannot listen on this address"),
        ("127.0.0.1", 99_999, "--port 99999: should be from 1 to 65535"),
    ):
        with pytest.raises(InputError, match=message):
            page.serve(recognizer, host, port)
