"""A person's own picture, drawn, scanned or photographed, into digits in MNIST's format.

MNIST's makers put each digit's tight box, its aspect ratio kept, anti-aliased into 20×20 pixels, and these into 28×28
so that the centre of mass lies at the centre: http://yann.lecun.com/exdb/mnist/, and, for what they left unsaid,
C. Yadav and L. Bottou, "Cold case: the lost MNIST digits" (2019).
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from digits.errors import InputError
from digits.store import SIDE

Source = str | Path | bytes | Image.Image | NDArray[Any]
Grey = NDArray[np.uint8]
Ink = NDArray[np.float32]

# MNIST's measures in pixels: the box of a digit, and where its centre of mass goes, the first pixel's centre being 0.
BOX, CENTRE = 20, 14
# Strokes thinner than this part of the digit's size are thickened: MNIST's are some three pixels of the twenty.
THINNEST = 0.14
# Larger pictures are shrunk to this longest side, in pixels: a digit that one can read has enough of them left.
LONGEST = 1600
# A picture nearly all of whose margin is within so many grey levels of one has that for its ground.
EVEN = 1
# One with no longer side may be cut out between neighbours, which lie on its margin, and its ground may then be
# uneven by so many grey levels. It has one way to be seen.
CUT_OUT, UNEVEN = 400, 12
# Noise of no greater standard deviation, in grey levels, is none.
QUIET = 1


class Crop(NamedTuple):
    """A digit of a picture.

    box: x, y, width and height in the pixels of the picture, counted from its upper left corner
    image: uint8 (28, 28), in MNIST's format: white ink (255) on black (0)
    ink: float32 (H, W), the strokes within the box, 0 to 1
    cut: whether the picture's left margin may cut a neighbour that touches it, and whether the right one may
    """

    box: tuple[int, int, int, int]
    image: Grey
    ink: Ink
    cut: tuple[bool, bool]


class Box(NamedTuple):
    """A rectangle of pixels, from left and top up to, but without, right and bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def size(self) -> int:
        return max(self.width, self.height)


Lines = list[list[Crop]]

NOTHING = Box(0, 0, 0, 0)
# A picture with a shorter side is no photograph of paper: its only digit may fill it from margin to margin.
SMALL = 100
# A picture with no more large pieces, strokes or what lies between them, is of a digit or two with wide strokes.
FEW = 8
# A stroke may be this much fainter in some parts.
FAINT = 0.5


def find(source: Source) -> list[Lines]:
    """Find the digits of a picture in every way that it may be seen, the likeliest first: each way has its lines from
    top to bottom, each from left to right, and no line where there is no ink.

    There are several ways to see a large picture that is no plain drawing: the ink may be dark or light, what is paler
    than the rest may be rules, and the largest piece a shadow. What a network makes of each tells which one is right.

    source: a path, a file's bytes, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or
        floats from 0 to 1.
    Raises InputError where it is no picture.
    """
    grey, scale = read(source)
    if _is_noise(grey):
        return [[]]
    inks = find_inks(grey)
    pieces = [(ink, *find_pieces(ink, clean=clean)) for ink, clean in inks]
    if len(inks) > 1:
        pieces += [(ink, labels, _without_largest(boxes)) for ink, labels, boxes in pieces if boxes]
    return [
        [[_crop(ink, labels, members, boxes, scale) for members in line] for line in sort(group(boxes), boxes)]
        for ink, labels, boxes in pieces
    ]


def _without_largest(boxes: Sequence[Box]) -> list[Box]:
    largest = max(boxes, key=lambda box: box.size)
    return [NOTHING if box is largest else box for box in boxes]


def read(source: Source) -> tuple[Grey, float]:
    """Return a picture's grey levels, uint8 (H, W), no side longer than 1600, and its own pixels to one of them.

    Raises InputError where it is no picture.
    """
    name = source if isinstance(source, str | Path) else "the picture"
    try:
        with warnings.catch_warnings():
            # Twice as many pixels are an error, and stay one; telephones take pictures between the two.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = _open(source)
            width = image.width
            # JPEG can be decoded at a part of its size.
            image.draft(None, (LONGEST, LONGEST))
            rotated = ImageOps.exif_transpose(image)
            drawn_width = image.width
            grey = _grey(rotated)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: a folder, not a picture") from None
    except UnidentifiedImageError:
        raise InputError(f"{name}: no picture in a format that is known here") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name}: too many pixels; shrink it, to 4000 on its longest side at the most") from None
    except Exception as error:  # Pillow raises whatever the damage leads to, from OSError to SyntaxError.
        raise InputError(f"{name}: a damaged picture ({' '.join(str(error).split())})") from None
    scale = width / drawn_width
    if (longest := max(grey.shape)) > LONGEST:
        part = LONGEST / longest
        size = (max(1, round(grey.shape[1] * part)), max(1, round(grey.shape[0] * part)))
        return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False), scale / part
    return grey, scale


