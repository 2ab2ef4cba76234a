"""Digits in many hands, and signs that are no digits, as masks of ink."""

import string

import cv2
import numpy as np

from digits.core.store import Dataset
from reader.drawing.type import Fonts, Mask, Random, Typed

# Digits are enlarged to this many pixels a side before a pen is drawn with them.
GLYPH_SIDE = 112
# A digit mirrored or turned by these quarters of a circle is no digit any more, but still looks written by hand.
MIRRORED, QUARTERS = (3, 4, 6, 7, 9), {1: (2, 3, 4, 5, 6, 7, 9), 2: (3, 4, 7), 3: (2, 3, 4, 5, 6, 7, 9)}
# Letters that are digits to anyone who does not see the word they stand in.
AMBIGUOUS = "oOlIiSsZzBbqgQDjtyf|"
SIGNS = "+=?&#%@*xX!:;$€£<>()[]{}/~^"
TEXT = """
the and of total name date signed page house street please return amount number phone mail room class answer line add
plus minus equal sum error paper write note milk bread call home Monday Tuesday Friday Sunday May June July Anna Peter
Maria Ben km cm kg EUR USD pcs tel fax ref inv max min avg yes no left right north west hundred thousand only payable
cheque hello with from this that have when your what there which their time about many then them some would make like
into look more write see people than first water been called who oil its now find long down day did get come made part
over new sound take little work know place year live me back give most very after thing our just name good sentence
man think say great where help through much before too mean old any same tell boy follow came want show also around
form three small set put end does another well large must big even such because turn here why ask went men read need
land different home us move try kind hand picture again change off play spell air away animal mother world near build
self earth father apples eggs sugar flour butter price tax paid cash bill order item quantity subtotal balance account
bank invoice receipt signature address city country school teacher student homework problem solution question score
grade
"""
WORDS = TEXT.split()


class Hand:
    """Writes the digits of a dataset, and other signs, with pens of any width."""

    def __init__(self, dataset: Dataset, fonts: Fonts) -> None:
        self.dataset, self.fonts = dataset, fonts
        self.of_label = [np.flatnonzero(dataset.labels == label) for label in range(10)]

    def digit(
        self,
        random: Random,
        european: float = 0.3,
        printed: float = 0.1,
        label: int | None = None,
        pen: int | None = None,
    ) -> tuple[Mask, int]:
        """Return a digit, float32 (112, 112), 0 to 1, with hard edges, and its label.

        european: share of ones with an upstroke and of sevens with a bar, which are rare in MNIST
        printed: share of digits of a font
        label: of the digit, by default any
        pen: the seed of the pen, by default another one for each digit
        """
        label = int(random.integers(10)) if label is None else label
        if random.random() < printed or not len(self.of_label[label]):
            while True:
                typed = self.fonts.typeset(str(label), self.face(random))
                mask = _pen(_fitted(typed.mask), random)
                # A pen may lose hairlines.
                if (mask > 0.5).sum() > 300:
                    return mask, label
        image = self.dataset.images[random.choice(self.of_label[label])]
        large = cv2.resize(image, (GLYPH_SIDE, GLYPH_SIDE), interpolation=cv2.INTER_CUBIC)
        large = large.astype(np.float32) / np.float32(255)
        if label == 1 and random.random() < 0.25:
            large = _straight(random)
        elif label in (1, 7) and random.random() < european:
            large = np.clip(_european(large, label, random), 0, 1)
        return _pen(large, random if pen is None else np.random.default_rng(pen)), label

    def face(self, random: Random, hands: float = 0.75) -> str:
        """Return the path of a font, with this probability of handwriting."""
        return str(random.choice(self.fonts.hands if random.random() < hands else self.fonts.print))

    def sign(self, random: Random) -> Mask:
        """Return a word, a letter, or a digit mirrored, turned or scrawled over until it is none.

        float32 (H, W), no wider margin
        """
        kind = random.random()
        if kind < 0.18:
            return self._scrawled(random)
        if kind < 0.48:
            while True:
                mask, label = self.digit(random, printed=0.02)
                mask, turns = _trimmed(mask), int(random.integers(4))
                if turns == 0 and label in MIRRORED and mask.size:
                    return np.ascontiguousarray(mask[:, ::-1])
                if turns and label in QUARTERS[turns] and mask.size:
                    return np.ascontiguousarray(np.rot90(mask, turns))
        return self._trimmed_word(random)

    def _trimmed_word(self, random: Random) -> Mask:
        while True:
            mask = _trimmed(self.word(random).mask)
            # Of a hairline that is bent nothing may be left.
            if mask.size:
                return mask

    def _scrawled(self, random: Random) -> Mask:
        """A digit with a tail that makes it another sign, as alpha is a zero with a cross."""
        mask = np.pad(self.digit(random, printed=0.02)[0], GLYPH_SIDE // 2)
        rows, columns = np.nonzero(mask > 0.5)
        if not len(rows):
            return self._trimmed_word(random)
        start = random.integers(len(rows))
        centre = np.array([columns.mean(), rows.mean()])
        point = np.array([columns[start], rows[start]], float)
        away = point - centre + random.normal(0, 8, 2)
        end = point + away / np.linalg.norm(away) * random.uniform(0.35, 0.8) * GLYPH_SIDE
        bend = (point + end) / 2 + random.normal(0, 12, 2)
        steps = np.linspace(0, 1, 20)[:, None]
        curve = (1 - steps) ** 2 * point + 2 * steps * (1 - steps) * bend + steps**2 * end
        canvas, wide = mask.copy(), int(random.integers(6, 14))
        cv2.polylines(canvas, [np.round(8 * curve).astype(np.int32)], False, 1.0, wide, cv2.LINE_AA, 3)
        return _trimmed(canvas)

    def letter(self, random: Random) -> Mask:
        """Return a sign that is about as wide as high, float32 (H, W), no wider margin."""
        while True:
            mask = self.sign(random)
            if min(mask.shape) > 2 and 0.3 < mask.shape[1] / mask.shape[0] < 1.5:
                return mask

    def word(self, random: Random) -> Typed:
        """Return a word, letters or signs, in any font and script."""
        while True:
            if random.random() < 0.25:
                face = str(random.choice(self.fonts.scripts))
                text = "".join(random.choice(self.fonts.letters(face), random.integers(1, 6)))
            else:
                face, text = self.face(random), _word(random)
            typed = self.fonts.typeset(text, face)
            if min(typed.mask.shape) > 4:
                return typed._replace(mask=_wavering(typed.mask, random))


def _word(random: Random) -> str:
    letters = [each for each in string.ascii_letters if each not in AMBIGUOUS]
    kind = random.random()
    if kind < 0.25:
        # Alone, or nearly, only letters that nobody would take for a digit.
        return "".join(random.choice(letters, random.integers(1, 4)))
    if kind < 0.8:
        return str(random.choice(WORDS))
    if kind < 0.9:
        return str(random.choice(list(SIGNS)))
    return "".join(random.choice([*letters, *AMBIGUOUS], random.integers(4, 10)))


def _straight(random: Random) -> Mask:
    """A one of a single straight stroke."""
    lean, wide = random.normal(0, 10), int(random.integers(6, 13))
    canvas = np.zeros((GLYPH_SIDE, GLYPH_SIDE), np.float32)
    ends = [(round(8 * (GLYPH_SIDE / 2 + sign * lean)), round(8 * (GLYPH_SIDE / 2 - sign * 40))) for sign in (-1, 1)]
    cv2.line(canvas, ends[0], ends[1], 1.0, wide, cv2.LINE_AA, 3)
    return canvas


def _pen(large: Mask, random: Random) -> Mask:
    """Draw strokes, thinner or thicker, with hard edges."""
    soft, kind = cv2.GaussianBlur(large, (0, 0), 2.2), random.random()
    if kind < 0.35:
        # The part of a stroke that is nearest to its middle.
        depth = cv2.distanceTransform((soft > 0.4).astype(np.uint8), cv2.DIST_L2, 3)
        part = depth / np.maximum(cv2.dilate(depth, np.ones((9, 9), np.uint8)), 1)
        soft = cv2.GaussianBlur((part > random.uniform(0.15, 0.75)).astype(np.float32), (0, 0), 2)
        level = 0.3
    else:
        level = random.uniform(0.35, 0.6)
        if kind < 0.6:
            wide = int(random.integers(2, 9))
            soft = cv2.dilate(soft, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)))
    return np.asarray(np.clip((soft - level) * 6 + 0.5, 0, 1), np.float32)


