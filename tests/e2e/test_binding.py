"""Credentials that are bound to the agent's key, from policy to introspection (C6, C7, B21)."""

from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from broker.proof.dpop_key import DpopKey
from tests.fakes.cast import AGENT, HELPER, OPERATOR
from tests.fakes.world import Answer, World, issue_body
from tests.fakes.world_config import BROKER

KEY, OTHER = DpopKey.generate(), DpopKey.generate()


def bound(method: str) -> str:
    """Write a policy that demands a binding of every credential."""
    return f"""
@id("bound")
@binding("{method}")
permit (
  principal is Agent,
  action in [Action::"RequestCredential", Action::"RenewCredential"],
  resource is Capability
)
when {{ principal.tenant == context.task.tenant }};
"""


async def demand(world: World, method: str) -> None:
    """Let policy demand it from now on."""
    world.config.write("policies/50-world.cedar", bound(method))
    await world.publish()


async def ask(
    world: World,
    path: str,
    *proofs: str,
    key: str = "",
    at: int = 0,
    body: Mapping[str, object] | None = None,
) -> Answer:
    """Ask with some proofs in the header, by the shipped agent."""
    headers = {"DPoP": proofs[0]} if proofs else {}
    sent = issue_body() if body is None else body
    return await world.call(AGENT, "POST", path, sent, headers=headers, key=key, at=at)


def credentials(task: dict[str, Any]) -> str:
    """Return the path at which a task's credentials are asked for."""
    return f"/v1/tasks/{task['id']}/credentials"


