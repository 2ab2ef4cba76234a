"""Separate ink from its background: which pixels belong to strokes, and how strongly."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digits.reading.decoding import Grey
from digits.reading.mnist_format import Ink
from digits.reading.pieces import CUT_OUT, FAINT, Box, components, ink_threshold

# If nearly all of an image's margin is within this many grey levels of one level, that is its background.
EVEN = 1
# The background of such an image may be uneven by this many grey levels.
UNEVEN = 12
# Noise of at most this standard deviation, in grey levels, is ignored.
QUIET = 1
# An image with a shorter side is not a photograph of paper: its only digit may fill it from edge to edge.
SMALL = 100
# An image with at most this many large pieces shows one or two digits with wide strokes.
FEW = 8


def find_inks(grey: Grey) -> list[tuple[Ink, bool]]:
    """Return, for each interpretation of the image, the likeliest first, the ink of each pixel, float32 (H, W), and
    whether the background is plain, as in a drawing or a clean scan.

    Ink is 0 at the background's level and 1 at black or, if the ink is light, at white.
    """
    margin = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    middle = np.uint8(np.median(margin))
    cut_out = max(grey.shape) <= CUT_OUT
    noise = _noise(grey) if cut_out else 0.0
    # A stroke or a ruled line may cross the margin, or neighbouring digits may touch it.
    spread, part = max(EVEN, min(3 * noise, UNEVEN)), 0.6 if cut_out else 0.8
    if (cv2.absdiff(margin, np.full_like(margin, middle)) <= spread).mean() <= part:
        return [(ink, False) for ink in _find_inks_on_uneven_ground(grey)]
    ground = np.full_like(grey, middle)
    noisy = noise > QUIET
    raw = _against(_denoised(grey) if noisy else grey, ground, dark=_is_dark(grey, ground), grained=noisy)
    ink = _without_rules(raw, FAINT)
    ways = [(ink, ink is raw and not noisy)]
    # A piece that fills the image is one large digit, or a sheet on a plain table: then there is small ink on it.
    largest = _largest(components(ink)[2]) / ink.size if min(ink.shape) >= SMALL else 0
    if largest > (0.4 if cut_out else 0.2):
        others = [(other, False) for other in _find_inks_on_uneven_ground(grey)]
        if largest > 0.4 and 0 < _largest(components(others[0][0])[2]) < largest / 4 * ink.size:
            return others
        if not cut_out:
            ways += others
    return ways


def _find_inks_on_uneven_ground(grey: Grey) -> list[Ink]:
    # Uneven light, a shadow's edge, a table around the paper: a disk wider than a stroke finds the local background.
    grey = _denoised(grey)
    part = min(1.0, 400 / max(grey.shape))
    size = [max(1, round(each * part)) for each in grey.shape[::-1]]
    small: NDArray[Any] = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    radius = max(2, round(0.1 * min(small.shape)))
    # The margin continues beyond the image, so that a strip of table is not taken for a stroke.
    padded = cv2.copyMakeBorder(small, *(2 * radius,) * 4, borderType=cv2.BORDER_REPLICATE)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    grounds: list[NDArray[Any]] = [
        cv2.morphologyEx(padded, how, disk)[2 * radius : -2 * radius, 2 * radius : -2 * radius]
        for how in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE)
    ]
    # Against the wrong background, everything between the strokes stands out as one piece.
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
            # Otherwise the edge of a table, found at a smaller scale, would leave a seam.
            seam = np.ones((2 * round(1 / part) + 1,) * 2, np.uint8)
            ground = (cv2.erode if dark else cv2.dilate)(ground, seam)
        inks.append(_without_rules(_against(grey, np.asarray(ground, np.uint8), dark=dark)))
    return inks if len(inks) == 1 else [*inks, *map(_without_pale, inks)]


def _without_pale(ink: Ink) -> Ink:
    threshold = ink_threshold(ink)
    return np.asarray(np.clip((ink - threshold) / (1 - threshold), 0, 1), np.float32)


def _largest(boxes: Sequence[Box]) -> int:
    """Return the area of the largest of ``boxes`` in pixels, 0 if there is none."""
    return max((box.width * box.height for box in boxes), default=0)


def is_noise(grey: Grey) -> bool:
    """Return whether neighbouring pixels are almost independent."""
    levels = grey.astype(np.float32)
    if min(grey.shape) == 1 or not (variance := float(levels.var())):
        return False
    # For independent pixels each mean is twice the variance; for the thinnest strokes, less than half of that.
    steps = sum(float((np.diff(levels, axis=axis) ** 2).mean()) for axis in (0, 1))
    return steps > 3 * variance


def _noise(grey: Grey) -> float:
    """Return the standard deviation of the noise, in grey levels."""
    return 1.48 * float(np.median(cv2.absdiff(grey, cv2.medianBlur(grey, 3))))


def _denoised(grey: Grey) -> Grey:
    noise = _noise(grey)
    return cv2.GaussianBlur(grey, (0, 0), min(2.0, 0.5 + noise / 8)).astype(np.uint8) if noise > QUIET else grey


def _is_dark(grey: Grey, ground: Grey) -> bool:
    """Return whether the ink is darker than the background: the few pixels far from the background are ink."""
    away = grey.astype(np.float32) - ground
    return float((away * away * away).sum()) <= 0


def _has_dark_strokes(grey: Grey, widths: Sequence[float]) -> bool:
    """Return whether lines about twice as wide as one of ``widths``, in pixels, are darker than their surroundings.

    The edges of shadows and tables do not count: the curvature across a line is strong on one side of zero, that across
    an edge on both.
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
        # On a grainy or noisy background, the level found is its lightest.
        grain = max(0.0, float(np.median(distance)))
        distance = np.where(distance > 2.5 * grain, distance - grain, 0)
        # In deep shadow or on a dark table, dividing by nearly nothing would turn noise into ink.
        least = max(least, 0.3 * float(np.percentile(whole[::8, ::8], 90)))
    return np.clip(distance / np.maximum(whole, least), 0, 1)


def _without_rules(ink: Ink, faint: float = 1) -> Ink:
    """Remove the lines of ruled and squared paper, which run from edge to edge, and repair the strokes."""
    height, width = ink.shape
    if min(height, width) < SMALL:
        return ink
    mask = (ink > faint * ink_threshold(ink)).astype(np.uint8)
    # Wide strokes are not ruled lines.
    wide = max(5, round(0.015 * max(height, width)))
    mask[cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8)) > 0] = 0
    rules = np.zeros_like(mask)
    for angle, length in ((np.pi / 2, width), (0.0, height)):
        lines = _lines(mask, angle, 0.5 * length)
        # Fewer lines may be strokes, unless they are longer than any stroke.
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
    # A stroke that crosses a paler line stays.
    rules[ink > 1.4 * np.median(ink[rules > 0])] = 0
    levels = np.rint(ink * 255).astype(np.uint8)
    return cv2.inpaint(levels, rules, 3, cv2.INPAINT_TELEA).astype(np.float32) / np.float32(255)


def _lines(mask: NDArray[np.uint8], angle: float, votes: float) -> NDArray[np.float32]:
    """Return lines, (N, 2): distance from the corner and angle, near ``angle`` and on ``votes`` pixels of ``mask``."""
    found = cv2.HoughLines(mask, 1, np.pi / 720, round(votes), min_theta=max(0, angle - 0.2), max_theta=angle + 0.2)
    return np.empty((0, 2), np.float32) if found is None else np.asarray(found[:, 0], np.float32)
