"""Measure in a browser how long the page takes from the end of a stroke to its answer.

    python -m benchmarks.page [--strokes 30]

Needs Chromium and its chromedriver.
"""

import argparse
import os
import shutil
import statistics
from typing import Any

from benchmarks.processes import serving
from digits.core.errors import InputError, run_main

SCREENS = {"phone": (390, 844), "desk": (1280, 800)}
# A seven, as fractions of the canvas's sides; the next one is drawn beside it, and so on.
SEVEN = [(0.05, 0.2), (0.1, 0.2), (0.15, 0.2), (0.12, 0.4), (0.08, 0.6)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--strokes", type=int, default=30)
    strokes = parser.parse_args().strokes
    from selenium import webdriver

    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not (binary and driver):
        raise InputError("chromium or chromedriver: not installed; install both")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(option)
    with serving() as (port, _):
        browser: Any = webdriver.Chrome(options, webdriver.ChromeService(driver, env=dict(os.environ)))
        try:
            for name, (width, height) in SCREENS.items():
                metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                browser.get(f"http://127.0.0.1:{port}/")
                taken = [_draw(browser, number) for number in range(strokes)]
                print(
                    f"{name}: {statistics.median(taken):.0f} ms from the end of a stroke to the answer, median of "
                    f"{strokes}; {max(taken):.0f} ms at most"
                )
        finally:
            browser.quit()


def _draw(browser: Any, number: int) -> float:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.wait import WebDriverWait

    if number % 5 == 0:
        browser.execute_script("document.getElementById('clear').click()")
    sides = "const r = document.getElementById('canvas').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]"
    left, top, width, height = browser.execute_script(sides)
    chain = ActionChains(browser, duration=10)
    pointer: Any = chain.w3c_actions.pointer_action
    for place, (x, y) in enumerate(SEVEN):
        pointer.move_to_location(round(left + (x + 0.18 * (number % 5)) * width), round(top + y * height))
        if place == 0:
            pointer.pointer_down()
    pointer.pointer_up()
    chain.perform()
    entries = "return performance.getEntriesByName('answer').map((each) => each.duration)"
    return float(WebDriverWait(browser, 60).until(lambda _: browser.execute_script(entries)[number:])[0])


if __name__ == "__main__":
    run_main(main)
