"""The routes of sessions. What they raise: :mod:`broker.client.api_errors`, ``.errors``."""

from broker.client import route
from broker.client.results import Revocation
from broker.client.transport import Call, Transport, ensure_id
from broker.ids import parse_revocation_id


class SessionCalls:
    """End what a person has had done. For people, and for operators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def end(
        self, *, person: str = "", tenant: str = "", reason: str = "", idempotency_key: str = ""
    ) -> Revocation:
        """End a session: every task that was opened in it, and whatever is below.

        Args:
            person: an operator names whose sessions end, all of them; a person, who ends her own,
                names nobody.
            tenant: in which tenant, for operators.
            reason: why, for the audit trail.
            idempotency_key: made when it is not given.
        """
        members = route.body(person=person, tenant=tenant, reason=reason)
        key = idempotency_key or route.new_idempotency_key()
        call = Call("POST", ("v1", "sessions", "end"), json=members, idempotency_key=key)
        return ensure_id(await self._transport.fetch(call, Revocation), parse_revocation_id)
