"""The end of a person's sessions: everything that she has had done in them ends.

    keep the order ─ cut in every bucket (dead from here on) ─ note where it stands ─ clean up

- It is an order like an operator's, of a kind of its own: kept first, carried out by whoever lives,
  acknowledged when its cut stands in every bucket, and told in reports and the trail.
- A session that has ended opens nothing any more, whoever still holds its token.
- Taking away needs no policy, no facts and no keys of ours. Who says so has to be herself, an
  operator of her tenant, or her issuer, whose word is verified as all evidence is.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from broker.attestation.logout import LoggedOut
from broker.errors import (
    AccessDeniedError,
    AttestationError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
)
from broker.faultpoints import FaultPoints
from broker.idempotency import repeatable
from broker.ids import RevocationId
from broker.model.lender import person_name, session_name, subject_name
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.model.requests import Revocation, Selector, SelectorKind
from broker.ownership import is_operator_of
from broker.revocation import Revocations
from broker.store.ledger import Ledger
from broker.store.revocation_ledger import Order

AT_ISSUER: Final = "the session has ended at its issuer"

Verify = Callable[[str], Awaitable[LoggedOut]]
"""Verifies a logout token, or raises AttestationError."""


class SessionEnds:
    """Ends sessions. ``verify`` is the attestation's."""

    def __init__(
        self, verify: Verify, revocations: Revocations, ledger: Ledger, faults: FaultPoints
    ) -> None:
        self._verify = verify
        self._revocations = revocations
        self._orders = ledger.orders
        self._ids = ledger.ids
        self._buckets = len(ledger.keys.buckets)
        self._faults = faults

    async def by_issuer(self, token: str) -> Revocation:
        """End what an issuer says has ended.

        The same token again goes on with its order while that is not carried out, and is refused
        as replayed from then on.

        Raises:
            InvalidRequestError: it is no logout token of a trusted issuer, or has been used.
            KeySetUnavailableError: nobody can say now.
        """
        said = await self._accepted(token)
        name = self._named(said.evidence)
        if await self._orders.is_kept(name) and (await self._shown(name)).is_acknowledged:
            raise _refused()
        selector = _of_issuer(said)
        by = f"issuer:{said.issuer}"
        return await self._carried_out(
            Order(name, selector, (ALL_TENANTS,), AT_ISSUER, by, digest="")
        )

    async def _accepted(self, token: str) -> LoggedOut:
        try:
            return await self._verify(token)
        except AttestationError as error:
            if error.code != AttestationError.code:
                raise  # its keys are not to be had
            raise _refused() from error

    async def by_caller(
        self, caller: Principal, person: str, tenant: str, reason: str, idempotency_key: str
    ) -> Revocation:
        """End the caller's own session; or, for an operator, all that a person has had done.

        The same request under the same key is one order.

        Raises:
            AccessDeniedError: the caller is neither a person nor an operator.
            InvalidRequestError: a person names anybody, or an operator nobody.
            NotFoundError: the tenant is none of the operator's.
            IdempotencyConflictError: the key was used for another end.
        """
        selector, tenants = _of_caller(caller, person, tenant)
        same = repeatable(caller, "sessions", idempotency_key, (selector, reason))
        name = self._named(same.key) if same.key else self._ids.revocation(self._ids.any_bucket())
        order = Order(name, selector, tuple(tenants), reason, caller.ref, same.digest)
        return await self._carried_out(order)

    async def _carried_out(self, order: Order) -> Revocation:
        kept = await self._orders.put(order)
        if kept.digest != order.digest:
            raise IdempotencyConflictError(
                "the idempotency key was used for another end", field="Idempotency-Key"
            )
        self._faults.reach("session.kept")
        await self._revocations.carry_out(kept)
        self._faults.reach("session.noted")
        return await self._shown(kept.id)

    async def _shown(self, name: RevocationId) -> Revocation:
        return await self._revocations.told(*await self._orders.find(name))

    def _named(self, of: str) -> RevocationId:
        """Name an order by what it follows from, so that a repeat finds the first."""
        digest = hashlib.sha256(f"session {of}".encode()).digest()
        word = base64.b32encode(digest[:16]).decode().lower().rstrip("=")
        return RevocationId(f"r_{digest[16] % self._buckets:02x}_{word}")


def _of_issuer(said: LoggedOut) -> Selector:
    if said.session:
        return Selector(SelectorKind.SESSION, _bare(session_name(said.issuer, said.session)))
    return Selector(SelectorKind.SUBJECT, _bare(subject_name(said.issuer, said.subject)))


def _of_caller(caller: Principal, person: str, tenant: str) -> tuple[Selector, Sequence[str]]:
    if caller.kind is Kind.PERSON:
        if person or tenant:
            raise InvalidRequestError("people end their own session: leave it out", field="person")
        said = LoggedOut(caller.issuer, caller.subject, caller.session, "")
        return _of_issuer(said), (ALL_TENANTS,)
    if caller.kind is not Kind.OPERATOR:
        raise AccessDeniedError("people-and-operators-only")
    if not person or not tenant:
        raise InvalidRequestError("say whose: person and tenant", field="person")
    if not is_operator_of(caller, tenant):
        raise NotFoundError("no such tenant")
    return Selector(SelectorKind.PERSON, _bare(person_name(tenant, person))), (tenant,)


def _bare(name: str) -> str:
    return name.partition(":")[2]


def _refused() -> InvalidRequestError:
    return InvalidRequestError("no logout token that is taken here", field="logout_token")
