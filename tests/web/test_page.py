"""The page in one real browser, if it is installed: mostly on a telephone's screen."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from digits.reading.recognizer import Recognizer, SymbolRecognizer
from tests import browser as browsers
from tests.browser import hosts, wait_for
from tests.reading import fakes
from tests.reading.drawing import draw
from tests.web.serving import READER, SHOES, serving

Points = Sequence[tuple[float, float]]
# As fractions of the canvas's sides.
SEVEN: Points = [(0.15, 0.25), (0.28, 0.25), (0.38, 0.25), (0.33, 0.4), (0.28, 0.55), (0.23, 0.75)]
TWO: Points = [
    (0.55, 0.35), (0.58, 0.27), (0.65, 0.24), (0.72, 0.27), (0.74, 0.36), (0.7, 0.46), (0.63, 0.58), (0.53, 0.75),
    (0.65, 0.74), (0.78, 0.75),
]  # fmt: skip
TEXT = "document.getElementById('text').innerText.trim()"
STATUS = "document.getElementById('status').textContent"
PHONE, DESK = (390, 844), (1280, 800)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    driver = browsers.start()
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Recognizer.load()) as number:
        yield number


@pytest.fixture
def page(browser: Any, port: int, request: pytest.FixtureRequest) -> Any:
    """The page on a screen of this size and colour scheme; it may ask no other server."""
    (width, height), scheme = getattr(request, "param", (PHONE, "light"))
    metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    load(browser, port)
    yield browser
    assert hosts(browser) == {f"127.0.0.1:{port}"}


def load(page: Any, port: int) -> None:
    # From another page: after one of the same address the driver may go on before the new one listens to events.
    page.get("about:blank")
    page.get(f"http://127.0.0.1:{port}/")
    assert wait_for(page, "document.readyState === 'complete' && typeof strokes !== 'undefined'")


def write(page: Any, *strokes: Points) -> None:
    from selenium.webdriver import ActionChains

    sides = "const r = document.getElementById('canvas').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]"
    left, top, width, height = page.execute_script(sides)
    for stroke in strokes:
        chain = ActionChains(page, duration=10)
        pointer: Any = chain.w3c_actions.pointer_action
        for number, (x, y) in enumerate(stroke):
            pointer.move_to_location(round(left + x * width), round(top + y * height))
            if number == 0:
                pointer.pointer_down()
        pointer.pointer_up()
        chain.perform()


def press(page: Any, selector: str) -> None:
    page.find_element("css selector", selector).click()


def check(page: Any) -> None:
    """Check that nothing is cut off, and that keyboards and screen readers find everything."""
    cut = """return [...document.querySelectorAll('body *')].filter((element) => {
        const { left, right, width } = element.getBoundingClientRect();
        const overflows = element.clientWidth && element.scrollWidth > element.clientWidth + 1;
        return width > 1 && (left < 0 || right > innerWidth || overflows);
    }).map((element) => element.outerHTML)"""
    assert page.execute_script(cut) == []
    assert page.execute_script("return document.documentElement.scrollHeight <= innerHeight")
    page.execute_script((files("axe_core_python") / "axe.min.js").read_text())
    violations = page.execute_async_script("axe.run().then(arguments[0])")["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in violations] == []


def choose(page: Any, file: Path) -> None:
    page.find_element("css selector", "#file").send_keys(str(file))


@pytest.mark.parametrize("page", [(PHONE, "light"), (DESK, "light"), (PHONE, "dark")], indirect=True)
def test_digits_are_drawn_and_explained_on_screens_that_are_accessible(page: Any) -> None:
    check(page)
    write(page, SEVEN, TWO)
    assert wait_for(page, f"{TEXT} === '72' && {STATUS}") == "I read 72. Tap a digit for details."
    press(page, "#text button:last-child")
    assert page.execute_script("return document.querySelectorAll('#bars li').length") == 10
    assert page.find_element("css selector", "#bars .best").text.startswith("2\n")
    pixels = "document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data"
    seen = page.execute_script(f"return [...{pixels}].filter((level, index) => index % 4 === 0)")
    assert seen.count(0) > 300
    assert max(seen) > 200
    check(page)


def test_a_tap_on_a_drawn_digit_chooses_it_and_draws_nothing(page: Any) -> None:
    write(page, SEVEN, TWO)
    assert wait_for(page, f"{TEXT} === '72'")
    write(page, [(0.27, 0.4)])
    assert page.find_element("css selector", "#bars .best").text.startswith("7\n")
    write(page, [(0.27, 0.4)])
    assert not page.find_element("css selector", "#details").is_displayed()
    assert page.execute_script(f"return {TEXT}") == "72"


def test_strokes_are_undone_and_cleared(page: Any) -> None:
    write(page, SEVEN, TWO)
    press(page, "#undo")
    assert wait_for(page, f"{TEXT} === '7'")
    press(page, "#clear")
    assert wait_for(page, f"{STATUS}.startsWith('Draw some digits')")
    assert page.execute_script(f"return {TEXT}") == ""
    assert page.execute_script("return document.getElementById('undo').disabled")


def test_other_classes_are_called_by_their_names(browser: Any) -> None:
    with serving(SymbolRecognizer(fakes.infer, SHOES, READER.settings.ink)) as number:
        load(browser, number)
        assert wait_for(browser, f"{STATUS}.startsWith('Draw one symbol')")
        write(browser, SEVEN)
        assert wait_for(browser, f"{TEXT} === 'sneaker' || {TEXT} === 'ankle boot'")
        press(browser, "#text button")
        names = "[...document.querySelectorAll('#bars span')].map((span) => span.innerText)"
        assert set(browser.execute_script(f"return {names}")) == {*SHOES.classes}
        check(browser)
    hosts(browser)


def dispatch(page: Any, *events: tuple[str, int, float, float]) -> None:
    """Send pointer events: their name, the pointer's number, and a place on the canvas."""
    page.execute_script(
        """const canvas = document.getElementById('canvas'), { x, y, width, height } = canvas.getBoundingClientRect();
        canvas.setPointerCapture = () => {};
        for (const [name, pointerId, across, down] of arguments[0]) {
            const place = { clientX: x + across * width, clientY: y + down * height };
            canvas.dispatchEvent(new PointerEvent(name, { pointerId, pointerType: 'touch', isPrimary: pointerId === 1,
                bubbles: true, cancelable: true, button: name === 'pointermove' ? -1 : 0, ...place }));
        }""",
        [list(event) for event in events],
    )


