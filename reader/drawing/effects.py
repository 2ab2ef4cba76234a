"""What paper, light and cameras do to a page of handwriting, from a clean scan to a bad photograph."""

from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from reader.drawing.type import Mask, Random

Grey = NDArray[np.uint8]
Boxes = NDArray[np.float32]


class Page(NamedTuple):
    """A page, drawn at twice the resolution of its photograph.

    ink: float32 (H, W), the amount of ink on each pixel, 0 to 1
    paper: float32 (H, W), the brightness of the paper, 0 to 1
    pen: the fraction of the paper's light that full ink lets through
    boxes: float32 (N, 6), for each character its left, top, right and bottom, its label (10 of a letter, 11 of another
        sign), and the fraction that is visible
    size: the usual height of a digit
    """

    ink: Mask
    paper: Mask
    pen: float
    boxes: Boxes
    size: float


def grain(random: Random, shape: tuple[int, int], blur: float) -> Mask:
    """Return noise of standard deviation 1, smooth over ``blur`` pixels, float32 of this ``shape``."""
    step = max(1, int(blur / 2))
    small = random.standard_normal((shape[0] // step + 2, shape[1] // step + 2)).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, blur / step)).astype(np.float32)
    return np.asarray(cv2.resize(small / (small.std() + 1e-6), shape[::-1]), np.float32)


def pencil(page: Page, random: Random) -> Page:
    """A pale or uneven pen."""
    uneven = 0.9 + 0.25 * grain(random, page.ink.shape, random.uniform(1, 4))
    ink = page.ink * np.clip(uneven, 0.35, 1) if random.random() < 0.6 else page.ink
    return page._replace(ink=ink, pen=random.uniform(0.25, 0.72))


def texture(page: Page, random: Random) -> Page:
    """Grainy, fibrous, stained paper."""
    spots = sum(
        random.uniform(0, strength) * grain(random, page.ink.shape, blur)
        for blur, strength in ((0.7, 0.05), (3, 0.05), (25, 0.08))
    )
    return page._replace(paper=page.paper * np.clip(1 + spots, 0.3, 1.3))


def ruled(page: Page, random: Random) -> Page:
    """Lines at any distance, sometimes slanting."""
    return _lines(page, random, random.uniform(0.3, 1.8) * page.size, down=False)


def squared(page: Page, random: Random) -> Page:
    """Squares from a quarter of a digit to wider than one."""
    return _lines(page, random, random.uniform(0.25, 1.7) * page.size, down=True)


def _lines(page: Page, random: Random, step: float, *, down: bool) -> Page:
    height, width = page.ink.shape
    canvas, tilt = np.zeros((height, width), np.uint8), random.normal(0, 0.04)
    thick, dark = int(random.integers(1, 5)), random.uniform(0.08, 0.5)
    for y in np.arange(random.uniform(0, step), height + abs(tilt) * width, step):
        cv2.line(canvas, (0, int(y)), (width, int(y + tilt * width)), 255, thick, cv2.LINE_AA)
    for x in np.arange(random.uniform(0, step), width + abs(tilt) * height, step) if down else ():
        cv2.line(canvas, (int(x), 0), (int(x - tilt * height), height), 255, thick, cv2.LINE_AA)
    return page._replace(paper=page.paper * (1 - dark * canvas.astype(np.float32) / np.float32(255)))


def security(page: Page, random: Random) -> Page:
    """The fine waves and screens printed on cheques and tickets."""
    height, width = page.ink.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    paper = page.paper
    for _ in range(int(random.integers(1, 4))):
        angle, period = random.uniform(0, np.pi), random.uniform(5, 22)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        wave = random.uniform(0, 12) * np.sin(along / random.uniform(8, 60) + random.uniform(0, 6))
        lines = np.sin((across + wave) * 2 * np.pi / period)
        if random.random() < 0.3:
            lines = np.minimum(lines, np.sin(along * 2 * np.pi / period))
        mask = np.clip((lines - random.uniform(0, 0.85)) * 4, 0, 1)
        paper = paper * (1 - random.uniform(0.05, 0.4) * mask)
    return page._replace(paper=paper.astype(np.float32))


def picture(page: Page, random: Random) -> Page:
    """A picture, faint below ink; the whole page if there is none."""
    share = random.uniform(0.05, 0.3) if len(page.boxes) else 1
    return page._replace(paper=page.paper * (1 - share) + share * scene(random, page.ink.shape))


def bleed(page: Page, random: Random) -> Page:
    """The other side of the sheet, or the page below, showing through."""
    other = np.roll(page.ink[:, ::-1], random.integers(0, page.ink.shape), axis=(0, 1))
    soft = cv2.GaussianBlur(other, (0, 0), random.uniform(0.5, 4)).astype(np.float32)
    return page._replace(paper=page.paper * (1 - random.uniform(0.05, 0.3) * soft))


def blackboard(page: Page, random: Random) -> Page:
    """Light ink on a dark ground."""
    image = 1 - _printed(page)
    return page._replace(ink=np.zeros_like(page.ink), paper=image * random.uniform(0.5, 1))


def scene(random: Random, shape: tuple[int, int]) -> Mask:
    """Return part of a photograph, or an invented texture, float32 of this ``shape``, 0 to 1."""
    height, width = shape
    kind = random.random()
    if kind < 0.6:
        photo = _photographs()[random.integers(len(_photographs()))]
        factor = 2 ** random.uniform(-1.5, 1.5)
        high, wide = (min(max(8, int(side / factor)), limit) for side, limit in zip(shape, photo.shape, strict=True))
        top, left = random.integers(photo.shape[0] - high + 1), random.integers(photo.shape[1] - wide + 1)
        part = photo[top : top + high, left : left + wide]
        part = part[:: random.choice([-1, 1]), :: random.choice([-1, 1])]
        return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    if kind < 0.8:
        clouds = sum(random.uniform(0.02, 0.25) * grain(random, shape, 2 ** random.uniform(0, 5)) for _ in range(3))
        return np.clip(0.5 + clouds, 0, 1).astype(np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = random.uniform(0, np.pi), random.uniform(6, 60)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    weave = np.sign(np.sin(along * 2 * np.pi / period) + random.uniform(-0.6, 0.6) + 0.3 * grain(random, shape, 6))
    if random.random() < 0.5:
        weave = 0.5 * (weave + np.sign(np.sin(across * 2 * np.pi / period)))
    soft = cv2.GaussianBlur(weave.astype(np.float32), (0, 0), random.uniform(0.5, 3))
    return np.asarray(np.clip(0.5 + random.uniform(0.05, 0.45) * soft, 0, 1), np.float32)


@cache
def _photographs() -> list[Grey]:
    found = [np.asarray(image).mean(axis=2).astype(np.uint8) for image in load_sample_images().images]
    hopper = cv2.imread(str(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")), cv2.IMREAD_GRAYSCALE)
    return [*found, np.asarray(hopper, np.uint8)]


def _printed(page: Page) -> Mask:
    return np.asarray(page.paper * (1 - page.ink * (1 - page.pen)), np.float32)


def table(image: Mask, page: Page, random: Random) -> tuple[Mask, Boxes]:
    """The edge of the sheet, and something else beyond it."""
    height, width = image.shape
    angle, y, x = random.uniform(0, 2 * np.pi), *np.mgrid[0:height, 0:width].astype(np.float32)
    far = (x - width / 2) * np.cos(angle) + (y - height / 2) * np.sin(angle)
    beyond = (far > random.uniform(0.25, 0.5) * min(height, width)).astype(np.float32)
    edge = cv2.GaussianBlur(beyond, (0, 0), random.uniform(0.5, 3))
    other = scene(random, image.shape) if random.random() < 0.6 else np.float32(random.uniform(0, 1))
    boxes = page.boxes.copy()
    for box in boxes:
        left, top, right, bottom = (max(0, int(side)) for side in box[:4])
        hidden = beyond[top : bottom + 1, left : right + 1]
        box[5] *= 1 - hidden.mean() if hidden.size else 1
    return image * (1 - edge) + other * edge, boxes


def lamp(image: Mask, page: Page, random: Random) -> tuple[Mask, Boxes]:
    """Light from one side."""
    height, width = image.shape
    angle, (y, x) = random.uniform(0, 2 * np.pi), np.mgrid[-0.5 : 0.5 : 1j * height, -0.5 : 0.5 : 1j * width]
    falloff = random.uniform(0.1, 0.7) * (x * np.cos(angle) + y * np.sin(angle) + 0.5)
    return image * (1 - falloff).astype(np.float32), page.boxes


def shadow(image: Mask, page: Page, random: Random) -> tuple[Mask, Boxes]:
    """The shadow of a hand, a phone or a blind, sharp or soft."""
    height, width = image.shape
    shade = np.zeros((height, width), np.float32)
    if random.random() < 0.5:
        centre = (int(random.uniform(0, width)), int(random.uniform(0, height)))
        axes = (int(random.uniform(0.2, 0.8) * width), int(random.uniform(0.2, 0.8) * height))
        cv2.ellipse(shade, centre, axes, float(random.uniform(0, 180)), 0, 360, 1, -1)
    else:
        corners = random.uniform(-0.3, 1.3, (4, 2)) * (width, height)
        cv2.fillPoly(shade, [corners.astype(np.int32)], 1)
    shade = cv2.GaussianBlur(shade, (0, 0), float(np.exp(random.uniform(0, 3.7)))).astype(np.float32)
    return image * (1 - random.uniform(0.15, 0.6) * shade), page.boxes


def perspective(image: Mask, page: Page, random: Random) -> tuple[Mask, Boxes]:
    """Taken at an angle."""
    height, width = image.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    moved = (corners + random.uniform(-0.07, 0.07, (4, 2)) * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    warped = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    if not len(page.boxes):
        return warped, page.boxes
    points = page.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 1, 2)
    points = cv2.perspectiveTransform(points, matrix).astype(np.float32).reshape(-1, 4, 2)
    # The upright box around the moved corners would be too wide: its sides are the means of two corners each.
    left, right = (points[:, pair, 0].mean(axis=1) for pair in ([0, 3], [1, 2]))
    top, bottom = (points[:, pair, 1].mean(axis=1) for pair in ([0, 1], [2, 3]))
    sides = np.stack([left, top, right, bottom], 1)
    # Some of a digit may be beyond the margin now.
    inside = sides.clip(0, [width, height] * 2)
    shown = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / (sides[:, 2:] - sides[:, :2]).prod(axis=1)
    visible = np.minimum(page.boxes[:, 5], shown)
    return warped, np.column_stack([sides, page.boxes[:, 4], visible]).astype(np.float32)


def blur(image: Mask, page: Page, random: Random) -> tuple[Mask, Boxes]:
    """Out of focus, or shaken."""
    if random.random() < 0.7:
        soft = cv2.GaussianBlur(image, (0, 0), random.uniform(0.6, min(4.5, 0.05 * page.size + 1)))
    else:
        length = int(random.integers(3, max(4, min(14, int(0.12 * page.size)))))
        shake = np.eye(length, dtype=np.float32)[:: random.choice([-1, 1])] / length
        soft = cv2.filter2D(image, -1, np.ascontiguousarray(shake), borderType=cv2.BORDER_REPLICATE)
    return soft.astype(np.float32), page.boxes


def faded(image: Mask, page: Page, random: Random) -> tuple[Mask, Boxes]:
    """Little contrast."""
    low = random.uniform(0, 0.4)
    return low + image * (1 - low) * random.uniform(0.35, 1), page.boxes


def coarse(image: Mask, page: Page, random: Random) -> tuple[Mask, Boxes]:
    """Enlarged from few pixels, down to 13 or, rarely, 7 for a digit."""
    height, width = image.shape
    least = 7 if random.random() < 0.2 else 13
    factor = random.uniform(min(0.6, least / page.size), 0.6)
    few = (max(6, int(width * factor)), max(6, int(height * factor)))
    how = cv2.INTER_AREA if random.random() < 0.85 else cv2.INTER_NEAREST
    back = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[random.choice(3, p=[0.45, 0.45, 0.1])]
    small = cv2.resize(image, few, interpolation=how)
    return cv2.resize(small, (width, height), interpolation=back).astype(np.float32), page.boxes


ON_PAPER: dict[str, Callable[[Page, Random], Page]] = {
    each.__name__: each for each in (texture, picture, ruled, squared, security, bleed, pencil, blackboard)
}
THROUGH_LENS: dict[str, Callable[[Mask, Page, Random], tuple[Mask, Boxes]]] = {
    each.__name__: each for each in (table, lamp, shadow, perspective, blur, faded, coarse)
}
# These act on the finished picture.
ON_SENSOR = ("noise", "jpeg")
NAMES = (*ON_PAPER, *THROUGH_LENS, *ON_SENSOR)


def photograph(page: Page, effects: Collection[str], random: Random) -> tuple[Grey, Boxes]:
    """Return a picture of ``page`` at half its size, uint8 (H, W), with these ``effects``, and its boxes."""
    for name, apply in ON_PAPER.items():
        if name in effects:
            page = apply(page, random)
    image = _printed(page)
    for name, distort in THROUGH_LENS.items():
        if name in effects:
            image, boxes = distort(image.astype(np.float32), page, random)
            page = page._replace(boxes=boxes)
    height, width = (max(8, side // 2) for side in image.shape)
    halved: Any = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    if "noise" in effects:
        halved = halved + random.uniform(0.005, 0.07) * random.standard_normal(halved.shape)
    levels = np.rint(np.clip(halved, 0, 1) * 255).astype(np.uint8)
    if "jpeg" in effects:
        _, encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(12, 70))])
        levels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    boxes = page.boxes * np.array([width / image.shape[1], height / image.shape[0]] * 2 + [1, 1], np.float32)
    return levels, boxes.astype(np.float32)
