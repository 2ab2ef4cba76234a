"""A real browser for testing pages, if one is installed."""

import json
import os
import shutil
from typing import Any
from urllib.parse import urlsplit

import pytest


def start() -> Any:
    """Return a new browser that can reach this machine only; skip the test if there is no browser."""
    webdriver: Any = pytest.importorskip("selenium.webdriver")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("Chromium or its chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1100"):
        options.add_argument(option)
    # A proxy that does not exist cuts off the internet; requests to this machine bypass it.
    options.add_argument("--proxy-server=127.0.0.1:9")
    # No test may depend on the browser's language.
    options.add_argument("--lang=es")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    return webdriver.Chrome(
        options=options, service=webdriver.ChromeService(driver, env={**os.environ, "LANGUAGE": "es"})
    )


def wait_for(driver: Any, script: str) -> Any:
    """Wait until the JavaScript expression ``script`` is truthy in the page, and return its value."""
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(driver, 300).until(lambda _: driver.execute_script(f"return {script}"))


def hosts(driver: Any) -> set[str]:
    """Return the hosts that the page has sent requests to since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).netloc for url in urls if url.startswith("http")}
