"""Pages of handwriting and print, of many kinds, with the place of each character; and pages without any digit."""

from collections.abc import Mapping

import cv2
import numpy as np

from digits.reading.classes import LETTER, SIGN
from reader.drawing import effects
from reader.drawing.effects import Boxes, Grey, Page
from reader.drawing.strokes import WORDS, Hand
from reader.drawing.type import Mask, Random, Typed

Range = tuple[float, float]

# Signs as strokes of a pen: points from the left (0) to the right and from the top of a digit (0) to its foot (1), in
# units of its height. A stroke of one point is a dot.
STROKES: dict[str, list[list[tuple[float, float]]]] = {
    ".": [[(0.05, 0.97)]],
    ",": [[(0.12, 0.92), (0.1, 1.02), (0.02, 1.15)]],
    ":": [[(0.05, 0.4)], [(0.05, 0.85)]],
    "-": [[(0, 0.52), (0.45, 0.52)]],
    "=": [[(0, 0.42), (0.5, 0.42)], [(0, 0.64), (0.5, 0.64)]],
    "+": [[(0, 0.52), (0.55, 0.52)], [(0.27, 0.25), (0.27, 0.8)]],
    "×": [[(0, 0.3), (0.45, 0.78)], [(0.45, 0.3), (0, 0.78)]],
    "÷": [[(0, 0.52), (0.5, 0.52)], [(0.25, 0.3)], [(0.25, 0.75)]],
    "/": [[(0.5, -0.1), (0, 1.1)]],
    "|": [[(0, -0.15), (0, 1.2)]],
    "(": [[(0.22, -0.1), (0.05, 0.25), (0, 0.5), (0.05, 0.8), (0.22, 1.1)]],
    ")": [[(0, -0.1), (0.17, 0.25), (0.22, 0.5), (0.17, 0.8), (0, 1.1)]],
    "[": [[(0.2, -0.1), (0, -0.1), (0, 1.1), (0.2, 1.1)]],
    "]": [[(0, -0.1), (0.2, -0.1), (0.2, 1.1), (0, 1.1)]],
    "<": [[(0.4, 0.25), (0, 0.5), (0.4, 0.75)]],
    ">": [[(0, 0.25), (0.4, 0.5), (0, 0.75)]],
    "√": [[(0, 0.6), (0.1, 0.55), (0.25, 1), (0.5, -0.05), (1.2, -0.05)]],
    "*": [[(0, 0.3), (0.3, 0.6)], [(0.3, 0.3), (0, 0.6)], [(0.15, 0.22), (0.15, 0.68)]],
    "%": [[(0.5, 0), (0.05, 1)], [(0.1, 0.1), (0.22, 0.2), (0.1, 0.32), (0, 0.2), (0.1, 0.1)],
          [(0.45, 0.68), (0.57, 0.8), (0.45, 0.92), (0.35, 0.8), (0.45, 0.68)]],
    "$": [[(0.42, 0.18), (0.2, 0.08), (0.03, 0.25), (0.22, 0.5), (0.42, 0.72), (0.2, 0.93), (0, 0.8)],
          [(0.22, -0.1), (0.22, 1.1)]],
}  # fmt: skip


# The letters of equations.
UNKNOWNS = "abcdefhkmnpqrstuvwxyzABCDEFT"