def _open(source: Source) -> Image.Image:
    if isinstance(source, np.ndarray):
        return Image.fromarray(_levels(source))
    if isinstance(source, Image.Image):
        return source
    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)


def _levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.size == 0 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InputError(f"the picture: an array {array.shape}, not (height, width) with 3, 4 or no channels")
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return np.asarray(array >> 8, np.uint8)
    if np.issubdtype(array.dtype, np.floating) and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
        return np.asarray(np.rint(array * 255), np.uint8)
    raise InputError(f"the picture: an array of {array.dtype}, not of uint8, uint16, bool, or floats from 0 to 1")


def _grey(image: Image.Image) -> Grey:
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, np.float64)
        # 16 bits are the most that a picture's file has.
        top = 65535 if levels.max() > 255 else 255
        return np.clip(levels * 255 / top, 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        colours = np.asarray(image.convert("RGBA"), np.float32)
        opaque = colours[..., 3] / 255
        grey = np.asarray(image.convert("RGBA").convert("RGB").convert("L"), np.float32)
        # Light ink on nothing is meant for a dark ground.
        seen = float(opaque.sum())
        ground = 0 if opaque.min() < 1 and seen and (grey * opaque).sum() / seen > 160 else 255
        return (grey * opaque + ground * (1 - opaque)).astype(np.uint8)
    return np.asarray(image.convert("RGB").convert("L") if image.mode != "L" else image, np.uint8)


def _is_noise(grey: Grey) -> bool:
    """Return whether neighbouring pixels have next to nothing in common."""
    levels = grey.astype(np.float32)
    if min(grey.shape) == 1 or not (variance := float(levels.var())):
        return False
    # Of independent pixels each mean is twice the variance; of the thinnest pen's strokes no half of that.
    steps = sum(float((np.diff(levels, axis=axis) ** 2).mean()) for axis in (0, 1))
    return steps > 3 * variance


def find_inks(grey: Grey) -> list[tuple[Ink, bool]]:
    """Return, for each way to see the picture, the likeliest first, how much ink each pixel has, float32 (H, W): 0 is
    the ground, 1 the ground's whole distance to black or, where the ink is light, to white; and whether nothing but ink
    stands out, as in a drawing or a clean scan."""
    margin = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    middle = np.uint8(np.median(margin))
    cut_out = max(grey.shape) <= CUT_OUT
    noise = _noise(grey) if cut_out else 0.0
    # A stroke or a rule may cross it, or neighbours lie on it.
    spread, part = max(EVEN, min(3 * noise, UNEVEN)), 0.6 if cut_out else 0.8
    if (cv2.absdiff(margin, np.full_like(margin, middle)) <= spread).mean() <= part:
        return [(ink, False) for ink in _find_inks_on_uneven_ground(grey)]
    ground = np.full_like(grey, middle)
    noisy = noise > QUIET
    raw = _against(_denoised(grey) if noisy else grey, ground, dark=_is_dark(grey, ground), grained=noisy)
    ink = _without_rules(raw, FAINT)
    ways = [(ink, ink is raw and not noisy)]
    # What fills the picture is one large digit, or a sheet on a table of one colour: then there is small ink on it.
    largest = _largest(_pieces(ink)[2]) / ink.size if min(ink.shape) >= SMALL else 0
    if largest > (0.4 if cut_out else 0.2):
        others = [(other, False) for other in _find_inks_on_uneven_ground(grey)]
        if largest > 0.4 and 0 < _largest(_pieces(others[0][0])[2]) < largest / 4 * ink.size:
            return others
        if not cut_out:
            ways += others
    return ways


def _find_inks_on_uneven_ground(grey: Grey) -> list[Ink]:
    # Uneven light, a shadow's edge, a table around the paper: the ground is what a disk wider than a stroke can reach.
    grey = _denoised(grey)
    part = min(1.0, 400 / max(grey.shape))
    size = [max(1, round(each * part)) for each in grey.shape[::-1]]
    small: NDArray[Any] = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    radius = max(2, round(0.1 * min(small.shape)))
    # What lies beyond the margin is more of it: a strip of a table is no stroke.
    padded = cv2.copyMakeBorder(small, *(2 * radius,) * 4, borderType=cv2.BORDER_REPLICATE)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    grounds: list[NDArray[Any]] = [
        cv2.morphologyEx(padded, how, disk)[2 * radius : -2 * radius, 2 * radius : -2 * radius]
        for how in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE)
    ]
    # Against the wrong ground all that lies between strokes stands out as one.
    pieces = [
        _pieces(_without_rules(_against(small, ground, dark=bool(number))))[2] for number, ground in enumerate(grounds)
    ]
    light, dark = map(_largest, pieces)
    if not (dark and light):
        is_dark = dark > 0
    else:
        wide = max(dark, light) > max(8 * min(dark, light), 0.6 * small.size)
        large = sum(box.size > 0.05 * max(small.shape) for boxes in pieces for box in boxes)
        is_dark = dark < light if wide else _has_dark_strokes(small, (1, 2, 4, 8, 16) if large <= FEW else (1, 2, 4))
    inks = []
    for dark in (is_dark, not is_dark)[: 1 if max(grey.shape) <= CUT_OUT else 2]:
        ground: NDArray[Any] = grounds[dark]
        if part < 1:
            ground = cv2.resize(ground, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
            # The edge of a table, drawn at two sizes, leaves no seam.
            seam = np.ones((2 * round(1 / part) + 1,) * 2, np.uint8)
            ground = (cv2.erode if dark else cv2.dilate)(ground, seam)
        inks.append(_without_rules(_against(grey, np.asarray(ground, np.uint8), dark=dark)))
    return inks if len(inks) == 1 else [*inks, *map(_without_pale, inks)]


def _without_pale(ink: Ink) -> Ink:
    threshold = _threshold(ink)
    return np.asarray(np.clip((ink - threshold) / (1 - threshold), 0, 1), np.float32)


def _largest(boxes: Sequence[Box]) -> int:
    """Return the pixels of the largest of ``boxes``, 0 where there is none."""
    return max((box.width * box.height for box in boxes), default=0)


def _noise(grey: Grey) -> float:
    """Return the standard deviation of the noise, in grey levels."""
    return 1.48 * float(np.median(cv2.absdiff(grey, cv2.medianBlur(grey, 3))))


def _denoised(grey: Grey) -> Grey:
    noise = _noise(grey)
    return cv2.GaussianBlur(grey, (0, 0), min(2.0, 0.5 + noise / 8)).astype(np.uint8) if noise > QUIET else grey


def _is_dark(grey: Grey, ground: Grey) -> bool:
    """Return whether the ink is darker than the ground: far from it are few pixels, those of the ink."""
    away = grey.astype(np.float32) - ground
    return float((away * away * away).sum()) <= 0


def _has_dark_strokes(grey: Grey, widths: Sequence[float]) -> bool:
    """Return whether the lines, about twice as wide as one of ``widths`` in pixels, are darker than what surrounds
    them; the edges of shadows and tables are no lines.

    A line's curvature across it is strong on the one side of zero, that of an edge as strong on both.
    """
    total = 0.0
    for sigma in widths:
        curvature = sigma**2 * cv2.Laplacian(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), sigma), cv2.CV_32F)
        total += float((curvature * curvature * curvature).sum())
    return total >= 0


