"""The classes of labelled images, and how a picture becomes one of these images."""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from digits.core import params

MOST_CLASSES, LONGEST_NAME = 1000, 100


def check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``names`` of classes. Raises PydanticCustomError, one line, if two are alike, or one cannot be printed."""
    known: dict[str, str] = {}
    for name in names:
        if not name or not name.isprintable() or name != name.strip() or len(name) > LONGEST_NAME:
            reason = f"should be 1 to {LONGEST_NAME} printable characters, without a space at either end"
            raise PydanticCustomError("class", "class {name}: {reason}", {"name": repr(name), "reason": reason})
        # Some systems write a name's accents in another way, or do not tell capitals from small letters.
        alike = unicodedata.normalize("NFC", name).casefold()
        if alike in known:
            both = {"first": repr(known[alike]), "second": repr(name)}
            reason = "classes {first} and {second} differ in case, or in how accents are written, only; rename one"
            raise PydanticCustomError("class", reason, both)
        known[alike] = name
    return names


class Task(BaseModel):
    """The classes of labelled images, and how a picture is converted to an image that a network takes.

    classes: the names of the classes; a label is an index of them
    fit: ``digit``: the bounding box of the ink becomes 20x20 pixels, and its centre of mass the image's centre, as in
        MNIST; or ``resize``: the whole picture becomes the image
    polarity: the ink is ``light`` on dark, ``dark`` on light, or ``auto``: either, as it looks in each picture
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    classes: Annotated[tuple[str, ...], Field(min_length=2, max_length=MOST_CLASSES), AfterValidator(check_names)]
    fit: Literal["digit", "resize"]
    polarity: Literal["auto", "light", "dark"]

    @property
    def are_digits(self) -> bool:
        """Whether these are the ten digits in MNIST's format, which can be found on whole pages, too."""
        return self.classes == DIGITS.classes and self.fit == DIGITS.fit

    @classmethod
    def parse(cls, text: str) -> "Task":
        """Return what ``model_dump_json`` wrote. Raises ValueError, a line that names the key, if it is other text."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ValueError("; ".join(map(params.line, error.errors()))) from None


DIGITS = Task(classes=tuple("0123456789"), fit="digit", polarity="auto")
