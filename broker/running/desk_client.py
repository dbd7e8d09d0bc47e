"""Asks the desk of the run that this program is a part of, with the errors of a run. Blocks.

Who speaks to it, and how, is :mod:`broker.shapes.desk`, which helpers use that live briefly.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from broker.errors import InvalidRequestError
from broker.running.errors import (
    DeskRefusedError,
    DeskUnreachableError,
    NeedIsProxiedError,
    NoCredentialNowError,
    NotAnAwsNeedError,
    NotInARunError,
    RunError,
    UnknownNeedError,
    VerbNotDoneError,
)
from broker.running.source import HeldValues
from broker.secret import Secret
from broker.shapes import desk
from broker.strict_json import loads

T = TypeVar("T")

MAX_ANSWER_BYTES: Final = 262_144

_CLASSES: Final[Mapping[str, type[RunError]]] = {
    "unknown-need": UnknownNeedError,
    "not-aws": NotAnAwsNeedError,
    "need-is-proxied": NeedIsProxiedError,
    "no-credential-now": NoCredentialNowError,
    "refused": VerbNotDoneError,
}


class _Said(msgspec.Struct, frozen=True):
    """What the desk says of a credential."""

    name: str
    capability: str
    kind: str
    credential_id: str
    expires_at: datetime
    values: dict[str, str]


class DeskClient:
    """One desk, by its URL and token."""

    def __init__(
        self, url: str, token: Secret, *, timeout_seconds: float = desk.WITHIN_SECONDS
    ) -> None:
        """Check where the token will be sent.

        Raises:
            NotInARunError: the URL is none of a desk on this machine.
        """
        self._desk = _found({desk.URL: url, desk.TOKEN: token.reveal()})
        self._timeout_seconds = timeout_seconds

    @classmethod
    def of_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        *,
        timeout_seconds: float = desk.WITHIN_SECONDS,
    ) -> "DeskClient":
        """Find the desk by the variables that the command was given.

        Raises:
            NotInARunError: there are none.
        """
        url, token = environment.get(desk.URL, ""), environment.get(desk.TOKEN, "")
        return cls(url, Secret(token), timeout_seconds=timeout_seconds)

    def credential(self, need: str) -> HeldValues:
        """Return what a need holds now.

        Raises:
            RunError: the desk does not answer, or has nothing of this name now.
        """
        said = _read(self._of_need(need, "/v1/credentials"), _Said)
        return HeldValues(
            name=said.name,
            capability=said.capability,
            kind=said.kind,
            credential_id=said.credential_id,
            expires_at=said.expires_at,
            values={name: Secret(word) for name, word in said.values.items()},
        )

    def aws(self, need: str) -> Secret:
        """Return the document that AWS's tools take from a container's endpoint.

        Raises:
            RunError: as :meth:`credential`; also when the need is no session of AWS.
        """
        return Secret(self._of_need(need, "/aws").decode())

    def verb(self, name: str, members: Mapping[str, object], kind: type[T]) -> T:
        """Have the run do one of the agent's verbs, and return what came of it.

        Raises:
            VerbNotDoneError: it was refused; the text is for the agent.
            RunError: the desk does not answer, or not now.
        """
        body = msgspec.json.encode(members)
        return _read(self._asked(f"/v1/verbs/{name}", name, body), kind)

    def _of_need(self, need: str, folder: str) -> bytes:
        try:
            path = desk.credential_path(need, folder)
        except desk.DeskRefusedError as error:
            raise UnknownNeedError(str(error)) from error
        return self._asked(path, repr(need), None)

    def _asked(self, path: str, what: str, body: bytes | None) -> bytes:
        try:
            return self._desk.ask(path, what, body, self._timeout_seconds)
        except (desk.DeskRefusedError, desk.DeskAwayError) as error:
            is_away = isinstance(error, desk.DeskAwayError) and not error.code
            usual = DeskUnreachableError if is_away else DeskRefusedError
            kind = _CLASSES.get(error.code, usual)
            raise kind(error.detail or str(error)) from error


def _found(environment: Mapping[str, str]) -> desk.Desk:
    try:
        return desk.desk_of(environment)
    except desk.NoRunError as error:
        raise NotInARunError(str(error)) from error


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.convert(loads(body, max_bytes=MAX_ANSWER_BYTES), kind)
    except (InvalidRequestError, msgspec.ValidationError):
        pass  # what it said is not shown, not even as a cause: it may hold the secret
    raise DeskRefusedError("what answers is no desk")
