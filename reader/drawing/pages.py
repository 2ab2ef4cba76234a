"""Pages of handwriting, of many kinds, with the place of each digit; and pages without any digit."""

from collections.abc import Mapping

import cv2
import numpy as np

from reader.drawing import effects
from reader.drawing.effects import Boxes, Grey, Page
from reader.drawing.strokes import Hand, Mask, Random

Range = tuple[float, float]


class Sheet:
    """A blank sheet to write on; keeps the box of every digit."""

    def __init__(self, hand: Hand, random: Random, height: float, width: float, size: float) -> None:
        self.hand, self.random, self.size = hand, random, size
        self.ink = np.zeros((max(16, int(height)), max(16, int(width))), np.float32)
        self.boxes: list[tuple[float, ...]] = []
        # A writer's habits.
        self.slant, self.turn = random.normal(0, 0.13), np.deg2rad(random.normal(0, 4))
        self.european, self.printed = float(random.choice([0, 0.7])), float(random.choice([0.01, 0.9], p=[0.93, 0.07]))

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

    def write(self, x: float, y: float, size: float, *, centred: bool = False) -> float:
        """Write a digit with its left edge, or its centre, at ``x`` and its middle at ``y``; return its width."""
        mask, label = self.hand.digit(self.random, self.european, self.printed)
        shaped = self.shaped(mask, size)
        if not shaped:
            return 0
        drawn, (left, top, width, height) = shaped
        # A whole number of pixels, as the ink is pasted.
        x, y = round(x - left - (width / 2 if centred else 0)), round(y - top - height / 2)
        if self.paste(drawn, x, y):
            box = (x + left, y + top, x + left + width, y + top + height)
            across = min(box[2], self.ink.shape[1]) - max(box[0], 0)
            down = min(box[3], self.ink.shape[0]) - max(box[1], 0)
            self.boxes.append((*box, label, max(0, across) * max(0, down) / (width * height)))
        return width

    def sign(self, x: float, y: float, size: float) -> None:
        """Write a word, or another sign that is no digit, around (x, y), unless it would touch a digit."""
        mask = self.scaled(self.hand.sign(self.random), size)
        if self.random.random() < 0.3:
            mask = cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32)
        left, top = x - mask.shape[1] / 2, y - mask.shape[0] / 2
        if self.is_free(left, top, left + mask.shape[1], top + mask.shape[0]):
            self.paste(mask, left, top)

    def text(self, y: float) -> None:
        """Write words from left to right, around the height ``y``."""
        x = -self.size * self.random.uniform(0, 2)
        while x < self.ink.shape[1]:
            mask = self.scaled(self.hand.word(self.random), self.size * self.random.uniform(0.7, 1.1))
            self.paste(mask, x, y - mask.shape[0] / 2)
            x += mask.shape[1] + self.size * self.random.uniform(0.1, 0.8)

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
            for box in self.boxes
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
                x = self.mark(x + 0.04 * size, y + tilt * x)
            elif random.random() < 0.06:
                x += size * random.uniform(0.3, 1.5)
            if x > self.ink.shape[1] + size:
                break
        return x

    def mark(self, x: float, y: float) -> float:
        """Write a dot, a comma or a dash after the digit that ends at ``x``; return where the next one may begin."""
        random, size, thick = self.random, self.size, max(1, int(self.size * self.random.uniform(0.05, 0.15)))
        ink, kind = (self.ink * 255).astype(np.uint8), random.random()
        low = int(y + 0.45 * size)
        wide = random.uniform(0.02, 0.12) if kind < 0.6 else random.uniform(0.2, 0.8)
        end = int(x + wide * size)
        if kind < 0.35:
            cv2.circle(ink, (int(x + thick / 2), low), max(1, thick // 2 + 1), 255, -1, cv2.LINE_AA)
        elif kind < 0.6:
            cv2.line(ink, (end, low - thick), (int(x), low + int(0.2 * size)), 255, thick, cv2.LINE_AA)
        elif kind < 0.65:
            cv2.line(ink, (end, int(y - 0.6 * size)), (int(x), int(y + 0.6 * size)), 255, thick, cv2.LINE_AA)
        else:
            # A dash, or an equals sign.
            rise = random.uniform(0.12, 0.35)
            for row in (0, rise)[: int(random.integers(1, 3))]:
                middle = int(y + (row - rise / 2 + random.normal(0, 0.07)) * size)
                tilt = int(random.normal(0, 0.06) * size)
                cv2.line(ink, (int(x), middle), (end, middle + tilt), 255, thick, cv2.LINE_AA)
        self.ink = ink.astype(np.float32) / np.float32(255)
        return end + random.uniform(0.02, 0.3) * size

    def intruders(self) -> None:
        """Let neighbours reach in from the margin, as where a digit was cut out of a page."""
        height, width = self.ink.shape
        digit, size, random = self.boxes[0], self.size, self.random
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


def compose(kind: str, hand: Hand, size: float, side: float, random: Random, touching: int | None = None) -> Page:
    """Write a page of this ``kind``, one of KINDS, at most ``side`` pixels high and wide, with digits ``size`` high.

    touching: as for ``Sheet.line``; by default any of them
    """
    if kind in ("one", "letter"):
        room = size / random.uniform(0.38, 1.02)
        height, width = (min(side, room * np.exp(random.normal(0, spread))) for spread in (0.12, 0.18))
        sheet = Sheet(hand, random, height, width, size)
        slack = [max(0.0, length - size) / 2 for length in sheet.ink.shape]
        place = [
            length / 2 + random.uniform(-0.6, 0.6) * some for length, some in zip(sheet.ink.shape, slack, strict=True)
        ]
        if kind == "letter":
            mask = sheet.scaled(hand.letter(random), size)
            sheet.paste(mask, place[1] - mask.shape[1] / 2, place[0] - size / 2)
        else:
            sheet.write(place[1], place[0], size, centred=True)
        if sheet.boxes and random.random() < 0.6:
            sheet.intruders()
        return sheet.page()
    drawn = int(random.choice(3, p=[0.45, 0.3, 0.25]))
    touching = drawn if touching is None else touching
    if kind in ("line", "amount"):
        count = int(random.integers(2, 9))
        width = min(side, count * size * random.uniform(0.6, 1.2))
        sheet = Sheet(hand, random, min(side, size * random.uniform(1.05, 2.4)), width, size)
        start = random.uniform(0, 0.3) * size
        if kind == "amount" and random.random() < 0.25:
            sheet.sign(start, sheet.ink.shape[0] / 2, size * random.uniform(0.5, 1.2))
            start += 0.8 * size
        end = sheet.line(start, sheet.ink.shape[0] / 2, count, touching, marks=kind == "amount")
        for _ in range(int(random.integers(3)) if kind == "amount" else 0):
            end = sheet.mark(end + 0.05 * size, sheet.ink.shape[0] / 2)
        if kind == "amount" and random.random() < 0.3:
            low = int(sheet.ink.shape[0] * random.uniform(0.85, 1))
            cv2.line(sheet.ink, (0, low), (sheet.ink.shape[1], low), 1.0, int(random.integers(1, 5)))
        return sheet.page()
    height, width = random.uniform(0.5, 1, 2) * side
    sheet = Sheet(hand, random, height, width, size)
    if kind in ("lines", "large"):
        lines, pitch = int(random.integers(1, 5)), size * random.uniform(1.1, 2.2)
        for line in range(lines):
            y = height / 2 + (line - (lines - 1) / 2) * pitch + random.normal(0, 0.1) * size
            sheet.line(random.uniform(-0.5, 0.6) * size, y, int(random.integers(1, 11)), touching)
    elif kind == "cells":
        step, thick = size * random.uniform(1.15, 2), int(random.integers(1, 6))
        left, top = random.uniform(-0.5, 0.5, 2) * step
        dark, share = random.uniform(0.3, 1), random.uniform(0.4, 1)
        for y in np.arange(top, height, step):
            cv2.line(sheet.ink, (0, int(y)), (int(width), int(y)), dark, thick, cv2.LINE_AA)
            for x in np.arange(left, width, step):
                cv2.line(sheet.ink, (int(x), 0), (int(x), int(height)), dark, thick, cv2.LINE_AA)
                if random.random() < share:
                    sheet.printed = float(random.random() < 0.35)
                    slip = random.normal(0, 0.06, 2) * step
                    sheet.write(x + step / 2 + slip[0], y + step / 2 + slip[1], size, centred=True)
    elif kind == "text":
        for y in np.arange(random.uniform(-0.5, 1) * size, height + size, size * random.uniform(1.1, 2)):
            sheet.text(y)
    else:
        if kind == "mixed":
            for _ in range(int(random.integers(1, 3))):
                start = random.uniform(0, 0.6) * width
                sheet.line(start, random.uniform(0.1, 0.9) * height, int(random.integers(1, 6)), min(touching, 1))
        signs = random.choice([0.1, 0.5, 0.9])
        for _ in range(int(random.integers(1, 9))):
            if random.random() < signs:
                x, y = random.uniform(0, width), random.uniform(0, height)
                sheet.sign(x, y, float(np.exp(random.uniform(np.log(16), np.log(2.5 * size)))))
            else:
                sheet.scribble()
    return sheet.page()


KINDS = ("one", "line", "amount", "lines", "cells", "large", "mixed", "letter", "text", "none")


def draw(
    hand: Hand, kinds: Mapping[str, float], shares: Mapping[str, float], sizes: Range, side: int, random: Random
) -> tuple[Grey, Boxes]:
    """Draw a picture, uint8 (H, W), at most ``side`` pixels high and wide, and the boxes of its digits as in ``Page``.

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
