"""Getting workload tokens from the throw-away issuer, for every part that the demo plays."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from broker.model.principal import Kind
from broker.secret import Secret

TTL_SECONDS: Final = 3600
"""The longest life that the shipped configuration accepts of a workload token."""

AUDIENCE: Final = "jit-broker"
"""What workload tokens must be addressed to, as ``config/issuers.yaml`` declares."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a workload token says its bearer is. A resource server's name is its audience."""

    kind: Kind
    name: str
    tenant: str = ""
    instance: str = ""

    def claims(self) -> dict[str, str | int]:
        """Write it as the issuer's claims; what is empty is left out."""
        said = {"kind": self.kind.value, "tenant": self.tenant, "instance": self.instance}
        return {"sub": self.name, **{name: value for name, value in said.items() if value}}


class Passports:
    """The issuer's counter: it hands a token to whoever knows its secret."""

    def __init__(self, session: aiohttp.ClientSession, *, issuer: str, secret: Secret) -> None:
        self._session = session
        self._issuer = issuer
        self._secret = secret

    async def token(self, identity: Identity, ttl_seconds: int = TTL_SECONDS) -> Secret:
        """Get a token for an identity, addressed to the broker.

        Raises:
            aiohttp.ClientError: the issuer is gone or refuses.
        """
        return await self.shaped("", identity.claims(), ttl_seconds)

    async def shaped(self, realm: str, claims: Mapping[str, object], ttl_seconds: int) -> Secret:
        """Get a token with these claims, of the issuer itself or of a platform that it plays.

        Raises:
            aiohttp.ClientError: the issuer is gone or refuses.
        """
        async with self._session.post(
            f"{self._issuer}/{realm}/token" if realm else f"{self._issuer}/token",
            json={**claims, "aud": AUDIENCE, "ttl_seconds": ttl_seconds},
            headers={"Authorization": f"Bearer {self._secret.reveal()}"},
            raise_for_status=True,
        ) as answer:
            return Secret((await answer.json())["access_token"])


def at_counter(folder: Path, session: aiohttp.ClientSession) -> Passports:
    """Find the issuer whose state is in a folder.

    Raises:
        OSError: no issuer runs there.
    """
    told = json.loads((folder / "issuer.json").read_text(encoding="utf-8"))
    secret = Secret((folder / "secret").read_text(encoding="ascii").strip())
    return Passports(session, issuer=told["issuer"], secret=secret)
