"""Programs, one for each kind of stage."""

from digits.core.errors import start_program

start_program()
