"""A command that ends badly for a reason that its user can act on."""

from typing import IO, Any

import click

from broker.cli import exits
from broker.terminal import shown


class CommandFailedError(click.ClickException):
    """Printed as one sentence on standard error; ends the command with :data:`exits.REFUSED`."""

    exit_code = exits.REFUSED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence; what a server said in it stays harmless text."""
        lines = [shown(line) for line in self.message.splitlines()]
        click.echo("\n".join(lines), file=file, err=file is None)


def unwritten(error: OSError) -> CommandFailedError:
    """Return what is said when the answer could not be written: what was asked for is done."""
    return CommandFailedError(f"It was done, but its answer cannot be written: {error.strerror}")


class NoAccessNowError(CommandFailedError):
    """No broker answered, or it gives no access now: the same command may work later."""

    exit_code = exits.UNAVAILABLE