def _against(grey: Grey, ground: Grey, *, dark: bool, grained: bool = True) -> Ink:
    level, base = grey.astype(np.float32), ground.astype(np.float32)
    distance, whole = (base - level, base) if dark else (level - base, 255 - base)
    least = 1.0
    if grained:
        # The ground that was found is the lightest of a grained or noisy one.
        grain = max(0.0, float(np.median(distance)))
        distance = np.where(distance > 2.5 * grain, distance - grain, 0)
        # In the deepest shadow, or on a dark table, a whole of nearly nothing would make ink of noise.
        least = max(least, 0.3 * float(np.percentile(whole[::8, ::8], 90)))
    return np.clip(distance / np.maximum(whole, least), 0, 1)


def _without_rules(ink: Ink, faint: float = 1) -> Ink:
    """Remove the straight lines of ruled and squared paper, which run from margin to margin, and mend the strokes."""
    height, width = ink.shape
    if min(height, width) < SMALL:
        return ink
    mask = (ink > faint * _threshold(ink)).astype(np.uint8)
    # Wide strokes are no rules.
    wide = max(5, round(0.015 * max(height, width)))
    mask[cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8)) > 0] = 0
    rules = np.zeros_like(mask)
    for angle, length in ((np.pi / 2, width), (0.0, height)):
        lines = _lines(mask, angle, 0.5 * length)
        # Fewer may be strokes, unless they are longer than any.
        if len(lines) and np.count_nonzero(np.diff(np.sort(lines[:, 0])) > 0.02 * length) < 2:
            lines = _lines(mask, angle, 0.85 * length)
        for rho, theta in lines[:200]:
            across, down = np.cos(theta), np.sin(theta)
            far = 2 * max(height, width)
            start, end = (
                (round(float(across * rho - way * far * down)), round(float(down * rho + way * far * across)))
                for way in (-1, 1)
            )
            cv2.line(rules, start, end, 1, 3)
    rules &= mask
    if not rules.any():
        return ink
    # Where a stroke crosses a paler rule it stays.
    rules[ink > 1.4 * np.median(ink[rules > 0])] = 0
    levels = np.rint(ink * 255).astype(np.uint8)
    return cv2.inpaint(levels, rules, 3, cv2.INPAINT_TELEA).astype(np.float32) / np.float32(255)


