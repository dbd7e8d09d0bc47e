"""Getting workload tokens from the throw-away issuer, for every part that the demo plays."""

from dataclasses import dataclass
from typing import Final

import aiohttp

from broker.model.principal import Kind
from broker.secret import Secret

TTL_SECONDS: Final = 3600


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

    def __init__(
        self, session: aiohttp.ClientSession, *, issuer: str, secret: Secret, audience: str
    ) -> None:
        self._session = session
        self._url = f"{issuer}/token"
        self._secret = secret
        self._audience = audience

    async def token(self, identity: Identity, ttl_seconds: int = TTL_SECONDS) -> Secret:
        """Get a token for an identity, addressed to the broker.

        Raises:
            aiohttp.ClientError: the issuer is gone or refuses.
        """
        async with self._session.post(
            self._url,
            json=identity.claims() | {"aud": self._audience, "ttl_seconds": ttl_seconds},
            headers={"Authorization": f"Bearer {self._secret.reveal()}"},
            raise_for_status=True,
        ) as answer:
            return Secret((await answer.json())["access_token"])
