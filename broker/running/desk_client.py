"""Asks the desk of the run that this program is a part of. Blocks; for helpers that live briefly.

No proxy of the environment is used and no redirect followed: either would carry the token away.
"""

import http.client
import ipaddress
import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from broker.running.errors import (
    DeskRefusedError,
    DeskUnreachableError,
    NeedIsProxiedError,
    NoCredentialNowError,
    NotAnAwsNeedError,
    NotInARunError,
    RunError,
    UnknownNeedError,
)
from broker.running.source import HeldValues
from broker.secret import Secret

URL: Final = "BROKER_RUN_URL"
TOKEN: Final = "BROKER_RUN_TOKEN"  # noqa: S105 - the name of a variable

MAX_ANSWER_BYTES: Final = 1_048_576

_CLASSES: Final[Mapping[str, type[RunError]]] = {
    "unknown-need": UnknownNeedError,
    "not-aws": NotAnAwsNeedError,
    "need-is-proxied": NeedIsProxiedError,
    "no-credential-now": NoCredentialNowError,
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

    def __init__(self, url: str, token: Secret, *, timeout_seconds: float = 10.0) -> None:
        """Check where the token will be sent.

        Raises:
            NotInARunError: the URL is none of a desk on this machine.
        """
        self._host, self._port = _address(url)
        self._token = token
        self._timeout_seconds = timeout_seconds

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "DeskClient":
        """Find the desk by the variables that the command was given.

        Raises:
            NotInARunError: there are none.
        """
        url, token = environment.get(URL, ""), environment.get(TOKEN, "")
        if not url or not token:
            raise NotInARunError(f"{URL} or {TOKEN} is not set")
        return cls(url, Secret(token))

    def credential(self, need: str) -> HeldValues:
        """Return what a need holds now.

        Raises:
            RunError: the desk does not answer, or has nothing of this name now.
        """
        try:
            said = msgspec.json.decode(self._get("v1/credentials", need), type=_Said)
        except ValueError as error:
            raise DeskRefusedError("what answers is no desk") from error
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
        return Secret(self._get("aws", need).decode())

    def _get(self, folder: str, need: str) -> bytes:
        connection = http.client.HTTPConnection(
            self._host, self._port, timeout=self._timeout_seconds
        )
        headers = {"Authorization": f"Bearer {self._token.reveal()}"}
        try:
            connection.request("GET", f"/{folder}/{quote(need, safe='')}", headers=headers)
            answer = connection.getresponse()
            body = answer.read(MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeskUnreachableError("the desk of this run does not answer") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise _refusal(answer.status, body)
        return body


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotInARunError(f"{URL} is no URL") from None
    if parts.scheme != "http" or port is None or not _is_this_machine(parts.hostname or ""):
        raise NotInARunError(f"{URL} is none of a desk: http://127.0.0.1:PORT")
    return parts.hostname or "", port


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(status: int, body: bytes) -> RunError:
    try:
        said: Any = json.loads(body)
        code, detail = str(said["code"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "", f"the desk answered {status}"
    return _CLASSES.get(code, DeskRefusedError)(detail)