def _lines(mask: NDArray[np.uint8], angle: float, votes: float) -> NDArray[np.float32]:
    """Return (N, 2), distance from the corner and angle, of lines about ``angle`` with so many pixels of ``mask``."""
    found = cv2.HoughLines(mask, 1, np.pi / 720, round(votes), min_theta=max(0, angle - 0.2), max_theta=angle + 0.2)
    return np.empty((0, 2), np.float32) if found is None else np.asarray(found[:, 0], np.float32)


def _threshold(ink: Ink) -> float:
    """Return the amount from which on a pixel is ink, by Otsu's method."""
    otsu, _ = cv2.threshold(np.rint(ink * 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return max(otsu / 255, 0.08)


def find_pieces(ink: Ink, *, clean: bool) -> tuple[NDArray[np.int32], list[Box]]:
    """Return the piece of ink that each pixel is of, int32 (H, W), counted from 1, 0 for none, and their boxes.

    Those much paler than the others, or cut by the picture's margin where others are whole, have no area.
    """
    labels, areas, boxes = _pieces(ink, FAINT if clean else 1)
    if not boxes:
        return labels, []
    strengths = np.bincount(labels.ravel(), weights=ink.ravel())[1:] / areas
    # The typical one: half of all ink is at least so strong.
    order = np.argsort(strengths)
    typical = strengths[order][np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)]
    kept = strengths > 0.5 * typical
    height, width = ink.shape
    whole = np.array([box.left > 0 and box.top > 0 and box.right < width and box.bottom < height for box in boxes])
    # A line of digits is no digit between neighbours.
    if max(ink.shape) <= CUT_OUT and width < 2 * height:
        middle = np.array([box.left < width / 2 < box.right for box in boxes])
        if (kept & middle).any():
            kept &= whole | middle
    largest = max((box.size for box, keep in zip(boxes, kept & whole, strict=True) if keep), default=0)
    if largest > 0.25 * min(ink.shape) or (kept & whole).sum() > 2:
        kept &= whole
    return labels, [box if keep else NOTHING for box, keep in zip(boxes, kept, strict=True)]


def _pieces(ink: Ink, faint: float = 1) -> tuple[NDArray[np.int32], NDArray[np.int32], list[Box]]:
    threshold = _threshold(ink)
    # Of a clean picture's strokes some parts are faint, but none is so all along.
    _, labels, stats, _ = cv2.connectedComponentsWithStats((ink > faint * threshold).astype(np.uint8), connectivity=8)
    strong = np.bincount(labels[ink > threshold], minlength=len(stats))[1:] > 0
    boxes = [
        Box(x, y, x + width, y + height) if keep else NOTHING
        for (x, y, width, height, _), keep in zip(stats[1:].tolist(), strong, strict=True)
    ]
    return np.asarray(labels, np.int32), np.asarray(stats[1:, cv2.CC_STAT_AREA], np.int32), boxes


def group(boxes: Sequence[Box]) -> list[list[int]]:
    """Return the pieces of each digit, as indices of ``boxes``: specks left out, broken strokes joined."""
    inked = sorted((box for box in boxes if box.size), key=lambda box: box.size)
    if not inked:
        return []
    # Of all that is within boxes, half is in smaller ones.
    areas = np.cumsum([box.width * box.height for box in inked])
    height = inked[int(np.searchsorted(areas, areas[-1] / 2))].size
    groups = [([index], box) for index, box in enumerate(boxes) if box.size >= max(0.12 * height, 3)]
    before = 0
    while len(groups) != before:
        before = len(groups)
        joined: list[tuple[list[int], Box]] = []
        for members, box in groups:
            near = [each for each in joined if _belong(box, each[1], height)]
            joined = [each for each in joined if each not in near]
            joined.append((sum((each[0] for each in near), members), _union(box, *(each[1] for each in near))))
        groups = joined
    # Grain comes in swarms of which no speck is large.
    return [
        members
        for members, box in groups
        if box.size >= 0.35 * height and max(boxes[index].size for index in members) >= 0.4 * box.size
    ]


def _belong(one: Box, other: Box, height: float) -> bool:
    # Before all else, since nearly all pairs are far from each other.
    width = max(one.right, other.right) - min(one.left, other.left)
    if width > 1.7 * height or max(one.bottom, other.bottom) - min(one.top, other.top) > 1.7 * height:
        return False
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    part = 0.7 if min(one.height, other.height) > 0.7 * height else 0.4
    if across >= part * min(one.width, other.width) and down > -0.25 * height:
        return True
    gap, lower = -min(across, down, 0), min(one.height, other.height)
    if width < 0.9 * height and lower < 0.8 * height:
        return gap < 0.15 * height
    return gap < (0.2 if lower < 0.35 * height else 0.1) * height and lower < 0.6 * height


def _union(*boxes: Box) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def _around(boxes: Sequence[Box], members: Sequence[int]) -> Box:
    return _union(*(boxes[index] for index in members))


def sort(groups: Sequence[list[int]], boxes: Sequence[Box]) -> list[list[list[int]]]:
    """Return the digits in lines: one belongs to a line where it overlaps its neighbour to the left by a half."""
    lines: list[list[list[int]]] = []
    for members in sorted(groups, key=lambda members: _around(boxes, members).left):
        box = _around(boxes, members)
        for line in lines:
            last = _around(boxes, line[-1])
            down = min(box.bottom, last.bottom) - max(box.top, last.top)
            if down >= 0.4 * min(box.height, last.height):
                line.append(members)
                break
        else:
            lines.append([members])
    return sorted(lines, key=lambda line: _around(boxes, line[0]).top)


def _crop(ink: Ink, labels: NDArray[np.int32], members: Sequence[int], boxes: Sequence[Box], scale: float) -> Crop:
    box = _around(boxes, members)
    # A stroke's soft edge lies below the threshold, up to some pixels outside.
    rim = max(1, round(0.03 * box.size))
    wide = Box(
        max(0, box.left - rim),
        max(0, box.top - rim),
        min(ink.shape[1], box.right + rim),
        min(ink.shape[0], box.bottom + rim),
    )
    window = (slice(wide.top, wide.bottom), slice(wide.left, wide.right))
    own = np.isin(labels[window], np.array(members) + 1).astype(np.uint8)
    near = cv2.dilate(own, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1,) * 2))
    # Soft edges of others' strokes are not this digit's.
    near[(labels[window] > 0) & (own == 0)] = 0
    strokes = ink[window] * near
    full = float(np.percentile(strokes[own > 0], 90))
    strokes = np.minimum(strokes / full, 1)
    image = to_mnist(strokes)
    strokes = strokes[box.top - wide.top :, box.left - wide.left :][: box.height, : box.width]
    left, top, width, height = (round(each * scale) for each in (box.left, box.top, box.width, box.height))
    # What fills the whole height is cropped tightly: there the margin cuts no neighbour.
    tight = box.top == 0 and box.bottom == ink.shape[0]
    cut = (box.left == 0 and not tight, box.right == ink.shape[1] and not tight)
    return Crop((left, top, max(1, width), max(1, height)), image, strokes, cut)


