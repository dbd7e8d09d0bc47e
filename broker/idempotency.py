"""What makes two requests the same (I10).

An idempotency key belongs to one principal, one of its instances and one route; it stands for one
request, known by its digest. The key itself is never stored, only a hash of all of this.
"""

import hashlib

import msgspec

from broker.model.principal import Principal
from broker.store import codec


class Repeatable(msgspec.Struct, frozen=True):
    """``key`` is empty when the caller sent none: then every request is a new one."""

    key: str
    digest: str


def repeatable(caller: Principal, route: str, idempotency_key: str, request: object) -> Repeatable:
    """Name a request. ``route`` includes the ids in its path; ``request`` is its parsed body."""
    if not idempotency_key:
        return Repeatable("", "")
    scope = (caller.issuer, caller.ref, caller.instance, route, idempotency_key)
    return Repeatable(_hash(scope), _hash(request))


def _hash(value: object) -> str:
    return hashlib.sha256(codec.encode(value).encode()).hexdigest()
