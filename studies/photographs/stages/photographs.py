"""Synthetic photographs of handwritten digits, to estimate how well real ones are read."""

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
Colours = NDArray[np.float32]
Random = np.random.Generator

# In pixels of the photograph: the side of a digit's 28×28 pixels, the height of a line of digits, and the margin.
DIGIT, LINE, MARGIN = 90, 110, 70
# The width and height, in pixels, of a photograph of a single digit.
SIDE = 600


class Sheet(NamedTuple):
    """A sheet of paper, before it is photographed.

    ink: float32 (H, W), the amount of ink on each pixel, 0 to 1
    paper: float32 (H, W, 3), the colour of the paper: red, green and blue, 0 to 1
    pen: float32 (3,), the colour of the ink
    """

    ink: NDArray[np.float32]
    paper: Colours
    pen: Colours


def write(images: Grey, counts: Sequence[int], random: Random) -> Sheet:
    """Write ``images``, uint8 (N, 28, 28), in black on white; ``counts`` has the number of digits of each line."""
    height, width = 2 * MARGIN + LINE * len(counts), 2 * MARGIN + DIGIT * max(counts)
    ink = np.zeros((height, width), np.float32)
    digits = iter(images)
    for line, count in enumerate(counts):
        for place in range(count):
            side = round(DIGIT * random.uniform(0.85, 1.05))
            large = cv2.resize(next(digits), (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
            large = _sharpened(large, 1.2)
            top = MARGIN + line * LINE + int(random.integers(0, 8))
            left = MARGIN + place * DIGIT + int(random.integers(-2, 3))
            window = ink[top : top + side, left : left + side]
            np.maximum(window, large[: window.shape[0], : window.shape[1]], out=window)
    return _on_paper(ink)


def write_one(image: Grey, fraction: float, random: Random) -> Sheet:
    """Write ``image``, uint8 (28, 28), in black on white near the centre of a sheet.

    The longer side of the digit is this ``fraction`` of the sheet's side.
    """
    x, y, width, height = cv2.boundingRect((image > 60).astype(np.uint8))
    factor = fraction * SIDE / max(width, height)
    corner = SIDE / 2 - factor * np.array([x + width / 2, y + height / 2]) + random.uniform(-0.05, 0.05, 2) * SIDE
    matrix = np.array([[factor, 0, corner[0]], [0, factor, corner[1]]], np.float32)
    ink = cv2.warpAffine(image.astype(np.float32) / 255, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    return _on_paper(_sharpened(ink, 0.4 * factor))


def _sharpened(enlarged: NDArray[Any], blur: float) -> NDArray[Any]:
    """Give enlarged strokes the hard edges of a pen, after a ``blur`` that removes the steps between pixels."""
    return np.asarray(np.clip((cv2.GaussianBlur(enlarged, (0, 0), blur) - 0.5) * 4 + 0.5, 0, 1))


def _on_paper(ink: NDArray[Any]) -> Sheet:
    return Sheet(ink.astype(np.float32), np.full((*ink.shape, 3), 0.97, np.float32), np.full(3, 0.05, np.float32))


def pen(sheet: Sheet, random: Random) -> Sheet:
    """A blue, red, green or black pen, or a pencil, sometimes thinner or thicker."""
    colours = ((0.1, 0.15, 0.6), (0.75, 0.1, 0.15), (0.05, 0.45, 0.2), (0.1, 0.1, 0.1), (0.4, 0.4, 0.42))
    colour = np.array(colours[random.integers(len(colours))], np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    ink = (cv2.erode, cv2.dilate)[random.integers(2)](sheet.ink, kernel, iterations=int(random.integers(0, 2)))
    return sheet._replace(ink=ink.astype(np.float32), pen=colour)


def texture(sheet: Sheet, random: Random) -> Sheet:
    """Grainy, fibrous, tinted paper, which takes the ink unevenly."""
    shape = sheet.ink.shape
    grain = sum(
        strength * cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), blur) * blur
        for strength, blur in ((0.02, 0.7), (0.02, 3.0), (0.03, 25.0))
    )
    tint = np.array(random.uniform((0.85, 0.82, 0.7), (1, 1, 1)), np.float32)
    unevenness = cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), 1.5) * 3
    return sheet._replace(
        paper=np.clip(sheet.paper * tint + np.asarray(grain)[..., None], 0, 1),
        ink=sheet.ink * np.clip(0.9 + 0.25 * unevenness, 0.4, 1),
    )