def parts(crop: Crop) -> list[list[Crop]]:
    """Return what a crop may be instead of one digit: two that touch; one without the neighbour that the margin cuts.

    Which are digits a network tells: Y. LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    """
    height, width = crop.ink.shape
    if crop.cut == (False, False):
        ways = [_parted(crop, 0.25, 0.75)] if width > 0.95 * height else []
    else:
        ways = [_parted(crop, 0.05, 0.5)[1:]] if crop.cut[0] else []
        if crop.cut[1]:
            ways += [_parted(each, 0.5, 0.95)[:1] for each in (crop, *(way[0] for way in ways))]
    return [way for way in ways if all(part.image.any() for part in way)]


def _parted(crop: Crop, low: float, high: float) -> list[Crop]:
    """Cut a crop in two, between these parts of its width, from top to bottom where least ink is in the way."""
    height, width = crop.ink.shape
    first = round(low * width)
    # A way that winds costs, too.
    cost = crop.ink[:, first : max(first + 1, round(high * width))] + 0.02
    for row in range(1, height):
        before = np.pad(cost[row - 1], 1, constant_values=np.inf)
        cost[row] += np.minimum(before[1:-1], np.minimum(before[:-2], before[2:]) + 0.01)
    path = [int(cost[-1].argmin())]
    for row in range(height - 2, -1, -1):
        path.append(
            min(range(max(0, path[-1] - 1), min(cost.shape[1], path[-1] + 2)), key=lambda each: cost[row, each])
        )
    left = np.arange(width) < first + np.array(path[::-1])[:, None]
    return [
        _trimmed(crop, np.where(left, crop.ink, 0), (crop.cut[0], False)),
        _trimmed(crop, np.where(left, 0, crop.ink), (False, crop.cut[1])),
    ]


