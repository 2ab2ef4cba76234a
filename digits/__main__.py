"""The program ``digits``, or ``python -m digits``."""

from digits.core.errors import start_program


def command() -> None:
    """Run the command line as a program."""
    start_program()
    # Only now, because what it imports takes a while.
    from digits import command_line

    command_line.command()


if __name__ == "__main__":
    command()