class Sheet:
    """A blank sheet to write on; keeps the box of every digit, letter and sign."""

    def __init__(self, hand: Hand, random: Random, height: float, width: float, size: float) -> None:
        self.hand, self.random, self.size = hand, random, size
        self.ink = np.zeros((max(16, int(height)), max(16, int(width))), np.float32)
        self.boxes: list[tuple[float, ...]] = []
        # A writer's habits.
        self.slant, self.turn = random.normal(0, 0.13), np.deg2rad(random.normal(0, 4))
        self.european, self.printed = float(random.choice([0, 0.7])), float(random.choice([0.01, 0.9], p=[0.93, 0.07]))
        self.face = hand.face(random)
        # Most keep the same pen. The width of its strokes in signs, in units of a digit's height.
        self.pen, self.thick = (
            int(random.integers(2**31)) if random.random() < 0.7 else None,
            random.uniform(0.05, 0.14),
        )
        # How high each digit is, and how far it reaches below the line, as fractions of the usual height.
        self.heights, self.drops = np.exp(random.normal(0, 0.07, 10)), np.zeros(10)
        if random.random() < 0.3:
            self.heights[0] *= random.uniform(0.5, 0.9)
        if random.random() < 0.3:
            self.heights[[7, 9]] *= random.uniform(1, 1.5, 2)
        if random.random() < 0.3:
            self.drops[[4, 7, 9]] = random.uniform(0, 0.4, 3)

    @property
    def digits(self) -> list[tuple[float, ...]]:
        """The boxes of digits."""
        return [box for box in self.boxes if box[4] < LETTER]

    def paste(self, mask: Mask, left: float, top: float) -> bool:
        """Add ink; return whether any of it is on the sheet."""
        x, y, (height, width) = round(left), round(top), mask.shape
        window = self.ink[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)]
        part = mask[max(0, -y) :, max(0, -x) :][: window.shape[0], : window.shape[1]]
        np.maximum(window, part, out=window)
        return bool(window.size)

    def shaped(self, mask: Mask, size: float) -> tuple[Mask, tuple[int, int, int, int]] | None:
        """Return a digit's ``mask`` in this writer's hand, its larger side ``size`` long, and the box of its ink."""
        random = self.random
        angle, slant = self.turn + random.normal(0, 0.05), self.slant + random.normal(0, 0.05)
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turned @ np.array([[np.exp(random.normal(0, 0.14)), -slant], [0, 1]])
        rows, columns = np.nonzero(mask > 0.5)
        if len(rows) < 5:
            return None
        points = matrix @ np.stack([columns, rows])
        factor = size / max(*np.ptp(points, axis=1), 1)
        matrix, points = matrix * factor, points * factor
        corner = points.min(axis=1) - 3
        wide, high = (int(side) + 7 for side in np.ptp(points, axis=1))
        if factor < 0.6:
            mask = cv2.GaussianBlur(mask, (0, 0), 0.35 / factor).astype(np.float32)
        drawn = cv2.warpAffine(mask, np.column_stack([matrix, -corner]), (wide, high)).astype(np.float32)
        if factor > 1:
            drawn = np.clip((cv2.GaussianBlur(drawn, (0, 0), 0.5 * factor) - 0.5) * 3 + 0.5, 0, 1).astype(np.float32)
        box = cv2.boundingRect((drawn > 0.35).astype(np.uint8))
        return (drawn, (box[0], box[1], box[2], box[3])) if min(box[2:]) > 0 else None

    def write(self, x: float, y: float, size: float, *, label: int | None = None, centred: bool = False) -> float:
        """Write a digit with its left edge, or its centre, at ``x`` and its middle at ``y``; return its width."""
        mask, label = self.hand.digit(self.random, self.european, self.printed, label, self.pen)
        if not centred:
            # Its foot stands on the line, or reaches below it.
            y += (1 - self.heights[label]) * size / 2 + self.drops[label] * size
            size *= self.heights[label]
        shaped = self.shaped(mask, size)
        if not shaped:
            return 0
        drawn, (left, top, width, height) = shaped
        # A whole number of pixels, as the ink is pasted.
        x, y = round(x - left - (width / 2 if centred else 0)), round(y - top - height / 2)
        if self.paste(drawn, x, y):
            self.note(label, x + left, y + top, x + left + width, y + top + height)
        return width

    def note(self, label: int, left: float, top: float, right: float, bottom: float) -> None:
        """Keep the box of a character, unless it is off the sheet."""
        across = min(right, self.ink.shape[1]) - max(left, 0)
        down = min(bottom, self.ink.shape[0]) - max(top, 0)
        area = (right - left) * (bottom - top)
        if area > 0 and across > 0 and down > 0:
            self.boxes.append((left, top, right, bottom, label, across * down / area))

    def string(self, x: float, y: float, text: str, size: float, spread: Range = (0.02, 0.2)) -> float:
        """Write digits, signs and words from ``x`` on, around the height ``y``; return the right end.

        spread: of the gaps between characters, in units of ``size``
        """
        random, letters = self.random, ""
        for character in text + " ":
            if character.isalpha() or (letters and character in "'&@#€£"):
                letters += character
                continue
            if letters:
                x = self.type(x, y, self.hand.fonts.typeset(letters, self.face), size) + random.uniform(*spread) * size
                letters = ""
            if character.isdigit():
                x += self.write(x, y + random.normal(0, 0.03) * size, size, label=int(character))
            elif character in STROKES and random.random() < 0.7:
                x = self.stroke(x + 0.04 * size, y, character, size)
            elif not character.isspace():
                x = self.type(x, y, self.hand.fonts.typeset(character, self.face), size)
            else:
                x += random.uniform(0.3, 0.8) * size
            x += random.uniform(*spread) * size
        return x

    def type(self, x: float, y: float, typed: Typed, size: float) -> float:
        """Paste type with its left edge at ``x``, its digits around the height ``y``; return the right end."""
        if min(typed.mask.shape) < 2:
            return x
        typed = typed.scaled(size / typed.height, self.random.uniform(0.85, 1.15))
        # Small letters stand on the same line as digits.
        low = max(bottom for *_, bottom in typed.characters)
        tail = 0.25 * size if any(name in "gjpqy,;" for name, *_ in typed.characters) else 0
        left, top = round(x), round(y + size / 2 + tail - low)
        self.paste(typed.mask, left, top)
        for name, *sides in typed.characters:
            label = int(name) if name in "0123456789" else LETTER if name.isalpha() else SIGN
            self.note(label, *(side + corner for side, corner in zip(sides, (left, top) * 2, strict=True)))
        return float(x + typed.mask.shape[1])

    def stroke(self, x: float, y: float, name: str, size: float) -> float:
        """Draw a sign with its left edge at ``x``, beside digits around the height ``y``; return the right end."""
        random, thick = self.random, max(1, int(size * self.thick * self.random.uniform(0.8, 1.2)))
        grown, wider = size * random.uniform(0.8, 1.25), np.exp(random.normal(0, 0.5 if name == "/" else 0.15))
        canvas, points = np.zeros(self.ink.shape, np.uint8), []
        for stroke in STROKES[name]:
            places = np.array(stroke) + random.normal(0, 0.03, (len(stroke), 2))
            places = places * (grown * wider, grown) + (x, y - grown / 2)
            points.append(places)
            if len(stroke) == 1:
                cv2.circle(canvas, places[0].astype(int).tolist(), max(1, thick // 2 + 1), 255, -1, cv2.LINE_AA)
            else:
                cv2.polylines(canvas, [np.round(8 * places).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
        np.maximum(self.ink, canvas.astype(np.float32) / 255, out=self.ink)
        every, half = np.concatenate(points), thick / 2
        self.note(SIGN, *(every.min(axis=0) - half), *(every.max(axis=0) + half))
        return float(every[:, 0].max() + half)

    def frame(self, box: tuple[float, ...]) -> None:
        """Draw a circle or a rectangle around a digit, or a line below it."""
        random, thick = self.random, max(1, int(self.size * self.random.uniform(0.03, 0.12)))
        middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        reach = np.array([box[2] - box[0], box[3] - box[1]]) / 2 + self.size * random.uniform(0.1, 0.4, 2)
        ink, kind = (self.ink * 255).astype(np.uint8), random.random()
        if kind < 0.5:
            reach = np.maximum(reach, reach.max() * random.uniform(0.7, 1))
            centre, axes = middle.astype(int).tolist(), reach.astype(int).tolist()
            start = random.uniform(0, 360)
            cv2.ellipse(
                ink,
                centre,
                axes,
                random.uniform(-20, 20),
                start,
                start + random.uniform(330, 400),
                255,
                thick,
                cv2.LINE_AA,
            )
        elif kind < 0.8:
            start, end = ((middle + sign * reach).astype(int).tolist() for sign in (-1, 1))
            cv2.rectangle(ink, start, end, 255, thick, cv2.LINE_AA)
        else:
            low = int(box[3] + self.size * random.uniform(0.08, 0.3))
            cv2.line(ink, (int(box[0]), low), (int(box[2]), low + int(random.normal(0, 2))), 255, thick, cv2.LINE_AA)
        self.ink = ink.astype(np.float32) / np.float32(255)

    def sign(self, x: float, y: float, size: float) -> None:
        """Write a word, or another sign that is no digit, around (x, y), unless it would touch a digit."""
        mask = self.scaled(self.hand.sign(self.random), size)
        if self.random.random() < 0.3:
            mask = cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32)
        left, top = x - mask.shape[1] / 2, y - mask.shape[0] / 2
        if self.is_free(left, top, left + mask.shape[1], top + mask.shape[0]):
            self.paste(mask, left, top)

    def text(self, y: float, size: float, numbers: float = 0) -> None:
        """Write words from left to right, around the height ``y``, with this share of numbers."""
        x, random, fonts = -self.size * self.random.uniform(0, 2), self.random, self.hand.fonts
        while x < self.ink.shape[1]:
            if self.face in fonts.scripts:
                word = "".join(random.choice(fonts.letters(self.face), random.integers(1, 8)))
            else:
                word = number(random) if random.random() < numbers else str(random.choice(WORDS))
                word = word.upper() if random.random() < 0.1 else word.capitalize() if random.random() < 0.2 else word
            x = self.string(x, y, word, size) + size * random.uniform(0.15, 0.6)

    def scaled(self, mask: Mask, height: float) -> Mask:
        """Return ``mask`` at this height, a little wider or narrower."""
        factor = height / mask.shape[0]
        shape = (max(3, int(mask.shape[1] * factor * self.random.uniform(0.8, 1.2))), max(3, int(height)))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        return cv2.resize(mask, shape, interpolation=how).astype(np.float32)

    def is_free(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Return whether no digit is in or near this box."""
        rim = 0.15 * self.size
        return not any(
            left < box[2] + rim and right > box[0] - rim and top < box[3] + rim and bottom > box[1] - rim
            for box in self.digits
        )

    def line(self, x: float, y: float, count: int, touching: int, *, marks: bool = False) -> float:
        """Write ``count`` digits from ``x`` on; ``touching``: 0 apart, 1 close, 2 overlapping. With ``marks`` there are
        dots, commas and dashes between them. Return the right end."""
        random, tilt, size = self.random, np.tan(self.turn) + self.random.normal(0, 0.03), self.size
        spread = ((0.1, 0.9), (-0.03, 0.15), (-0.25, 0.05))[touching]
        gap = random.uniform(*spread)
        for _ in range(count):
            start = x
            x += self.write(x, y + tilt * x + random.normal(0, 0.05) * size, size * np.exp(random.normal(0, 0.1)))
            x += size * (0.5 * gap + 0.5 * random.uniform(*spread)) if x > start else 0
            if marks and random.random() < 0.25:
                x = self.stroke(x + 0.04 * size, y + tilt * x, str(random.choice(list(".,-=/:"))), size)
                x += random.uniform(0.02, 0.3) * size
            elif random.random() < 0.06:
                x += size * random.uniform(0.3, 1.5)
            if x > self.ink.shape[1] + size:
                break
        return x

    def intruders(self) -> None:
        """Let neighbours reach in from the margin, as where a digit was cut out of a page."""
        height, width = self.ink.shape
        digit, size, random = self.digits[0], self.size, self.random
        for _ in range(int(random.integers(1, 5))):
            if random.random() < 0.7:
                shaped = self.shaped(self.hand.digit(random)[0], size * np.exp(random.normal(0, 0.2)))
                if not shaped:
                    continue
                (left, top, wide, high), mask = shaped[1], shaped[0]
                mask = mask[top : top + high, left : left + wide]
            else:
                mask = self.scaled(self.hand.sign(random), size * random.uniform(0.6, 1.2))
            high, wide = mask.shape
            reach, overlap = random.uniform(0.06, 0.5) * size, random.uniform(0, 0.1) * size
            x, y = (digit[0] + digit[2] - wide) / 2, (digit[1] + digit[3] - high) / 2
            slip = random.normal(0, 0.2) * size
            # No more of it than half, and hardly any of it over the digit.
            match int(random.integers(4)):
                case 0:
                    x, y = min(reach, wide / 2, max(digit[0] + overlap, 2)) - wide, y + slip
                case 1:
                    x, y = width - min(reach, wide / 2, max(width - digit[2] + overlap, 2)), y + slip
                case 2:
                    x, y = x + slip, min(reach, high / 2, max(digit[1], 2)) - high
                case _:
                    x, y = x + slip, height - min(reach, high / 2, max(height - digit[3], 2))
            self.paste(mask, x, y)

    def scribble(self) -> None:
        """Draw a curve, a frame, a line, a cross or specks, unless it would touch a digit."""
        random, (height, width) = self.random, self.ink.shape
        canvas, thick = np.zeros((height, width), np.uint8), int(random.integers(2, 9))
        x, y, reach = random.uniform(0, width), random.uniform(0, height), random.uniform(20, 180)
        match int(random.choice(6, p=[0.4, 0.15, 0.15, 0.1, 0.1, 0.1])):
            case 0:
                knots = np.array((x, y)) + reach * random.uniform(-1, 1, (int(random.integers(3, 9)), 2))
                steps = np.linspace(0, len(knots) - 1, 12 * len(knots))
                curve = np.stack([np.interp(steps, np.arange(len(knots)), side) for side in knots.T], 1)
                curve = cv2.blur(curve.astype(np.float32), (1, 13), borderType=cv2.BORDER_REPLICATE)
                cv2.polylines(canvas, [np.round(8 * curve).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
            case 1:
                far = reach * random.uniform(0.1, 1, 2)
                start, end = ((int(x + sign * far[0]), int(y + sign * far[1])) for sign in (-1, 1))
                cv2.rectangle(canvas, start, end, 255, thick if random.random() < 0.7 else -1)
            case 2:
                rise = random.uniform(-0.9, 0.9) * reach
                start, end = ((int(x + sign * 3 * reach), int(y + sign * rise)) for sign in (-1, 1))
                cv2.line(canvas, start, end, 255, thick, cv2.LINE_AA)
            case 3:
                corners = np.array((x, y)) + random.uniform(-reach, reach, (int(random.integers(3, 6)), 2))
                cv2.polylines(canvas, [corners.astype(np.int32)], True, 255, thick, cv2.LINE_AA)
            case 4:
                arm = int(reach / 3)
                cv2.line(canvas, (int(x) - arm, int(y)), (int(x) + arm, int(y)), 255, thick, cv2.LINE_AA)
                cv2.line(canvas, (int(x), int(y) - arm), (int(x), int(y) + arm), 255, thick, cv2.LINE_AA)
            case _:
                for _ in range(int(random.integers(3, 25))):
                    speck = (int(x + random.normal(0, reach)), int(y + random.normal(0, reach)))
                    cv2.circle(canvas, speck, int(random.integers(1, 6)), 255, -1, cv2.LINE_AA)
        left, top, wide, high = cv2.boundingRect(canvas)
        if self.is_free(left, top, left + wide, top + high):
            np.maximum(self.ink, canvas.astype(np.float32) / 255, out=self.ink)

    def page(self) -> Page:
        """Return the sheet on even white paper."""
        boxes = np.array(self.boxes, np.float32).reshape(-1, 6)
        white = np.full_like(self.ink, self.random.uniform(0.6, 1))
        return Page(self.ink, white, self.random.uniform(0, 0.25), boxes, self.size)


def number(random: Random) -> str:
    """Return a number as people write it: a date, a price, a sum, an equation, or just digits."""

    def some(low: int, high: int) -> str:
        return "".join(map(str, random.integers(0, 10, random.integers(low, high + 1))))

    kind = int(random.choice(12, p=[0.25, 0.09, 0.09, 0.04, 0.09, 0.07, 0.03, 0.03, 0.13, 0.04, 0.03, 0.11]))
    match kind:
        case 0:
            return some(1, 7)
        case 1:
            return some(1, 4) + str(random.choice(list(".,"))) + some(1, 3)
        case 2:
            mark = str(random.choice(list("/.-")))
            return f"{some(1, 2)}{mark}{some(1, 2)}{mark}{some(2, 4)}"
        case 3:
            return f"{some(1, 2)}:{some(2, 2)}"
        case 4:
            price = f"{some(1, 3)}.{some(2, 2)}"
            return f"${random.choice([price, some(1, 4)])}" if random.random() < 0.7 else f"{price}€"
        case 5:
            return some(1, 3) + str(random.choice(list("//|"))) + some(1, 3)
        case 6:
            return f"-{some(1, 3)}"
        case 7:
            return f"{some(1, 3)}%"
        case 8:
            operator = str(random.choice(list("+-×÷x/*")))
            return f"{some(1, 3)}{operator}{some(1, 3)}={some(0, 4)}"
        case 9:
            return some(1, 2) + str(random.choice(list(".):")))
        case 10:
            terms = [some(0, 2) + str(random.choice(list(UNKNOWNS))) for _ in range(random.integers(1, 4))]
            return str(random.choice(list("+-"))).join(terms) + "=" + some(1, 3)
        case _:
            rest = (
                f"({some(1, 3)})",
                f"[{some(1, 2)}]",
                f"{some(3, 4)}-{some(3, 4)}",
                f"#{some(1, 4)}",
                f"√{some(1, 3)}",
            )
            return str(random.choice(rest))


def compose(kind: str, hand: Hand, size: float, side: float, random: Random, touching: int | None = None) -> Page:
    """Write a page of this ``kind``, one of KINDS, at most ``side`` pixels high and wide, with digits ``size`` high.

    touching: as for ``Sheet.line``; by default any of them
    """
    if kind in ("one", "letter"):
        return _single(kind, hand, size, side, random)
    drawn = int(random.choice(3, p=[0.45, 0.3, 0.25]))
    touching = drawn if touching is None else touching
    if kind in ("line", "amount", "number"):
        return _line(kind, hand, size, side, random, touching)
    height, width = random.uniform(0.5, 1, 2) * side
    sheet = Sheet(hand, random, height, width, size)
    text_size = size * random.uniform(0.6, 1.3) if kind == "text" else size
    rows = np.arange(random.uniform(-0.3, 1) * text_size, height + size, text_size * random.uniform(1.1, 2))
    if kind in ("lines", "large"):
        lines, pitch = int(random.integers(1, 5)), size * random.uniform(1.1, 2.2)
        for line in range(lines):
            y = height / 2 + (line - (lines - 1) / 2) * pitch + random.normal(0, 0.1) * size
            sheet.line(random.uniform(-0.5, 0.6) * size, y, int(random.integers(1, 11)), touching)
    elif kind == "cells":
        _cells(sheet)
    elif kind == "sum":
        _sum(sheet)
    elif kind == "note":
        for y in rows:
            sheet.text(y, size, random.uniform(0.1, 0.6))
    elif kind == "text":
        if random.random() < 0.2:
            sheet.face = str(random.choice(hand.fonts.scripts))
        for y in rows:
            sheet.text(y, text_size)
    else:
        if kind == "mixed":
            for _ in range(int(random.integers(1, 3))):
                start, y = random.uniform(0, 0.6) * width, random.uniform(0.1, 0.9) * height
                if random.random() < 0.5:
                    sheet.string(start, y, number(random), size)
                else:
                    sheet.line(start, y, int(random.integers(1, 6)), min(touching, 1))
            if sheet.digits and random.random() < 0.3:
                sheet.frame(sheet.digits[0])
        signs = random.choice([0.1, 0.5, 0.9])
        for _ in range(int(random.integers(1, 9))):
            if random.random() < signs:
                x, y = random.uniform(0, width), random.uniform(0, height)
                sheet.sign(x, y, float(np.exp(random.uniform(np.log(16), np.log(2.5 * size)))))
            else:
                sheet.scribble()
    return sheet.page()


def _single(kind: str, hand: Hand, size: float, side: float, random: Random) -> Page:
    """A digit, or a letter, that nearly fills the page."""
    room = size / random.uniform(0.38, 1.02)
    height, width = (min(side, room * np.exp(random.normal(0, spread))) for spread in (0.12, 0.18))
    sheet = Sheet(hand, random, height, width, size)
    slack = [max(0.0, length - size) / 2 for length in sheet.ink.shape]
    place = [length / 2 + random.uniform(-0.6, 0.6) * some for length, some in zip(sheet.ink.shape, slack, strict=True)]
    if kind == "letter":
        mask = sheet.scaled(hand.letter(random), size)
        sheet.paste(mask, place[1] - mask.shape[1] / 2, place[0] - size / 2)
    else:
        sheet.write(place[1], place[0], size, centred=True)
    if sheet.boxes and random.random() < 0.15:
        sheet.frame(sheet.boxes[0])
    elif sheet.boxes and random.random() < 0.5:
        sheet.intruders()
    return sheet.page()


def _line(kind: str, hand: Hand, size: float, side: float, random: Random, touching: int) -> Page:
    """A line of digits; an amount, which has signs; or a number as ``number`` returns it."""
    count = int(random.integers(2, 9))
    width = min(side, count * size * random.uniform(0.6, 1.2))
    sheet = Sheet(hand, random, min(side, size * random.uniform(1.05, 2.4)), width, size)
    start, middle = random.uniform(0, 0.3) * size, sheet.ink.shape[0] / 2
    if kind == "number":
        spread = ((0.08, 0.5), (0.02, 0.15), (-0.12, 0.06))[touching]
        sheet.string(start, middle, number(random), size, spread)
        if sheet.digits and random.random() < 0.15:
            sheet.frame(sheet.digits[int(random.integers(len(sheet.digits)))])
        return sheet.page()
    if kind == "amount" and random.random() < 0.25:
        sheet.sign(start, middle, size * random.uniform(0.5, 1.2))
        start += 0.8 * size
    end = sheet.line(start, middle, count, touching, marks=kind == "amount")
    for _ in range(int(random.integers(3)) if kind == "amount" else 0):
        end = sheet.stroke(end + 0.05 * size, middle, str(random.choice(list("-=/.,"))), size)
    if kind == "amount" and random.random() < 0.3:
        low = int(sheet.ink.shape[0] * random.uniform(0.85, 1))
        cv2.line(sheet.ink, (0, low), (sheet.ink.shape[1], low), 1.0, int(random.integers(1, 5)))
    return sheet.page()


def _cells(sheet: Sheet) -> None:
    """Write a digit, or on some pages a letter, in each cell of a grid."""
    random, size, (height, width) = sheet.random, sheet.size, sheet.ink.shape
    step, thick = size * random.uniform(1.15, 2), int(random.integers(1, 6))
    left, top = random.uniform(-0.5, 0.5, 2) * step
    dark, share, letters = random.uniform(0.3, 1), random.uniform(0.4, 1), float(random.choice([0, 0, 0.3, 0.7]))
    for y in np.arange(top, height, step):
        cv2.line(sheet.ink, (0, int(y)), (int(width), int(y)), dark, thick, cv2.LINE_AA)
        for x in np.arange(left, width, step):
            cv2.line(sheet.ink, (int(x), 0), (int(x), int(height)), dark, thick, cv2.LINE_AA)
            if random.random() < share:
                sheet.printed = float(random.random() < 0.35)
                slip = random.normal(0, 0.06, 2) * step
                if random.random() < letters:
                    typed = sheet.hand.fonts.typeset(str(random.choice(list(UNKNOWNS))), sheet.face)
                    sheet.type(x + slip[0] + step / 4, y + slip[1] + step / 2, typed, 0.8 * size)
                    continue
                sheet.write(x + step / 2 + slip[0], y + step / 2 + slip[1], size, centred=True)


def _sum(sheet: Sheet) -> None:
    """Write numbers below each other, an operator, a line and a result."""
    random, size, width = sheet.random, sheet.size, sheet.ink.shape[1]
    step, pitch = size * random.uniform(0.75, 1.2), size * random.uniform(1.15, 1.6)
    rows, right, y = int(random.integers(2, 4)), width * random.uniform(0.7, 1), random.uniform(0.4, 1) * size
    for row in range(rows + 1):
        if row == rows:
            start = (int(right - step * random.uniform(2, 4.5)), int(y - pitch / 2))
            end, thick = (
                (int(right), start[1] + int(random.normal(0, 3))),
                max(1, int(size * random.uniform(0.04, 0.12))),
            )
            cv2.line(sheet.ink, start, end, 1.0, thick, cv2.LINE_AA)
        x = right - step
        for _ in range(int(random.integers(1, 5))):
            sheet.write(x, y, size)
            x -= step
        if row == rows - 1:
            sheet.stroke(x, y, str(random.choice(list("+-×÷"))), size)
        y += pitch


KINDS = (
    "one", "line", "amount", "number", "lines", "cells", "large", "sum", "note", "mixed", "letter", "text", "none",
)  # fmt: skip


def draw(
    hand: Hand, kinds: Mapping[str, float], shares: Mapping[str, float], sizes: Range, side: int, random: Random
) -> tuple[Grey, Boxes]:
    """Draw a picture, uint8 (H, W), at most ``side`` pixels high and wide; return it and the boxes as in ``Page``.

    kinds: the share of each kind of page
    shares: the share of the pages that have each effect
    sizes: the heights of digits, in pixels; those of the kind ``large`` are up to six times as high
    """
    names = list(kinds)
    kind = str(random.choice(names, p=np.array([kinds[name] for name in names]) / sum(kinds.values())))
    low, high = (sizes[1], 6 * sizes[1]) if kind == "large" else sizes
    size = 2 * float(np.exp(random.uniform(np.log(low), np.log(high))))
    page = compose(kind, hand, size, 2 * side, random)
    chosen = {name for name, share in shares.items() if random.random() < share}
    if random.random() < shares.get("clean", 0):
        chosen &= {"blackboard"}
    if kind == "amount" and random.random() < 0.6:
        chosen |= {"security"}
    if kind in ("text", "none") and random.random() < 0.3:
        chosen |= {"picture"}
    return effects.photograph(page, chosen, random)
