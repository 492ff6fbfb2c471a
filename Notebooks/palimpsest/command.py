"""Calls the command `palimpsest`."""

import subprocess

from palimpsest.errors import PalimpsestError

EXECUTABLE = "palimpsest"


class CommandError(PalimpsestError):
    """The command has ended with a status other than 0; the text is its own line.

    Attributes:
        status: the exit status. 1 means that the answer is no: an account that does not balance.
        output: what it printed until then.
    """

    def __init__(self, status: int, output: str, message: str):
        super().__init__(message or f"palimpsest ended with status {status}")
        self.status, self.output = status, output


def run(*arguments: object, executable: str = EXECUTABLE) -> str:
    """Runs `palimpsest` with these arguments and returns what it prints.

    Raises:
        CommandError: where its exit status is not 0.
    """
    command = [executable, *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PalimpsestError(
            f"{executable}: no such command; build it with "
            "`swift build -c release --product palimpsest` and add its folder to PATH"
        ) from None
    if done.returncode != 0:
        raise CommandError(done.returncode, done.stdout, done.stderr.strip())
    return done.stdout
