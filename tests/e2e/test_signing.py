"""Keys and tokens over several replicas: one JWK Set, deterministic signatures, rotation."""

import jwt
import pytest

from tests.fakes.cast import AGENT
from tests.fakes.world import World
from tests.fakes.world_config import BROKER

JWKS = "/.well-known/jwks.json"


async def test_every_replica_shows_the_same_keys(worlds: World) -> None:
    """At each step of a rotation, whatever private halves it has."""
    for _ in range(3):
        shown = [await worlds.get(None, JWKS, at=at) for at in (0, 1)]
        assert shown[0].raw == shown[1].raw
        assert all("d" not in key for key in shown[0]["keys"])
        await worlds.rotate()


@pytest.mark.parametrize("alg", ["EdDSA", "ES256"])
async def test_a_repeat_signs_the_same_bytes_at_every_replica(worlds: World, alg: str) -> None:
    """ES256 as well, which is usually random: no token is stored, and none is minted twice."""
    for _ in range(2):
        await worlds.rotate(alg=alg)
    task = await worlds.open()

    tokens = [
        (await worlds.ask(task["id"], key="k-1", at=at))["access_token"] for at in (0, 1, 0, 1)
    ]

    assert len(set(tokens)) == 1
    assert jwt.get_unverified_header(tokens[0])["alg"] == alg


@pytest.mark.parametrize("alg", ["EdDSA", "ES256"])
async def test_anybody_can_verify_a_token_by_the_published_keys(world: World, alg: str) -> None:
    """With a library that knows nothing of us."""
    for _ in range(2):
        await world.rotate(alg=alg)
    task = await world.open()
    issued = await world.issue(task["id"])

    keys = jwt.PyJWKSet.from_dict((await world.get(None, JWKS)).body)
    kid = jwt.get_unverified_header(issued["access_token"])["kid"]
    claims = jwt.decode(
        issued["access_token"],
        keys[kid],
        algorithms=[alg],
        audience="https://orders.example",
        issuer=BROKER,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )

    assert claims["task"] == task["id"]


async def test_a_key_is_known_before_it_signs(world: World) -> None:
    """The next key is published first, so that no verifier meets a stranger."""
    before = {key["kid"] for key in (await world.get(None, JWKS))["keys"]}
    await world.rotate()
    announced = {key["kid"] for key in (await world.get(None, JWKS))["keys"]} - before
    task = await world.open()
    old = await world.issue(task["id"])
    await world.rotate()
    new = await world.issue(task["id"])

    assert {jwt.get_unverified_header(old["access_token"])["kid"]} == before
    assert {jwt.get_unverified_header(new["access_token"])["kid"]} == announced
    assert await world.is_active(old["access_token"])


async def test_a_token_of_ours_is_no_evidence(world: World) -> None:
    """What an agent was given opens no door here: tokens are for resource servers."""
    task = await world.open()
    issued = await world.issue(task["id"])

    answer = await world.call(issued["access_token"], "GET", f"/v1/tasks/{task['id']}")

    assert answer.status == 401
    assert (await world.get(AGENT, f"/v1/tasks/{task['id']}")).status == 200