def _european(large: Mask, label: int, random: Random) -> Mask:
    """Add an upstroke, and sometimes a base, to a one; a bar, and sometimes a hook, to a seven."""
    rows, columns = np.nonzero(large > 0.5)
    if len(rows) < 5:
        return large
    top, bottom, wide = rows.min(), rows.max(), int(random.integers(5, 10))
    height, lines = bottom - top, []

    def middle(row: float) -> float:
        near = columns[abs(rows - row) <= 2]
        return float(near.mean()) if len(near) else float(columns.mean())

    if label == 7:
        row = top + height * random.uniform(0.4, 0.62)
        reach, tilt = height * random.uniform(0.12, 0.3), random.normal(0, 0.15)
        lines.append(((middle(row) - reach, row + tilt * reach), (middle(row) + reach, row - tilt * reach)))
        if random.random() < 0.4:
            corner = columns[rows <= top + 0.25 * height].min() + wide / 2
            drop = height * random.uniform(0.08, 0.25)
            lines.append(((corner, top + wide / 2), (corner - random.uniform(-0.1, 0.4) * drop, top + drop)))
    else:
        start = (middle(top + 2), top + 2)
        lines.append((start, (start[0] - height * random.uniform(0.15, 0.5), top + height * random.uniform(0.12, 0.5))))
        if random.random() < 0.3:
            foot, reach = middle(bottom - 2), height * random.uniform(0.12, 0.3)
            lines.append(((foot - reach, bottom), (foot + reach, bottom)))
    canvas = large.copy()
    for one, other in lines:
        ends = [tuple(round(8 * float(each)) for each in point) for point in (one, other)]
        cv2.line(canvas, ends[0], ends[1], 1.0, wide, cv2.LINE_AA, 3)
    return canvas


def _wavering(mask: Mask, random: Random) -> Mask:
    """Bend type as a hand would."""
    height, width = mask.shape
    strength = random.uniform(0, 45)
    bend = [cv2.GaussianBlur(random.standard_normal((height, width)).astype(np.float32), (0, 0), 9) for _ in range(2)]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    across, down = ((place + strength * part).astype(np.float32) for place, part in zip((x, y), bend, strict=True))
    return cv2.remap(mask, across, down, cv2.INTER_LINEAR).astype(np.float32)


def _trimmed(mask: Mask) -> Mask:
    x, y, width, height = cv2.boundingRect((mask > 0.3).astype(np.uint8))
    return mask[y : y + height, x : x + width]


def _fitted(mask: Mask) -> Mask:
    """Return the ink in the middle of (112, 112), as large as MNIST's."""
    ink = _trimmed(mask)
    factor = 0.7 * GLYPH_SIDE / max(ink.shape)
    small = cv2.resize(
        ink, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    )
    canvas = np.zeros((GLYPH_SIDE, GLYPH_SIDE), np.float32)
    top, left = ((GLYPH_SIDE - side) // 2 for side in small.shape)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas
