"""What the scripts of leases answer."""

import msgspec
from msgspec.structs import replace

from broker.errors import NotFoundError
from broker.ids import LeaseId
from broker.model.lease import Lease, LeaseState
from broker.model.target import TargetDeath
from broker.store import codec
from broker.store.link import Reply
from broker.store.refusals import accept


class Granted(msgspec.Struct, frozen=True):
    """The dates that the ledger has set, to be signed exactly, by the key ``key_id``.

    ``is_new`` is false for the repeat of an idempotent request.
    """

    lease: LeaseId
    generation: int
    issued_at_ms: int
    expires_at_ms: int
    max_expires_at_ms: int
    key_id: str
    is_new: bool


def granted(reply: Reply) -> Granted:
    """Read what granting or renewing answers.

    Raises:
        BrokerError: the script refused.
    """
    status, lease, generation, issued, expires, most, key_id = accept(reply)
    return Granted(
        LeaseId(lease),
        int(generation),
        int(issued),
        int(expires),
        int(most),
        key_id,
        is_new=status == "ok",
    )


def lease_seen(reply: Reply) -> Lease:
    """Read a lease as the judge sees it.

    Raises:
        NotFoundError: there is none.
        UnreadableRecordError: its record is none of ours.
    """
    now, ended, spec, state, generation, issued, expires, most, *rest = reply
    ended_at, ended_by, end_n, key_id, _renewed, death, sure, why, used = rest
    if spec is None or ended == "absent":
        raise NotFoundError("not in the ledger")
    with codec.reading("a lease in the ledger"):
        return Lease(
            spec=replace(codec.lease_spec(spec), key_id=key_id),
            state=LeaseState(state),
            is_alive=not ended,
            generation=int(generation),
            issued_at_ms=int(issued),
            expires_at_ms=int(expires),
            max_expires_at_ms=int(most),
            ended_at_ms=int(ended_at or 0),
            ended_by=ended_by or ended or "",
            end_number=int(end_n or 0),
            judged_at_ms=int(now),
            passed_ms=int(now),
            death=TargetDeath.parse(death) if death else None,
            sure_until_ms=int(sure or expires),
            why=codec.why(why) if why else None,
            used_at_ms=int(used or 0),
        )
