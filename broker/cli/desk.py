"""What every command that talks to a broker has: where it is, who calls, how to print answers."""

import functools
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import aiohttp
import click
import msgspec
from rich.console import RenderableType

from broker.cli.caller import Caller, caller_options
from broker.cli.complaints import how_to_mean
from broker.cli.failure import CommandFailedError, NoAccessNowError
from broker.cli.interrupts import run
from broker.cli.screen import Document, Screen
from broker.client.api import BrokerClient
from broker.client.api_errors import (
    AccessRefusedError,
    ApiError,
    BrokerUnavailableError,
    ChangeRejectedError,
    WouldKillManyError,
)
from broker.client.certificate_errors import (
    CertificateDoubtedError,
    CertificateRefusedError,
    CertificateSourceError,
)
from broker.client.endpoint import open_session
from broker.client.errors import (
    BrokerUnreachableError,
    ClientError,
    TokenSourceError,
)
from broker.secret import Secret

P = ParamSpec("P")
T = TypeVar("T")

Ask = Callable[[BrokerClient], Awaitable[T]]

_IF_ANY: Final = "open_break_glass"


@dataclass(frozen=True, slots=True)
class Desk:
    """One broker, one caller, one screen."""

    url: str
    caller: Caller
    screen: Screen
    timeout_seconds: float = 10.0
    """How long one request may take."""

    def ask(self, question: Ask[T]) -> T:
        """Call the broker.

        Raises:
            CommandFailedError: it refused, or did not answer.
        """
        try:
            return run(self._ask(question))
        except ClientError as error:
            raise _kind_of(error)(sentence(error, self.url, self.caller)) from error

    def answer(self, question: Ask[object], view: Callable[[Document], RenderableType]) -> None:
        """Call the broker and print what it answers."""
        self.print(self.ask(question), view)

    def print(self, answer: object, view: Callable[[Document], RenderableType]) -> None:
        """Print an answer."""
        self.screen.answer(document(answer), view)

    async def _ask(self, question: Ask[T]) -> T:
        async with open_session() as session:
            try:
                client = self.caller.client(self.url, session, self.timeout_seconds)
            except ValueError as error:
                raise click.UsageError(f"--broker {self.url!r}: {error}") from error
            return await question(client)


def sentence(error: ClientError, url: str, caller: Caller) -> str:
    """Say what went wrong between a caller and the broker, and which option to look at."""
    match error:
        case CertificateSourceError() | CertificateRefusedError() | CertificateDoubtedError():
            return f"{error}.\n{error.remedy}"
        case TokenSourceError():
            return _without_token(getattr(error.__cause__, "filename", None), caller)
        case BrokerUnreachableError():
            return _unreachable(url, error.__cause__)
        case AccessRefusedError(decision=decision) if decision:
            return f"{error}\nAn operator can see why: broker explain {decision}"
        case _:
            return _told(error)


def _without_token(file: str | None, caller: Caller) -> str:
    is_own = file is None or file == str(caller.token)
    option = "--token-file" if is_own else "the option that names it"
    return f"No workload token can be read from {file or caller.token}: check {option}."


def _told(error: ClientError) -> str:
    match error:
        case ChangeRejectedError(problem=problem) if problem.faults:
            return "\n".join(f"{each.field}: {each.detail}" for each in problem.faults)
        case WouldKillManyError(problem=problem):
            return f"{error}\n{how_to_mean(problem.digest)}"
        case ApiError(problem=problem) if problem.field:
            return f"{error} (field {problem.field})"
        case _:
            return str(error)


def _unreachable(url: str, cause: BaseException | None) -> str:
    match cause:
        case aiohttp.ClientConnectorCertificateError():
            why = f"The TLS certificate at {url} is not trusted: {cause}"
            return f"{why}\nGive the authority that signed it as --ca-file."
        case aiohttp.ClientSSLError():
            return f"What answers at {url} speaks no TLS: check the scheme in --broker."
        case _:
            return f"No broker answers at {url}: check --broker, or try again later."


def at_desk(command: Callable[Concatenate[Desk, P], None]) -> Callable[..., None]:
    """Give a command the options of the desk, and the desk itself as its first argument."""

    @click.option("--broker", "url", envvar="BROKER_URL", required=True, help="The broker's URL.")
    @caller_options
    @click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
    @functools.wraps(command)
    def with_desk(*args: Any, url: str, caller: Caller, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - the command's own
        screen = Screen(sys.stdout, as_json=as_json)
        command(Desk(url, caller, screen), *args, **options)

    return with_desk


def document(answer: object) -> Document:
    """Turn a typed answer into the API's own JSON; instants with milliseconds, as it sends them."""
    plain = msgspec.to_builtins(answer, builtin_types=(datetime,), enc_hook=_reveal)
    read: Document = json.loads(json.dumps(plain, default=_instant))
    _leave_out(read)
    return read


def _leave_out(read: object) -> None:
    """Take out, wherever it stands, what the API sends only where there is some."""
    if isinstance(read, dict):
        if read.get(_IF_ANY) == []:
            del read[_IF_ANY]
        read = list(read.values())
    for value in read if isinstance(read, list) else ():
        _leave_out(value)


def _reveal(value: object) -> object:
    """Deliver a secret to whoever ran the command: the answer was for them."""
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"an answer has no {type(value).__name__}")


def _instant(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kind_of(error: ClientError) -> type[CommandFailedError]:
    if isinstance(error, CertificateRefusedError):
        return CommandFailedError
    is_passing = isinstance(error, (BrokerUnreachableError, BrokerUnavailableError))
    return NoAccessNowError if is_passing else CommandFailedError
