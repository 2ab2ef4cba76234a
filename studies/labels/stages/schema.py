"""The parameters of a label audit."""

from typing import Annotated

from pydantic import Field

from digits.core.params import Params, Section


class Labels(Section):
    """How many images the gallery shows."""

    shown: Annotated[int, Field(ge=1, le=200)]


class LabelsParams(Params):
    """The root's sections and the section of this study."""

    labels: Labels
