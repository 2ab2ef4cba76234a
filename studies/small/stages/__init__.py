"""Programs, one for each stage."""

from digits.core import interrupts as interrupts
