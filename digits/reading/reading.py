"""What was read in an image."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Digit(NamedTuple):
    """A digit that was read.

    digit: 0 to 9, the likeliest
    probability: that it is this digit, 0 to 1
    probabilities: of each digit, float32 (10,)
    box: x, y, width and height in the image's pixels, from its upper left corner
    image: uint8 (28, 28), what the network saw
    """

    digit: int
    probability: float
    probabilities: NDArray[np.float32]
    box: tuple[int, int, int, int]
    image: NDArray[np.uint8]


class Reading(NamedTuple):
    """What was read in an image.

    lines: from top to bottom, each with its words, which are numbers, from left to right, each with its digits
    rejected: what was seen, but is probably no digit, or too uncertain to be read
    """

    lines: list[list[list[Digit]]]
    # A tuple, because all readings share this default.
    rejected: Sequence[Digit] = ()

    @property
    def text(self) -> str:
        """The digits, with a space between words and a newline between lines."""
        return "\n".join(" ".join("".join(str(each.digit) for each in word) for word in line) for line in self.lines)

    @property
    def digits(self) -> list[Digit]:
        """The digits of all lines, in the order of the text."""
        return [each for line in self.lines for word in line for each in word]

    def at_least(self, probability: float) -> "Reading":
        """Return the reading with the digits below ``probability``, 0 to 1, added to those that are rejected."""
        kept = [[[each for each in word if each.probability >= probability] for word in line] for line in self.lines]
        lines = [[word for word in line if word] for line in kept]
        below = [each for each in self.digits if each.probability < probability]
        return Reading([line for line in lines if line], [*self.rejected, *below])
