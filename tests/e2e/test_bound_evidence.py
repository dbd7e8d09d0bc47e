"""Workload tokens that are bound to a key: good only with its proof (B21, RFC 9449 §7)."""

from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest

from broker.proof.dpop_key import DpopKey
from tests.fakes.cast import AGENT
from tests.fakes.rows import named
from tests.fakes.world import Answer, World, issue_body
from tests.fakes.world_config import BROKER

KEY, OTHER = DpopKey.generate(), DpopKey.generate()
CNF = {"jkt": KEY.thumbprint}


async def show(
    world: World, path: str, token: str, *proofs: str, scheme: str = "DPoP", at: int = 0
) -> Answer:
    """Ask for a task with a workload token under a scheme, and a proof if one is given."""
    headers = {"Authorization": f"{scheme} {token}"}
    if proofs:
        headers["DPoP"] = proofs[0]
    return await world.call(None, "GET", path, headers=headers, at=at)


async def own_task(world: World) -> str:
    """Return the path of a task that the agent may see."""
    return f"/v1/tasks/{(await world.open())['id']}"


async def test_a_bound_token_is_good_with_a_proof_for_the_request(world: World) -> None:
    """Each time anew; and its bearer is who the token says."""
    path, token = await own_task(world), world.token(AGENT, cnf=CNF)

    answers = [
        await show(world, path, token, KEY.proof("GET", BROKER + path, token=token))
        for _ in range(2)
    ]

    assert [answer.status for answer in answers] == [200, 200]


async def test_the_credential_is_bound_to_the_evidence_s_key(world: World) -> None:
    """The proof of the evidence is the proof of the request."""
    path, token = f"{await own_task(world)}/credentials", world.token(AGENT, cnf=CNF)
    proof = KEY.proof("POST", BROKER + path, token=token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}

    issued = await world.call(None, "POST", path, issue_body(), headers=headers)

    assert (issued.status, issued["token_type"]) == (201, "DPoP")
    claims = jwt.decode(issued["access_token"], options={"verify_signature": False})
    assert claims["cnf"] == CNF


async def test_a_bound_token_shown_as_bearer_is_refused(world: World) -> None:
    """With or without a proof, and it looks like any other evidence that is not accepted."""
    path, token = await own_task(world), world.token(AGENT, cnf=CNF)
    nobody = await world.get(None, path)

    bare = await show(world, path, token, scheme="Bearer")
    proven = await show(
        world, path, token, KEY.proof("GET", BROKER + path, token=token), scheme="Bearer"
    )

    assert (bare.status, bare.raw) == (proven.status, proven.raw) == (401, nobody.raw)


HOSTILE: Mapping[str, Callable[[str, str, str], str]] = {
    "another key": lambda path, token, _: OTHER.proof("GET", BROKER + path, token=token),
    "another method": lambda path, token, _: KEY.proof("POST", BROKER + path, token=token),
    "another path": lambda path, token, _: KEY.proof("GET", f"{BROKER}{path}/x", token=token),
    "another host": lambda path, token, _: KEY.proof("GET", f"http://broker{path}", token=token),
    "another token": lambda path, _, other: KEY.proof("GET", BROKER + path, token=other),
    "no token": lambda path, *_: KEY.proof("GET", BROKER + path),
    "nonsense": lambda *_: "x.y.z",
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_proof_of_anything_else_is_refused(world: World, case: str) -> None:
    """Of another key, request or token; the right one still works afterwards."""
    path, token = await own_task(world), world.token(AGENT, cnf=CNF)
    other = world.token(AGENT, cnf=CNF, jti="other")

    refused = await show(world, path, token, HOSTILE[case](path, token, other))

    assert (refused.status, refused.code, refused["field"]) == (400, "invalid-dpop-proof", "DPoP")
    good = KEY.proof("GET", BROKER + path, token=token)
    assert (await show(world, path, token, good)).status == 200


async def test_without_a_proof_it_is_refused(world: World) -> None:
    """The scheme alone proves nothing."""
    path, token = await own_task(world), world.token(AGENT, cnf=CNF)

    assert (await show(world, path, token)).code == "invalid-dpop-proof"


async def test_c6_a_captured_proof_serves_nobody(worlds: World) -> None:
    """At no broker, although token and proof fit each other."""
    path, token = await own_task(worlds), worlds.token(AGENT, cnf=CNF)
    proof = KEY.proof("GET", BROKER + path, token=token)
    assert (await show(worlds, path, token, proof)).status == 200

    for at in (0, 1):
        assert (await show(worlds, path, token, proof, at=at)).code == "invalid-dpop-proof"


async def test_a_remembered_token_is_judged_with_each_request(world: World) -> None:
    """That its signature was checked a moment ago proves no key."""
    path, token = await own_task(world), world.token(AGENT, cnf=CNF)
    proof = KEY.proof("GET", BROKER + path, token=token)
    assert (await show(world, path, token, proof)).status == 200

    assert (await show(world, path, token, scheme="Bearer")).status == 401
    by_other = OTHER.proof("GET", BROKER + path, token=token)
    assert (await show(world, path, token, by_other)).status == 400


UNCHECKABLE: tuple[Any, ...] = (
    [CNF],
    {},
    None,
    "x",
    {"jkt": [KEY.thumbprint]},
    {"jwk": {"kty": "EC"}},
    {"kid": "k"},
    {**CNF, "x5t#S256": KEY.thumbprint},
    {**CNF, "kid": "k"},
)


@pytest.mark.parametrize("cnf", named(UNCHECKABLE))
async def test_what_cannot_be_checked_stays_refused(world: World, cnf: object) -> None:
    """Also with a proof that would fit, and as a bearer token."""
    path, token = await own_task(world), world.token(AGENT, cnf=cnf)
    proof = KEY.proof("GET", BROKER + path, token=token)

    assert (await show(world, path, token, proof)).status == 401
    assert (await show(world, path, token, scheme="Bearer")).status == 401


async def test_a_token_bound_to_a_certificate_needs_a_connection_with_it(world: World) -> None:
    """A proof by a key does not stand for it, and there is none without TLS."""
    path, token = await own_task(world), world.token(AGENT, cnf={"x5t#S256": KEY.thumbprint})
    proof = KEY.proof("GET", BROKER + path, token=token)

    for scheme in ("Bearer", "DPoP"):
        assert (await show(world, path, token, proof, scheme=scheme)).status == 401
    assert (await show(world, path, token, scheme="Bearer")).status == 401
