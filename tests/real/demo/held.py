"""Credentials as their agents hold them, and whether their targets still take them."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg

from broker.client.results import IssuedCredential
from tests.chaos.world import Witness
from tests.real.aws_lab import keys_of
from tests.real.aws_stage import Stage
from tests.real.vault_lab import is_let_in, login


class Held(Protocol):
    """One credential in use."""

    @property
    def id(self) -> str:
        """Its name in receipts."""
        ...

    @property
    def kind(self) -> str:
        """What it is, for people."""
        ...

    async def tries(self) -> tuple[bool, ...]:
        """Use it in every way there is; tell for each whether the target let it."""
        ...


@dataclass(frozen=True, eq=False)
class HeldToken:
    """A token of the broker's, at a resource server."""

    issued: IssuedCredential = field(repr=False)
    witness: Witness
    kind: str = "JWT"

    @property
    def id(self) -> str:
        """Its name in receipts."""
        return self.issued.id

    async def tries(self) -> tuple[bool, ...]:
        """Ask for orders."""
        return (await self.witness.accepts(self.issued.access_token.reveal()),)


class HeldLogin:
    """A login of the database's, and a session that was opened with it before."""

    kind = "database login"

    def __init__(self, issued: IssuedCredential, port: int) -> None:
        self.id = issued.id
        self._words = {name: word.reveal() for name, word in issued.secret.items()}
        self._port = port
        self._session: psycopg.Connection[Any] | None = None

    async def open(self) -> None:
        """Log in, and stay."""
        self._session = await asyncio.to_thread(login, self._words, self._port)

    async def tries(self) -> tuple[bool, ...]:
        """Go on in the open session, and log in anew."""
        return await asyncio.to_thread(self._both)

    def _both(self) -> tuple[bool, bool]:
        return self._goes_on(), is_let_in(self._words, self._port)

    def _goes_on(self) -> bool:
        if self._session is None:
            return False
        try:
            self._session.execute("SELECT count(*) FROM shop.orders")
        except psycopg.Error:
            return False
        return True

    def close(self) -> None:
        """Leave."""
        if self._session is not None:
            self._session.close()


class HeldSession:
    """A session of an AWS role, at S3."""

    kind = "STS session"

    def __init__(self, issued: IssuedCredential, stage: Stage) -> None:
        self.id = issued.id
        self._keys = keys_of({name: word.reveal() for name, word in issued.secret.items()})
        self._stage = stage

    async def tries(self) -> tuple[bool, ...]:
        """Read the object."""
        return (await asyncio.to_thread(self._stage.may_read, self._keys),)
