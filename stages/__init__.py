"""Programs, one for each stage."""

from digits.core.errors import start_program

start_program()
