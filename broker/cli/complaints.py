"""How a command says that it failed: a sentence for people, a document for programs.

Either goes to standard error; standard output stays clean for whatever reads it.
"""

import json
import sys
from dataclasses import dataclass

import click

from broker.errors import BrokerError, ConfigurationError, InvalidRequestError, WouldKillManyError
from broker.terminal import shown

_TOLD = ("code", "status", "field", "decision", "grown", "shrunk", "deaths", "unsure", "digest")


@dataclass(frozen=True, slots=True)
class Complaints:
    """Tells of failures."""

    as_json: bool

    def of_click(self, error: click.ClickException) -> int:
        """Tell of a failure that a command raised; return its exit code."""
        if not self.as_json:
            error.show()
            return error.exit_code
        members = _problem(error.__cause__) if error.__cause__ else {}
        return self._document(error.format_message(), error.exit_code, members)

    def tell(self, error: BrokerError, message: str, exit_code: int) -> int:
        """Tell of an error of the broker's own; return its exit code."""
        field = error.field if isinstance(error, InvalidRequestError) else ""
        if not self.as_json:
            text = f"{message} (field {field})" if field else message
            click.echo("\n".join(shown(line) for line in text.splitlines()), file=sys.stderr)
            return exit_code
        members = {"code": error.code} | ({"field": field} if field else {})
        return self._document(message, exit_code, members | _faults(error))

    def _document(self, message: str, exit_code: int, members: dict[str, object]) -> int:
        told = {"message": message, "exit_code": exit_code, **members}
        click.echo(json.dumps({"error": told}, indent=2), file=sys.stderr)
        return exit_code


def how_to_mean(digest: str) -> str:
    """Say what to do who means what the brake has stopped, where nobody can be asked."""
    return f"Where they are meant, say so: the same command with --accept {digest}"


def _problem(cause: BaseException) -> dict[str, object]:
    """Return what the broker's problem says, where there is one."""
    problem = getattr(cause, "problem", None)
    found = {name: getattr(problem, name, None) for name in _TOLD}
    faults = getattr(problem, "faults", ())
    found["faults"] = [{"field": each.field, "detail": each.detail} for each in faults]
    return {name: value for name, value in found.items() if value}


def _faults(error: BrokerError) -> dict[str, object]:
    if isinstance(error, WouldKillManyError):
        return {"deaths": error.deaths, "unsure": error.unsure, "digest": error.digest}
    if not isinstance(error, ConfigurationError) or not error.faults:
        return {}
    names = ("file", "line", "key", "message", "remedy")
    return {"faults": [{name: getattr(fault, name) for name in names} for fault in error.faults]}
