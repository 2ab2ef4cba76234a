"""Grey levels into ink: which pixels belong to strokes, and how strongly."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.decoding import Grey
from digits.reading.mnist_format import Ink
from digits.reading.pieces import CUT_OUT, FAINT, Box, components, ink_threshold

# A picture nearly all of whose margin is within so many grey levels of one has that for its ground.
EVEN = 1
# The background of such an image may be uneven by this many grey levels.
UNEVEN = 12
# Noise of no greater standard deviation, in grey levels, is none.
QUIET = 1
# A picture with a shorter side is no photograph of paper: its only digit may fill it from margin to margin.
SMALL = 100
# A picture with no more large pieces, strokes or what lies between them, is of a digit or two with wide strokes.
FEW = 8


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
    largest = _largest(components(ink)[2]) / ink.size if min(ink.shape) >= SMALL else 0
    if largest > (0.4 if cut_out else 0.2):
        others = [(other, False) for other in _find_inks_on_uneven_ground(grey)]
        if largest > 0.4 and 0 < _largest(components(others[0][0])[2]) < largest / 4 * ink.size:
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
        components(_without_rules(_against(small, ground, dark=bool(number))))[2]
        for number, ground in enumerate(grounds)
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
    threshold = ink_threshold(ink)
    return np.asarray(np.clip((ink - threshold) / (1 - threshold), 0, 1), np.float32)


def _largest(boxes: Sequence[Box]) -> int:
    """Return the pixels of the largest of ``boxes``, 0 where there is none."""
    return max((box.width * box.height for box in boxes), default=0)


def is_noise(grey: Grey) -> bool:
    """Return whether neighbouring pixels have next to nothing in common."""
    levels = grey.astype(np.float32)
    if min(grey.shape) == 1 or not (variance := float(levels.var())):
        return False
    # Of independent pixels each mean is twice the variance; of the thinnest pen's strokes no half of that.
    steps = sum(float((np.diff(levels, axis=axis) ** 2).mean()) for axis in (0, 1))
    return steps > 3 * variance


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
    mask = (ink > faint * ink_threshold(ink)).astype(np.uint8)
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
