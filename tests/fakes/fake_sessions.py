"""Sessions that end at once, as far as the edge can tell."""

from dataclasses import dataclass
from typing import Final

from broker.model.principal import Kind, Principal
from broker.model.requests import Revocation, Selector, SelectorKind
from tests.fakes.orders import Stage
from tests.fakes.records import principal
from tests.fakes.samples import a_revocation

_HER: Final = Selector(SelectorKind.PERSON, "acme/dana")


@dataclass
class FakeSessions:
    """Ending sessions."""

    stage: Stage

    async def by_caller(
        self, caller: Principal, person: str, tenant: str, reason: str, idempotency_key: str
    ) -> Revocation:
        """End."""
        asked = (person, tenant, reason, idempotency_key)
        return await self.stage.play(
            "sessions.by_caller", caller, *asked, answer=a_revocation(_HER)
        )

    async def by_issuer(self, token: str) -> Revocation:
        """Hear."""
        issuer = principal(Kind.RESOURCE, "issuer")
        return await self.stage.play("sessions.by_issuer", issuer, token, answer=a_revocation(_HER))
