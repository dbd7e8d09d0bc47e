"""Brokers that take proofs only with a nonce of theirs (RFC 9449 §8), and clients that know it."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from broker.client import BrokerClient
from broker.proof.dpop_key import DpopKey
from broker.proof.nonces import NONCE_HEADER, DpopNonces
from broker.settings.limits import Dpop
from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import Answer, World, issue_body, open_world
from tests.fakes.world_config import BROKER, Template

REQUIRED = Dpop(require_nonce=True, nonce_seconds=300)


@pytest.fixture
async def strict(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """Two brokers on one ledger that require nonces."""
    async with open_world(single, template, signer, tmp_path, brokers=0) as world:
        for _ in range(2):
            await world.start(dpop=REQUIRED)
        yield world


async def ask(world: World, path: str, key: DpopKey, *, at: int = 0) -> Answer:
    """Ask for a credential with a proof; the key heeds what the answer says of nonces."""
    headers = {"DPoP": key.proof("POST", BROKER + path)}
    answer = await world.call(AGENT, "POST", path, issue_body(), headers=headers, at=at)
    key.heed(BROKER, answer.headers)
    return answer


async def credentials(world: World) -> str:
    """Return where credentials of a new task are asked for."""
    return f"/v1/tasks/{(await world.open())['id']}/credentials"


async def test_a_proof_without_a_nonce_is_told_which_to_use(strict: World) -> None:
    """As RFC 9449 §8 has it: 400, the error, and exactly one header; and nothing is granted."""
    key, path = DpopKey.generate(), await credentials(strict)

    refused = await ask(strict, path, key)

    assert (refused.status, refused.code, refused["error"]) == (
        400,
        "use-dpop-nonce",
        "use_dpop_nonce",
    )
    assert refused.headers[NONCE_HEADER]
    assert (await strict.get(AGENT, path))["credentials"] == []
    again = await ask(strict, path, key)
    assert (again.status, again["token_type"]) == (201, "DPoP")


async def test_on_oauth_routes_it_is_an_oauth_error(strict: World) -> None:
    """RFC 6749 §5.2's form, with the same header."""
    headers = {"DPoP": DpopKey.generate().proof("POST", f"{BROKER}/oauth/introspect")}

    refused = await strict.call(
        AGENT, "POST", "/oauth/introspect", data={"token": "x"}, headers=headers
    )

    assert (refused.status, refused["error"]) == (400, "use_dpop_nonce")
    assert refused.headers[NONCE_HEADER]


async def test_the_nonce_of_another_replica_is_good(strict: World) -> None:
    """They share keys, and nothing else."""
    key, path = DpopKey.generate(), await credentials(strict)
    assert (await ask(strict, path, key, at=0)).code == "use-dpop-nonce"

    assert (await ask(strict, path, key, at=1)).status == 201


async def test_a_nonce_outlives_a_rotation_of_the_signing_key(strict: World) -> None:
    """The key before is published on, and still checks."""
    key, path = DpopKey.generate(), await credentials(strict)
    await ask(strict, path, key)
    for _ in range(2):  # the next key is shown, then signs
        await strict.rotate()

    assert (await ask(strict, path, key)).status == 201


async def test_an_expired_nonce_is_replaced(strict: World) -> None:
    """Two windows later, at a broker whose clock says so."""
    key, path = DpopKey.generate(), await credentials(strict)
    first = (await ask(strict, path, key)).headers[NONCE_HEADER]
    strict.running[0].clock.shift_ms = 2 * REQUIRED.nonce_seconds * 1000 + 60_000
    ahead = DpopKey.generate(strict.running[0].clock)
    ahead.heed(BROKER, {NONCE_HEADER: first})

    headers = {"DPoP": ahead.proof("GET", f"{BROKER}/v1/tasks")}
    refused = await strict.call(AGENT, "GET", "/v1/tasks", headers=headers)

    assert refused.code == "use-dpop-nonce"
    assert refused.headers[NONCE_HEADER] != first


async def test_a_foreign_nonce_is_replaced(strict: World) -> None:
    """Of other keys, however well made."""
    key, path = DpopKey.generate(), await credentials(strict)
    foreign = DpopNonces.of_key(strict.running[0].clock, b"x" * 32).newest()
    key.heed(BROKER, {NONCE_HEADER: foreign})

    assert (await ask(strict, path, key)).code == "use-dpop-nonce"
    assert (await ask(strict, path, key)).status == 201


async def test_a_good_answer_tells_the_newest_nonce_too(strict: World) -> None:
    """§8.2; whoever sends no proof is told nothing and needs none."""
    key, path = DpopKey.generate(), await credentials(strict)
    await ask(strict, path, key)

    assert (await ask(strict, path, key)).headers[NONCE_HEADER]
    bare = await strict.call(OPERATOR, "GET", "/v1/tasks")
    assert bare.status == 200
    assert NONCE_HEADER not in bare.headers


async def test_evidence_that_is_bound_needs_a_nonce_as_well(strict: World) -> None:
    """Its proof is a proof like any other."""
    key = DpopKey.generate()
    token = strict.token(AGENT, cnf={"jkt": key.thumbprint})

    async def look() -> Answer:
        headers = key.headers("GET", f"{BROKER}/v1/tasks", token=token)
        answer = await strict.call(None, "GET", "/v1/tasks", headers=headers)
        key.heed(BROKER, answer.headers)
        return answer

    assert (await look()).code == "use-dpop-nonce"
    assert (await look()).status == 200


async def test_without_the_setting_a_nonce_is_neither_asked_for_nor_told(world: World) -> None:
    """And one that comes along does no harm."""
    key, path = DpopKey.generate(), await credentials(world)
    key.heed(BROKER, {NONCE_HEADER: "whatever"})

    answer = await ask(world, path, key)

    assert answer.status == 201
    assert NONCE_HEADER not in answer.headers


async def test_the_client_sends_a_request_once_more_with_the_nonce(strict: World) -> None:
    """Also one that creates; and then it goes on with the newest nonce at once."""
    task, key = (await strict.open())["id"], DpopKey.generate()
    socket = str(strict.config.settings(0).listen.unix)
    wire = aiohttp.UnixConnector(socket)

    async def source() -> str:
        return strict.token(AGENT, cnf={"jkt": key.thumbprint})

    async with aiohttp.ClientSession(
        connector=wire, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        client = BrokerClient(BROKER, source, session, key=key)
        first = await client.credentials.issue(task, "orders-api", scopes=("orders:read",))
        second = await client.credentials.renew(first.id, ttl_seconds=600)

    assert (first.is_bound_to_dpop, second.generation) == (True, 2)
    listed = await strict.get(AGENT, f"/v1/tasks/{task}/credentials")
    assert len(listed["credentials"]) == 1