def _trimmed(crop: Crop, ink: Ink, cut: tuple[bool, bool]) -> Crop:
    """Return what is left of a crop where it has no more than this ``ink``, an array of the same shape."""
    rows, columns = (np.flatnonzero((ink > 0).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Crop(crop.box, np.zeros((SIDE, SIDE), np.uint8), ink, cut)
    x, y, width, height = crop.box
    across, down = width / ink.shape[1], height / ink.shape[0]
    tight = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = (x + round(columns[0] * across), y + round(rows[0] * down))
    return Crop(
        (*box, max(1, round(tight.shape[1] * across)), max(1, round(tight.shape[0] * down))),
        to_mnist(tight),
        tight,
        cut,
    )


def to_mnist(ink: Ink) -> Grey:
    """Put a digit, float32 (H, W), 1 for ink and 0 for ground, into MNIST's format: uint8 (28, 28)."""
    # A small picture has pixels that a stroke's edge covers in part, a large one the blur beyond it.
    small = max(ink.shape) <= 2 * BOX
    edge = 0.02 if small else 0.1
    rows, columns = (np.flatnonzero((ink > edge).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), np.uint8)
    tight = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if not small:
        tight = _thickened(tight)
    part = BOX / max(tight.shape)
    height, width = (max(1, round(each * part)) for each in tight.shape)
    if part != 1:
        how = cv2.INTER_AREA if part < 1 else cv2.INTER_CUBIC
        tight = np.clip(cv2.resize(tight, (width, height), interpolation=how), 0, 1)
    moments = cv2.moments(tight)
    if not moments["m00"]:
        return np.zeros((SIDE, SIDE), np.uint8)
    across, down = (moments[each] / moments["m00"] for each in ("m10", "m01"))
    left = min(max(round(CENTRE - across), 0), SIDE - width)
    top = min(max(round(CENTRE - down), 0), SIDE - height)
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = np.rint(tight * 255)
    return image


def _thickened(ink: Ink) -> Ink:
    mask = (ink > 0.5).astype(np.uint8)
    # Within a stroke of width w the mean distance to the ground is w / 4.
    distance = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    width = 4 * float(distance[distance > 0].mean()) - 1 if mask.any() else 1.0
    missing = round(THINNEST * max(ink.shape) - width)
    if missing < 1:
        return ink
    padded = np.pad(ink, missing // 2 + 1)
    return cv2.dilate(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1,) * 2)).astype(np.float32)