def claims_of(token: str) -> dict[str, Any]:
    """Read a token without checking it."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_a_proof_binds_the_credential(world: World) -> None:
    """The token names the key, and so does everything that shows the credential."""
    path = credentials(await world.open())

    issued = await ask(world, path, KEY.proof("POST", BROKER + path))

    cnf = {"jkt": KEY.thumbprint}
    assert (issued.status, issued["token_type"], issued["bound_to"]) == (201, "DPoP", cnf)
    assert claims_of(issued["access_token"])["cnf"] == cnf
    shown = await world.get(AGENT, f"/v1/credentials/{issued['id']}")
    assert shown["bound_to"] == cnf
    told = await world.introspect(issued["access_token"])
    assert (told["active"], told["token_type"], told["cnf"]) == (True, "DPoP", cnf)


async def test_without_a_proof_nothing_is_bound(world: World) -> None:
    """Where policy does not demand it."""
    task = await world.open()

    issued = await world.issue(task["id"])

    assert issued["token_type"] == "Bearer"
    assert "cnf" not in claims_of(issued["access_token"])
    assert "cnf" not in (await world.introspect(issued["access_token"])).body


@pytest.mark.parametrize("method", ["dpop", "any"])
async def test_policy_demands_a_binding(world: World, method: str) -> None:
    """Without a proof a typed problem, which an operator can look up; with one the credential."""
    path = credentials(await world.open())
    await demand(world, method)

    refused = await ask(world, path)

    assert (refused.status, refused.code) == (403, "binding-required")
    why = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert why["reason"] == "binding-required"
    assert (await ask(world, path, KEY.proof("POST", BROKER + path))).status == 201


async def test_a_proof_does_not_stand_for_a_certificate(world: World) -> None:
    """Where policy wants mTLS, DPoP is not enough."""
    path = credentials(await world.open())
    await demand(world, "mtls")

    refused = await ask(world, path, KEY.proof("POST", BROKER + path))

    assert (refused.status, refused.code) == (403, "binding-required")


async def test_two_permits_that_want_different_bindings_leave_none(world: World) -> None:
    """Obligations only ever narrow."""
    path = credentials(await world.open())
    both = bound("mtls") + bound("dpop").replace('@id("bound")', '@id("other")')
    world.config.write("policies/50-world.cedar", both)
    await world.publish()

    assert (await ask(world, path, KEY.proof("POST", BROKER + path))).code == "binding-required"


async def test_a_renewal_is_by_the_same_key(world: World) -> None:
    """Neither without a proof nor by another key; the next token names the same one."""
    path = credentials(await world.open())
    issued = await ask(
        world, path, KEY.proof("POST", BROKER + path), body=issue_body(ttl_seconds=60)
    )
    renew = f"/v1/credentials/{issued['id']}/renew"
    body = {"ttl_seconds": 300}

    without = await ask(world, renew, body=body)
    other = await ask(world, renew, OTHER.proof("POST", BROKER + renew), body=body)
    renewed = await ask(world, renew, KEY.proof("POST", BROKER + renew), body=body)

    assert [without.code, other.code] == ["binding-required", "binding-required"]
    assert claims_of(renewed["access_token"])["cnf"] == {"jkt": KEY.thumbprint}


async def test_an_unbound_credential_is_not_renewed_once_policy_demands_a_binding(
    world: World,
) -> None:
    """A proof then does not bind what was granted without; a new one has to be asked for."""
    issued = await world.issue((await world.open())["id"], ttl_seconds=60)
    await demand(world, "dpop")
    renew = f"/v1/credentials/{issued['id']}/renew"

    refused = await ask(world, renew, KEY.proof("POST", BROKER + renew), body={"ttl_seconds": 300})

    assert refused.code == "binding-required"


async def test_c6_a_captured_proof_is_refused_at_every_broker(worlds: World) -> None:
    """Also at one that has never seen it."""
    path = credentials(await worlds.open())
    proof = KEY.proof("POST", BROKER + path)
    assert (await ask(worlds, path, proof)).status == 201

    for at in (0, 1):
        again = await ask(worlds, path, proof, at=at)
        assert (again.status, again.code, again["field"]) == (400, "invalid-dpop-proof", "DPoP")


async def test_a_repeat_brings_the_same_token_with_a_new_proof(world: World) -> None:
    """And under the same idempotency key by another key it is another request."""
    path = credentials(await world.open())
    first = await ask(world, path, KEY.proof("POST", BROKER + path), key="k-1")

    again = await ask(world, path, KEY.proof("POST", BROKER + path), key="k-1")
    other = await ask(world, path, OTHER.proof("POST", BROKER + path), key="k-1")
    without = await ask(world, path, key="k-1")

    assert again["access_token"] == first["access_token"]
    assert (other.status, without.status) == (422, 422)


async def test_c7_a_proof_for_anything_else_is_refused(world: World) -> None:
    """Another method, path, host or token; and nothing is granted."""
    task = await world.open()
    path = credentials(task)
    hostile = [
        KEY.proof("GET", BROKER + path),
        KEY.proof("POST", BROKER + path + "/"),
        KEY.proof("POST", "http://127.0.0.1:8701" + path),
        KEY.proof("POST", "http://broker" + path),
        KEY.proof("POST", BROKER + path, token="another"),
        "nonsense",
        "",
    ]

    answers = [await ask(world, path, proof) for proof in hostile]

    assert {(answer.status, answer.code) for answer in answers} == {(400, "invalid-dpop-proof")}
    listed = await world.get(AGENT, path)
    assert listed["credentials"] == []


async def test_evidence_may_be_shown_under_dpop_with_its_proof(world: World) -> None:
    """Then the proof names the workload token; without one, or with a bare one, it is refused."""
    path, token = credentials(await world.open()), world.remembered(AGENT)
    shown = {"Authorization": f"DPoP {token}", "Content-Type": "application/json"}

    async def with_proof(proof: str | None) -> Answer:
        headers = shown if proof is None else {**shown, "DPoP": proof}
        return await world.call(None, "POST", path, issue_body(), headers=headers)

    assert (await with_proof(KEY.proof("POST", BROKER + path, token=token))).status == 201
    assert (await with_proof(KEY.proof("POST", BROKER + path))).code == "invalid-dpop-proof"
    assert (await with_proof(None)).code == "invalid-dpop-proof"


async def test_i6_a_proof_opens_nobody_elses_credential(world: World) -> None:
    """Another agent with the right key is still another agent."""
    path = credentials(await world.open())
    issued = await ask(
        world, path, KEY.proof("POST", BROKER + path), body=issue_body(ttl_seconds=60)
    )
    renew = f"/v1/credentials/{issued['id']}/renew"
    headers = {"DPoP": KEY.proof("POST", BROKER + renew)}

    answer = await world.call(HELPER, "POST", renew, {"ttl_seconds": 300}, headers=headers)

    assert answer.status == 404


async def test_the_metadata_names_the_algorithms_of_proofs(world: World) -> None:
    """RFC 9449 §5.1."""
    metadata = await world.get(None, "/.well-known/oauth-authorization-server")

    assert metadata["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA"]
