"""What the broker signs, the client's verifier reads: the two are written apart on purpose."""

from dataclasses import dataclass

import pytest

from backends.access_token import AccessToken
from backends.jwt import access_token_claims
from broker.client.keys import FixedKeys, parse_key_set
from broker.client.liveness import OfflineLiveness
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier
from broker.ids import IdFactory, LeaseId, TaskId, jti
from broker.signing.key import SIGNING_ALGORITHMS, SigningKey, new_private_key
from tests.fakes.clock import FakeClock

ISSUER = "https://broker.example"
AUDIENCE = "https://orders.example"
NOW_MS = 1_800_000_000_777
IDS = IdFactory(16)


@dataclass(frozen=True)
class Grant:
    """What varies between tokens."""

    subject: str
    actors: tuple[str, ...]
    scopes: tuple[str, ...] = ("orders:read",)
    generation: int = 1


def stated(grant: Grant, path: list[TaskId], lease: LeaseId) -> AccessToken:
    """Return what the broker would state."""
    return AccessToken(
        issuer=ISSUER,
        audience=AUDIENCE,
        subject=grant.subject,
        client_id="helper",
        jti=jti(lease, grant.generation),
        scopes=grant.scopes,
        issued_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 300_999,
        task=path[-1],
        path=path,
        agent="helper",
        instance="spiffe://corp/ns/agents/pod-1",
        capability="orders-api",
        tenant="acme",
        evidence_issuer="https://ci.example",
        actors=grant.actors,
    )


def understood(grant: Grant, path: list[TaskId], lease: LeaseId, key_id: str) -> VerifiedToken:
    """Return what the client must read in it."""
    return VerifiedToken(
        issuer=ISSUER,
        audience=AUDIENCE,
        subject=grant.subject,
        agent="helper",
        instance="spiffe://corp/ns/agents/pod-1",
        tenant="acme",
        task=path[-1],
        path=tuple(path),
        capability="orders-api",
        scopes=frozenset(grant.scopes),
        jti=jti(lease, grant.generation),
        lease=lease,
        actors=grant.actors,
        evidence_issuer="https://ci.example",
        issued_at_ms=NOW_MS,
        expires_at_ms=(NOW_MS + 300_999) // 1000 * 1000,
        key_id=key_id,
    )


@pytest.mark.parametrize("alg", SIGNING_ALGORITHMS)
@pytest.mark.parametrize(
    "grant",
    [
        Grant("agent:helper", ("helper",)),
        Grant("agent:helper", ("planner", "helper"), scopes=()),
        Grant("user:alice", ("planner", "planner", "helper"), generation=2),
        Grant("user:älïce@corp", (*"abcdefg", "helper"), generation=17),
    ],
)
async def test_every_shape_of_token_that_the_broker_makes_is_verified(
    alg: str, grant: Grant
) -> None:
    """Roots and delegations, agents and users, both algorithms, first tokens and renewals."""
    root = IDS.root_task()
    path = [root] + [IDS.child_task(root) for _ in grant.actors[1:]]
    lease = IDS.lease(root)
    key = SigningKey("key-1", new_private_key(alg))
    claims = access_token_claims(stated(grant, path, lease))
    verifier = Verifier(
        ISSUER,
        AUDIENCE,
        keys=FixedKeys(parse_key_set({"keys": [dict(key.jwk)]})),
        liveness=OfflineLiveness(),
        clock=FakeClock(NOW_MS),
    )

    token = await verifier.verify(key.sign(claims).reveal())

    assert token == understood(grant, path, lease, key.kid)
