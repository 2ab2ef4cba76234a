"""The page in a real browser, if one is installed, on a telephone's screen and on a desk's, light and dark."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from digits.reading.recognizer import Recognizer
from tests.browser import hosts, wait_for
from tests.reading import fakes
from tests.reading.drawing import draw
from tests.web.serving import READER, SHOES, create, serving

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
def port() -> Iterator[int]:
    with serving(create(Recognizer.load())) as number:
        yield number


@pytest.fixture(params=[(PHONE, "light"), (DESK, "light"), (PHONE, "dark")], ids=["phone", "desk", "dark"])
def screen(request: pytest.FixtureRequest, browser: Any) -> Any:
    (width, height), scheme = request.param
    metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    return browser


@pytest.fixture
def page(screen: Any, port: int) -> Any:
    # From another page: after one of the same address the driver may go on before the new one listens to events.
    screen.get("about:blank")
    screen.get(f"http://127.0.0.1:{port}/")
    assert wait_for(screen, "document.readyState === 'complete' && typeof strokes !== 'undefined'")
    yield screen
    assert hosts(screen) == {f"127.0.0.1:{port}"}


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
    cut = """return [...document.querySelectorAll('body *')].filter((each) => {
        const { left, right, width } = each.getBoundingClientRect();
        const overflows = each.clientWidth && each.scrollWidth > each.clientWidth + 1;
        return width > 1 && (left < 0 || right > innerWidth || overflows);
    }).map((each) => each.outerHTML)"""
    assert page.execute_script(cut) == []
    assert page.execute_script("return document.documentElement.scrollHeight <= innerHeight")
    page.execute_script((files("axe_core_python") / "axe.min.js").read_text())
    found = page.execute_async_script("axe.run().then(arguments[0])")
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []


def choose(page: Any, file: Path) -> None:
    page.find_element("css selector", "#file").send_keys(str(file))


def test_digits_are_drawn_undone_and_cleared(page: Any) -> None:
    check(page)
    write(page, SEVEN, TWO)
    assert wait_for(page, f"{TEXT} === '72' && {STATUS}") == "I read 72. Tap a digit for details."
    check(page)
    press(page, "#undo")
    assert wait_for(page, f"{TEXT} === '7'")
    press(page, "#clear")
    assert wait_for(page, f"{STATUS}.startsWith('Draw some digits')")
    assert page.execute_script(f"return {TEXT}") == ""
    assert page.execute_script("return document.getElementById('undo').disabled")


def test_a_tap_on_a_digit_shows_its_probabilities_and_what_the_network_saw(page: Any) -> None:
    write(page, SEVEN, TWO)
    assert wait_for(page, f"{TEXT} === '72'")
    press(page, "#text button:last-child")
    assert page.execute_script("return document.querySelectorAll('#bars li').length") == 10
    assert page.find_element("css selector", "#bars .best").text.startswith("2\n")
    pixels = "document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data"
    seen = page.execute_script(f"return [...{pixels}].filter((level, index) => index % 4 === 0)")
    assert seen.count(0) > 300
    assert max(seen) > 200
    check(page)
    # On the drawing, a tap chooses the other one, and draws nothing.
    write(page, [(0.27, 0.4)])
    assert page.find_element("css selector", "#bars .best").text.startswith("7\n")
    write(page, [(0.27, 0.4)])
    assert not page.find_element("css selector", "#details").is_displayed()
    assert page.execute_script(f"return {TEXT}") == "72"


def test_other_classes_are_called_by_their_names(screen: Any) -> None:
    with serving(create(Recognizer(fakes.infer, READER, SHOES))) as number:
        screen.get(f"http://127.0.0.1:{number}/")
        assert wait_for(screen, f"{STATUS}.startsWith('Draw one symbol')")
        check(screen)
        write(screen, SEVEN)
        assert wait_for(screen, f"{TEXT} === 'sneaker' || {TEXT} === 'ankle boot'")
        press(screen, "#text button")
        assert names_of(screen)[0] == screen.execute_script(f"return {TEXT}")
        assert set(names_of(screen)) == {*SHOES.classes}
        check(screen)


def names_of(page: Any) -> list[str]:
    return list(
        page.execute_script("return [...document.querySelectorAll('#bars span')].map((each) => each.innerText)")
    )


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
        [list(each) for each in events],
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


def test_a_tap_on_a_photo_keeps_it(page: Any, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), draw("5047"))
    choose(page, tmp_path / "photo.png")
    assert wait_for(page, f"{TEXT} === '5047'")
    write(page, [(0.02, 0.02)])
    assert page.execute_script(f"return {TEXT}") == "5047"
    # A format that the browser does not show is read without boxes.
    cv2.imwrite(str(tmp_path / "scan.tif"), draw("71"))
    choose(page, tmp_path / "scan.tif")
    assert wait_for(page, f"{TEXT} === '71'")


def test_photos_are_read_and_other_files_explained(page: Any, tmp_path: Path) -> None:
    photo, blank, damaged = tmp_path / "photo.png", tmp_path / "blank.png", tmp_path / "damaged.png"
    cv2.imwrite(str(photo), draw("5047"))
    cv2.imwrite(str(blank), np.full((300, 400), 255, np.uint8))
    damaged.write_bytes(photo.read_bytes()[:300])
    choose(page, photo)
    assert wait_for(page, f"{TEXT} === '5047'")
    check(page)
    choose(page, blank)
    assert wait_for(page, f"{STATUS} === 'Nothing to read.'")
    assert page.execute_script(f"return {TEXT}") == ""
    choose(page, damaged)
    assert wait_for(page, f"{STATUS}.startsWith('Damaged image')")
    # The next one is read, and drawing begins anew.
    choose(page, photo)
    assert wait_for(page, f"{TEXT} === '5047'")
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


def test_the_answer_is_measured_from_the_end_of_the_stroke(page: Any) -> None:
    write(page, SEVEN)
    assert wait_for(page, f"{TEXT} === '7'")
    (took,) = page.execute_script("return performance.getEntriesByName('answer').map((each) => each.duration)")
    assert took > 0
