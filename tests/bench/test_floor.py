"""The floor does what it is said to do, in full: a floor that cheats would flatter the product."""

import base64
from collections.abc import AsyncIterator, Mapping

import aiohttp
import jwt
import pytest
from aiohttp.test_utils import TestClient, TestServer

from broker.clock import SystemClock
from broker.signing.key import PrivateKey, SigningKey, new_private_key
from tests.bench.floor import application
from tests.bench.floor_jose import Jose
from tests.fakes.redis_servers import SingleServer

ISSUER = "http://127.0.0.1:8701"
WORKLOAD = new_private_key("ES256")
NOW = SystemClock().now_ms() // 1000
CLAIMS: Mapping[str, object] = {
    "iss": ISSUER,
    "aud": "jit-broker",
    "sub": "invoice-bot",
    "tenant": "acme",
    "instance": "pod-1",
    "nbf": NOW - 1,
    "exp": NOW + 600,
}
WISH = {
    "task": "t_00_a",
    "capability": "orders-api",
    "scopes": ["orders:read"],
    "ttl_seconds": 300,
    "labels": {"run": "7"},
}


def badge(key: PrivateKey = WORKLOAD, **changes: object) -> str:
    """Sign a workload token."""
    return SigningKey("w", key, token_type="JWT").sign({**CLAIMS, **changes}).reveal()


def asked_by(token: str) -> dict[str, str]:
    """Show a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(params=["EdDSA", "ES256"])
def own(request: pytest.FixtureRequest) -> PrivateKey:
    """The floor's own key."""
    return new_private_key(request.param)


@pytest.fixture
async def client(own: PrivateKey, single: SingleServer) -> AsyncIterator[TestClient]:
    """The floor on an empty Redis."""
    app = await application(single.path, Jose(WORKLOAD.public_key(), ISSUER, own))
    async with TestClient(TestServer(app)) as client:
        yield client


async def issue(client: TestClient, token: str) -> aiohttp.ClientResponse:
    """Ask for a credential."""
    return await client.post("/issue", json=WISH, headers=asked_by(token))


async def test_it_issues_a_token_that_others_can_verify(
    client: TestClient, own: PrivateKey
) -> None:
    """With a library of somebody else's."""
    answer = await issue(client, badge())

    token = (await answer.json())["access_token"]
    key, algorithms = own.public_key(), ["EdDSA", "ES256"]
    claims = jwt.decode(token, key, algorithms, audience="https://orders.example")
    assert answer.status == 201
    assert (claims["agent"], claims["task"], claims["scope"]) == (
        "invoice-bot",
        "t_00_a",
        "orders:read",
    )
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


async def test_it_writes_a_record_of_twelve_fields_and_four_indexes(
    client: TestClient, single: SingleServer
) -> None:
    """Which expires by itself."""
    lease = (await (await issue(client, badge())).json())["id"]

    flat = single.ask("HGETALL", f"floor:l:{lease}")
    assert len(flat) == 24
    assert dict(zip(flat[::2], flat[1::2], strict=True))["labels"] == '{"run":"7"}'
    assert 0 < single.ask("PTTL", f"floor:l:{lease}") <= 300_000
    for index in ("floor:expiry", "floor:agent:invoice-bot", "floor:tenant:acme"):
        assert single.ask("ZRANGE", index, 0, -1) == [lease]
    assert single.ask("SMEMBERS", "floor:task:t_00_a") == [lease]


def forged(token: str) -> str:
    """Change one bit of the signature."""
    head, _, signature = token.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[5] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "token",
    [
        forged(badge()),
        badge(new_private_key("ES256")),
        badge(new_private_key("EdDSA")),
        badge(iss="https://elsewhere.example"),
        badge(aud="somebody-else"),
        badge(exp=NOW - 1),
        badge(nbf=NOW + 500),  # the other tests may take a while before it
    ],
    ids=["forged", "stranger's key", "another alg", "issuer", "audience", "expired", "early"],
)
async def test_evidence_that_is_none_gets_nothing(
    client: TestClient, single: SingleServer, token: str
) -> None:
    """So it is known that the signature is really checked."""
    answer = await issue(client, token)

    assert answer.status == 500
    assert single.ask("DBSIZE") == 0


async def test_introspection_verifies_and_looks(client: TestClient, single: SingleServer) -> None:
    """A live token is active, one whose record is gone is not, a forged one is an error."""
    issued = await (await issue(client, badge())).json()
    token, caller = issued["access_token"], asked_by(badge(sub="https://orders.example"))

    async def look(token: str) -> aiohttp.ClientResponse:
        return await client.post("/introspect", data={"token": token}, headers=caller)

    alive = await (await look(token)).json()
    single.ask("DEL", f"floor:l:{issued['id']}")
    dead = await (await look(token)).json()

    assert (alive["active"], alive["task"], dead["active"]) == (True, "t_00_a", False)
    assert (await look(forged(token))).status == 500
    assert (await look(badge())).status == 500


async def test_completing_verifies_and_writes(client: TestClient, single: SingleServer) -> None:
    """The task is closed and due to be taken down."""

    async def complete(token: str) -> int:
        wish = {"task": "t_00_a"}
        return (await client.post("/complete", json=wish, headers=asked_by(token))).status

    assert await complete(forged(badge())) == 500
    assert single.ask("DBSIZE") == 0
    assert await complete(badge()) == 200
    assert single.ask("HGET", "floor:t:t_00_a", "state") == "completed"
    assert single.ask("ZRANGE", "floor:due", 0, -1) == ["t_00_a"]
