"""The `broker` command: the table of its commands, and how each ending becomes an exit code.

A user's mistake is a sentence on standard error, never a traceback.
"""

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from broker.cli import exits
from broker.cli.complaints import Complaints, how_to_mean
from broker.cli.failure import unwritten
from broker.cli.interrupts import obeying
from broker.cli.lazy import Entry, LazyGroup
from broker.errors import (
    BrokerError,
    ConfigurationError,
    InvalidRequestError,
    UnavailableError,
    WouldKillManyError,
)

COMMANDS: Final = {
    "demo": Entry("broker.cli.demo", "demo", "Tell the whole story on this machine, and check it."),
    "dev": Entry("broker.cli.dev", "dev", "Keep a broker for experiments up."),
    "serve": Entry("broker.cli.serve", "serve", "Run a broker."),
    "apply": Entry("broker.cli.publish", "apply", "Check the configuration and publish it."),
    "revisions": Entry("broker.cli.revisions", "revisions", "Look at what was published."),
    "policy": Entry("broker.cli.policy", "policy", "Test, examine and lay out policies."),
    "config": Entry("broker.cli.config", "config", "Look at the configuration."),
    "issuer": Entry("broker.cli.issuer", "issuer", "Try the issuers of workload tokens."),
    "keys": Entry("broker.cli.keys", "keys", "Make, show and rotate signing keys."),
    "task": Entry("broker.cli.tasks", "task", "Open, look at and end tasks."),
    "run": Entry("broker.cli.run", "run_", "Run a command with a task's credentials."),
    "mcp": Entry("broker.cli.mcp", "mcp", "Offer the broker's verbs to an agent by MCP."),
    "session": Entry("broker.cli.sessions", "session", "End the sessions of people."),
    "credential": Entry("broker.cli.credentials", "credential", "Look at a task's credentials."),
    "credential-helper": Entry(
        "broker.cli.helpers", "credential_helper", "Give a tool a credential in its own form."
    ),
    "approval": Entry(
        "broker.cli.approvals", "approval", "Look at what waits for people, and answer it."
    ),
    "agent": Entry("broker.cli.agents", "agent", "Look at agents, stop one, let it go on, end it."),
    "facts": Entry("broker.cli.facts", "facts", "Look at facts and change them."),
    "review": Entry("broker.cli.review", "review", "Put agents before their owners."),
    "revoke": Entry("broker.cli.revoke", "revoke", "Take access away, as an operator."),
    "revocation": Entry("broker.cli.revocations", "revocation", "Look at operators' orders."),
    "cut": Entry("broker.cli.cuts", "cut", "Look at the cuts that stand."),
    "panic": Entry("broker.cli.panic", "panic", "Take access away when nothing else works."),
    "report": Entry(
        "broker.cli.report", "report", "Tell what became of every credential of a task or order."
    ),
    "break-glass": Entry(
        "broker.cli.glass", "break_glass", "Have one declared capability in an emergency."
    ),
    "explain": Entry("broker.cli.explain", "explain", "Tell why a decision fell as it did."),
    "signal": Entry("broker.cli.signals", "signal", "Say that something is odd, as a source."),
    "watch": Entry("broker.cli.watch", "watch", "End the tasks of jobs when these have ended."),
    "behaviour": Entry(
        "broker.cli.behaviour", "behaviour", "Look at what was found odd in what agents do."
    ),
    "audit": Entry("broker.cli.audit", "audit", "Check audit trails."),
    "aws": Entry("broker.cli.aws", "aws", "Prepare AWS accounts."),
    "notify": Entry("broker.cli.notify", "notify", "Look after who is told of what happens."),
    "feed": Entry("broker.cli.feed", "feed", "Look after the feed log."),
    "ledger": Entry("broker.cli.ledger", "ledger", "Look after what is in the ledger."),
    "reconcile": Entry("broker.cli.reconcile", "reconcile", "Compare ledger and targets."),
    "scan": Entry(
        "broker.cli.scan", "scan", "Find long-lived secrets, and what would replace them."
    ),
    "doctor": Entry("broker.cli.doctor", "doctor", "Examine an installation."),
    "help": Entry("broker.cli.help", "help_", "Explain what all commands have in common."),
    "completion": Entry(
        "broker.cli.completion", "completion", "Print a shell's completion script."
    ),
}

EPILOGUE: Final = """\
Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 no broker answered or it gives no
access now, 4 and 5 not as far as --wait asked, 6 partly read, 78 wrong configuration, 130, 141,
143 interrupted. `broker help exit-codes` has all of them.
"""

ROOT: Final = LazyGroup(
    "broker", COMMANDS, "Just-in-time, task-scoped, provably revocable credentials for AI agents."
)
ROOT.epilog = EPILOGUE
click.version_option(package_name="jit-broker")(ROOT)


_QUIET: Final = logging.NullHandler()
"""What is logged besides is no part of an answer, unless `serve` opens its log."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    line = sys.argv[1:] if arguments is None else arguments
    complaints = Complaints(as_json="--json" in _own(line))
    logging.getLogger("broker").addHandler(_QUIET)
    _open_closed_streams()
    with obeying() as heard:
        try:
            code = _run(arguments, complaints)
            return heard.exit_code or _written(code, complaints)
        except BrokenPipeError:
            _write_no_more()
            return exits.BROKEN_PIPE
        except (KeyboardInterrupt, Exception):
            if heard.number:
                return heard.exit_code
            raise


def _own(line: Sequence[str]) -> Sequence[str]:
    """Return the words that are ours: what stands behind ``--`` is a command of somebody else."""
    return line[: line.index("--")] if "--" in line else line


def _written(code: int, complaints: Complaints) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk
        _write_no_more()
        return code or complaints.of_click(unwritten(error))
    return code


def _open_closed_streams() -> None:
    """Put nothing in the place of streams that were closed, so that no file gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - to the end


def _write_no_more() -> None:
    """Let what is buffered go nowhere: the interpreter flushes once more, and would complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str] | None, complaints: Complaints) -> int:
    try:
        result = ROOT.main(arguments, prog_name="broker", standalone_mode=False)
    except click.ClickException as error:
        return complaints.of_click(error)
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except SystemExit:  # click's own answer to a pipe that nobody reads
        return exits.BROKEN_PIPE
    except BrokerError as error:
        return complaints.tell(error, _words_of(error), _code_of(error))
    return result if isinstance(result, int) else exits.OK


def _words_of(error: BrokerError) -> str:
    if isinstance(error, WouldKillManyError):
        return f"{error}\n{how_to_mean(error.digest)}"
    return str(error)


def _code_of(error: BrokerError) -> int:
    if isinstance(error, ConfigurationError):
        return exits.CONFIGURATION
    if isinstance(error, InvalidRequestError):
        return exits.USAGE
    return exits.UNAVAILABLE if isinstance(error, UnavailableError) else exits.REFUSED
