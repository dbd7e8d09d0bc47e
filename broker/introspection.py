"""RFC 7662 for registered resource servers.

A token is active only if its signature is ours, its audience is the caller's own, its tenant one of
the caller's, and the ledger's judge says that its lease is alive. Everything else, whatever it is,
gets the same answer (RFC 7662 §2.2): an oracle would tell strangers which tokens exist.
"""

from collections.abc import Callable, Mapping

from broker.attestation.dates import read_date
from broker.errors import (
    AccessDeniedError,
    AttestationError,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)
from broker.ids import TaskId, lease_of, parse_task_id
from broker.late_use import Lateness
from broker.model.principal import Kind, Principal
from broker.model.requests import Introspected
from broker.signing.token_verifier import Authentic, TokenVerifier
from broker.store.lease_ledger import LeaseLedger


class Introspection:
    """Judges tokens for the servers that they are meant for.

    ``verifier`` returns the verifier over the keys that are published now; ``late`` is told of
    tokens that are shown after their end.
    """

    def __init__(
        self,
        verifier: Callable[[], TokenVerifier],
        leases: LeaseLedger,
        late: Lateness,
    ) -> None:
        self._verifier = verifier
        self._leases = leases
        self._late = late

    async def introspect(self, caller: Principal, token: str) -> Introspected | None:
        """Return a live token of the caller's own audience; None means {"active": false}.

        Raises:
            AccessDeniedError: the caller is no resource server.
            StoreUnavailableError: nobody can say; the resource server must refuse the token.
            UnavailableError: nor can we by a clock that may be wrong.
        """
        if caller.kind is not Kind.RESOURCE:
            raise AccessDeniedError("resource-servers-only")
        try:
            return await self._judge(caller, self._verifier().authenticate(token))
        except (AttestationError, InvalidRequestError, NotFoundError):
            return None

    async def _judge(self, caller: Principal, token: Authentic) -> Introspected | None:
        claims = token.claims
        token_id = str(claims["jti"])
        issued_at_s, expires_at_s = read_date(claims, "iat"), read_date(claims, "exp")
        lease = await self._leases.view(lease_of(token_id), _path(claims), key_id=token.key_id)
        is_ours = claims["aud"] == caller.name == lease.spec.audience
        if not is_ours or not caller.answers_for(lease.spec.tenant):
            return None
        if not lease.is_sure:
            raise UnavailableError("the ledger's clock and this broker's disagree: see /readyz")
        if not lease.is_alive:
            await self._late.shown(lease)
            return None
        if lease.judged_at_ms >= expires_at_s * 1000:
            return None
        return Introspected(lease, lease.spec.id, token_id, issued_at_s, expires_at_s)


def _path(claims: Mapping[str, object]) -> tuple[TaskId, ...]:
    path = claims.get("path")
    if not isinstance(path, list) or not path:
        raise NotFoundError("the token names no task")
    return tuple(parse_task_id(str(part)) for part in path)
