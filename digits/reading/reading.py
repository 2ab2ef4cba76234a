"""What was read in an image."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.core.task import DIGITS


class Digit(NamedTuple):
    """A digit, or another symbol, that was read.

    digit: 0 to 9, the likeliest; of other symbols, the place of its class in ``classes``
    probability: that it is this digit, 0 to 1
    probabilities: of each class, float32 (classes,)
    box: x, y, width and height in the image's pixels, from its upper left corner
    image: uint8 (28, 28), what MNIST's network saw; all 0 if it was not asked, because this is probably no digit
    classes: the names of the classes, if the network tells other symbols than digits apart
    sign: what is written between it and the next digit of its line, such as a point, if anything is
    """

    digit: int
    probability: float
    probabilities: NDArray[np.float32]
    box: tuple[int, int, int, int]
    image: NDArray[np.uint8]
    classes: tuple[str, ...] = DIGITS.classes
    sign: str = ""

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
        probabilities = [round(float(probability), 4) for probability in self.probabilities]
        return {**content, "probabilities": probabilities, "image": b64encode(self.image.tobytes()).decode()}


class Sign(NamedTuple):
    """A sign between two digits: its name, and its x, y, width and height in the image's pixels."""

    name: str
    box: tuple[int, int, int, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the sign for JSON."""
        return {"sign": self.name, "box": list(self.box)}


class Reading(NamedTuple):
    """What was read in an image.

    lines: from top to bottom, each with its words, which are numbers, from left to right, each with its digits
    rejected: what was seen, but is probably no digit, or too uncertain to be read
    signs: those between the digits of a line
    turned: by how many degrees the image was turned to the left to be read, because it made no sense as it is
    """

    lines: list[list[list[Digit]]]
    # A tuple, because all readings share this default.
    rejected: Sequence[Digit] = ()
    signs: Sequence[Sign] = ()
    turned: int = 0

    @property
    def text(self) -> str:
        """The digits, with a space between words and a newline between lines."""
        return "\n".join(" ".join("".join(digit.name for digit in word) for word in line) for line in self.lines)

    @property
    def text_with_signs(self) -> str:
        """The text with the signs where they stand: 12.50 instead of 12 50."""
        words = [[("".join(digit.name for digit in word), word[-1].sign) for word in line] for line in self.lines]
        return "\n".join("".join(text + (sign or " ") for text, sign in line).rstrip() for line in words)

    @property
    def digits(self) -> list[Digit]:
        """The digits of all lines, in the order of the text."""
        return [digit for line in self.lines for word in line for digit in word]

    def as_dict(self, *, details: bool = False) -> dict[str, Any]:
        """Return the reading for JSON: its text, its lines of words of digits, and what was rejected."""
        lines = [[[digit.as_dict(details=details) for digit in word] for word in line] for line in self.lines]
        rejected = [digit.as_dict(details=details) for digit in self.rejected]
        rejected += [sign.as_dict() for sign in self.signs]
        turned = {"turned": self.turned} if self.turned else {}
        return {"text": self.text, **turned, "lines": lines, "rejected": rejected}

    def at_least(self, probability: float) -> "Reading":
        """Return the reading with the digits below ``probability``, 0 to 1, added to those that are rejected."""
        kept = [[[digit for digit in word if digit.probability >= probability] for word in line] for line in self.lines]
        lines = [[word for word in line if word] for line in kept]
        below = [digit for digit in self.digits if digit.probability < probability]
        return Reading([line for line in lines if line], [*self.rejected, *below], self.signs, self.turned)