def test_a_second_finger_neither_draws_nor_ends_the_stroke(page: Any) -> None:
    first, *others = SEVEN
    dispatch(page, ("pointerdown", 1, *first), ("pointerdown", 2, 0.8, 0.8))
    for point in others:
        dispatch(page, ("pointermove", 2, 0.9, 0.9), ("pointermove", 1, *point), ("pointerup", 2, 0.9, 0.9))
    dispatch(page, ("pointerup", 1, *others[-1]))
    assert wait_for(page, f"{TEXT} === '7'")


def test_what_was_cleared_while_it_is_read_is_not_shown(page: Any) -> None:
    slow = "window.fetch = (...all) => new Promise((done) => setTimeout(() => done(fetched(...all)), 300));"
    page.execute_script(f"const fetched = window.fetch; {slow}")
    write(page, SEVEN)
    press(page, "#clear")
    write(page, SEVEN, TWO)
    assert wait_for(page, f"{TEXT} === '72'")
    assert page.execute_script("return document.querySelectorAll('#text button').length") == 2


def test_a_stroke_that_is_undone_before_its_end_is_gone(page: Any) -> None:
    dispatch(page, ("pointerdown", 1, 0.2, 0.2), ("pointermove", 1, 0.4, 0.4))
    page.execute_script("document.getElementById('undo').click()")
    dispatch(page, ("pointermove", 1, 0.6, 0.6), ("pointerup", 1, 0.6, 0.6))
    assert page.execute_script("return document.getElementById('undo').disabled")
    write(page, SEVEN)
    assert wait_for(page, f"{TEXT} === '7'")


def test_a_drawing_stays_whole_when_the_screen_is_turned(page: Any) -> None:
    write(page, SEVEN, TWO)
    assert wait_for(page, f"{TEXT} === '72'")
    metrics = {"width": 844, "height": 390, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert wait_for(page, "canvas.clientWidth > 400 && canvas.clientHeight < 300")
    # Ink at the lower edge of the canvas would be cut off.
    edge = "paper.getImageData(0, canvas.height - 4, canvas.width, 4).data.some((level) => level > 0)"
    assert not page.execute_script(f"return {edge}")
    press(page, "#undo")
    assert wait_for(page, f"{TEXT} === '7'")


def test_photos_are_read_and_other_files_explained(page: Any, tmp_path: Path) -> None:
    photo, blank, scan, damaged = (tmp_path / name for name in ("photo.png", "blank.png", "scan.tif", "damaged.png"))
    cv2.imwrite(str(photo), draw("5047"))
    cv2.imwrite(str(blank), np.full((300, 400), 255, np.uint8))
    cv2.imwrite(str(scan), draw("71"))
    damaged.write_bytes(photo.read_bytes()[:300])
    choose(page, blank)
    assert wait_for(page, f"{STATUS} === 'Nothing to read.'")
    choose(page, damaged)
    assert wait_for(page, f"{STATUS}.startsWith('Damaged image')")
    # A format that the browser does not show.
    choose(page, scan)
    assert wait_for(page, f"{TEXT} === '71'")
    choose(page, photo)
    assert wait_for(page, f"{TEXT} === '5047'")
    check(page)
    # A tap keeps the photo, and a stroke begins anew.
    write(page, [(0.02, 0.02)])
    assert page.execute_script(f"return {TEXT}") == "5047"
    write(page, SEVEN)
    assert wait_for(page, f"{TEXT} === '7'")


def test_files_are_dropped_and_pasted(page: Any) -> None:
    send = """const [kind, done] = arguments, canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [300, 200];
        const context = canvas.getContext('2d');
        context.fillStyle = 'white'; context.fillRect(0, 0, 300, 200);
        context.lineWidth = 10; context.beginPath();
        for (const [x, y] of [[100, 40], [180, 40], [140, 160]]) context.lineTo(x, y);
        context.stroke();
        canvas.toBlob((blob) => {
            const data = new DataTransfer();
            data.items.add(new File([blob], 'seven.png', { type: 'image/png' }));
            document.dispatchEvent(kind === 'drop' ? new DragEvent('drop', { dataTransfer: data })
                                                   : new ClipboardEvent('paste', { clipboardData: data }));
            done();
        });"""
    for kind in ("drop", "paste"):
        page.execute_async_script(send, kind)
        assert wait_for(page, f"{TEXT} === '7'")
        press(page, "#clear")
        assert wait_for(page, f"{TEXT} === ''")
