"""What was read in an image."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.core.symbols import DIGITS


class Digit(NamedTuple):
    """A digit, or another symbol, that was read.

    digit: 0 to 9, the likeliest; of other symbols, the place of its class in ``classes``
    probability: that it is this digit, 0 to 1
    probabilities: of each class, float32 (classes,)
    box: x, y, width and height in the image's pixels, from its upper left corner
    image: uint8 (28, 28), what MNIST's network saw; all 0 if it was not asked, because this is probably no digit
    classes: the names of the classes, if the network tells other symbols than digits apart
    """

    digit: int
    probability: float
    probabilities: NDArray[np.float32]
    box: tuple[int, int, int, int]
    image: NDArray[np.uint8]
    classes: tuple[str, ...] = DIGITS.classes

    @property
    def name(self) -> str:
        """What the digit's class is called."""
        return self.classes[self.digit]

    def as_dict(self, *, details: bool = False) -> dict[str, Any]:
        """Return the digit for JSON, with ``details`` its probabilities, and its image as the Base64 of 784 bytes."""
        digits = self.classes == DIGITS.classes
        named = {"digit": self.digit} if digits else {"class": self.name}
        content = {**named, "probability": round(self.probability, 4), "box": list(self.box)}
        if not details:
            return content
        if not digits:
            content["classes"] = list(self.classes)
        probabilities = [round(float(each), 4) for each in self.probabilities]
        return {**content, "probabilities": probabilities, "image": b64encode(self.image.tobytes()).decode()}


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
        return "\n".join(" ".join("".join(each.name for each in word) for word in line) for line in self.lines)

    @property
    def digits(self) -> list[Digit]:
        """The digits of all lines, in the order of the text."""
        return [each for line in self.lines for word in line for each in word]

    def as_dict(self, *, details: bool = False) -> dict[str, Any]:
        """Return the reading for JSON: its text, its lines of words of digits, and what was rejected."""
        lines = [[[each.as_dict(details=details) for each in word] for word in line] for line in self.lines]
        rejected = [each.as_dict(details=details) for each in self.rejected]
        return {"text": self.text, "lines": lines, "rejected": rejected}

    def at_least(self, probability: float) -> "Reading":
        """Return the reading with the digits below ``probability``, 0 to 1, added to those that are rejected."""
        kept = [[[each for each in word if each.probability >= probability] for word in line] for line in self.lines]
        lines = [[word for word in line if word] for line in kept]
        below = [each for each in self.digits if each.probability < probability]
        return Reading([line for line in lines if line], [*self.rejected, *below])