def ruled(sheet: Sheet, random: Random) -> Sheet:
    """Ruled paper: a pale line under each line of digits, and a red margin line."""
    paper = sheet.paper.copy()
    thickness = int(random.integers(1, 3))
    for y in range(MARGIN + LINE - 12, paper.shape[0], LINE):
        cv2.line(paper, (0, y), (paper.shape[1], y), _pale_colour(random), thickness)
    cv2.line(paper, (MARGIN // 2, 0), (MARGIN // 2, paper.shape[0]), (0.9, 0.5, 0.5), thickness)
    return sheet._replace(paper=paper)


def squared(sheet: Sheet, random: Random) -> Sheet:
    """Squared paper, with squares from a third of a digit to nearly a whole digit wide."""
    paper, colour = sheet.paper.copy(), _pale_colour(random)
    step, thickness = int(random.integers(28, 80)), int(random.integers(1, 3))
    for x in range(int(random.integers(step)), paper.shape[1], step):
        cv2.line(paper, (x, 0), (x, paper.shape[0]), colour, thickness)
    for y in range(int(random.integers(step)), paper.shape[0], step):
        cv2.line(paper, (0, y), (paper.shape[1], y), colour, thickness)
    return sheet._replace(paper=paper)


def _pale_colour(random: Random) -> tuple[float, float, float]:
    pale = random.uniform(0.55, 0.8)
    return (pale, pale + 0.05, pale + 0.15) if random.integers(2) else (pale, pale, pale)


def blackboard(sheet: Sheet, random: Random) -> Sheet:
    """Light chalk on a dark background."""
    background = np.array(random.uniform((0.05, 0.05, 0.05), (0.15, 0.3, 0.25)), np.float32)
    return sheet._replace(paper=sheet.paper * background, pen=np.array(random.uniform(0.75, 1.0, 3), np.float32))


def light(photograph: Colours, random: Random) -> Colours:
    """A lamp on one side, and the soft shadow of a hand or the phone."""
    height, width = photograph.shape[:2]
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    falloff = 1 - random.uniform(0.2, 0.6) * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5)
    shadow = np.zeros((height, width), np.float32)
    centre = tuple(int(each) for each in random.uniform((0, 0), (width, height)))
    axes = tuple(int(each) for each in random.uniform(0.2, 0.6, 2) * (width, height))
    cv2.ellipse(shadow, centre, axes, float(random.uniform(0, 180)), 0, 360, 1, -1)
    shadow = cv2.GaussianBlur(shadow, (0, 0), float(random.uniform(5, 40))).astype(np.float32)
    return np.asarray(photograph * (falloff * (1 - random.uniform(0.2, 0.5) * shadow))[..., None], np.float32)


def perspective(photograph: Colours, random: Random) -> Colours:
    """Taken at an angle, with the table in view."""
    height, width = photograph.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    border = 0.12
    inner = corners * (1 - 2 * border) + border * np.array((width, height), np.float32)
    moved = (inner + random.uniform(-0.05, 0.05, (4, 2)) * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    table = tuple(float(each) for each in random.uniform(0.1, 0.5, 3))
    return cv2.warpPerspective(
        photograph, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT, borderValue=table
    ).astype(np.float32)


def blur(photograph: Colours, random: Random) -> Colours:
    """Out of focus, and blurred by camera shake."""
    length = int(random.integers(1, 8))
    shake = np.zeros((length, length), np.float32)
    np.fill_diagonal(shake, 1 / length)
    if random.integers(2):
        shake = shake[::-1]
    soft = cv2.GaussianBlur(photograph, (0, 0), float(random.uniform(0.5, 2.5)))
    return cv2.filter2D(soft, -1, shake, borderType=cv2.BORDER_REPLICATE).astype(np.float32)


def noise(photograph: Colours, random: Random) -> Colours:
    """Sensor noise in poor light."""
    strength = random.uniform(0.02, 0.08)
    return photograph + strength * random.standard_normal(photograph.shape).astype(np.float32)


def jpeg(photograph: Colours, random: Random) -> Colours:
    """Strong JPEG compression."""
    levels = np.rint(np.clip(photograph, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=int(random.integers(15, 60)))
    return np.asarray(Image.open(file), np.float32) / np.float32(255)


ON_PAPER: dict[str, Callable[[Sheet, Random], Sheet]] = {
    "pen": pen,
    "texture": texture,
    "ruled": ruled,
    "squared": squared,
    "blackboard": blackboard,
}
THROUGH_LENS: dict[str, Callable[[Colours, Random], Colours]] = {
    "light": light,
    "perspective": perspective,
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
}
# What a bad photograph combines.
HOSTILE = ("pen", "texture", "squared", "light", "perspective", "blur", "noise", "jpeg")


def photograph(sheet: Sheet, effects: Sequence[str], random: Random) -> NDArray[np.uint8]:
    """Return a photograph, uint8 (H, W, 3), of ``sheet`` with these ``effects``, applied in the order above."""
    for name, apply in ON_PAPER.items():
        if name in effects:
            sheet = apply(sheet, random)
    ink = sheet.ink[..., None]
    # Dark ink is never lighter than the paper or the ruled line below it; chalk covers both.
    photo: Any = sheet.paper * (1 - ink) + np.minimum(sheet.pen, sheet.paper if sheet.pen.mean() < 0.6 else 1) * ink
    for name, distort in THROUGH_LENS.items():
        if name in effects:
            photo = distort(photo.astype(np.float32), random)
    return np.asarray(np.rint(np.clip(photo, 0, 1) * 255), np.uint8)
